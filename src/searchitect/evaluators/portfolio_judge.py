"""`PortfolioJudge`: an ordinary judge that also knows the places where models must serve."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from searchitect.evaluators.judge import Scores, TaskJudge, bootstrap_means
from searchitect.hardware.latency import latencies_ms
from searchitect.objectives import Objective
from searchitect.seeding import derive
from searchitect.tasks.agreement import agreement, negative_flips
from searchitect.tasks.task import Split, Task
from searchitect.tasks.views import View, held_view, labelled_split
from searchitect.training.examples import raw_tensors

__all__ = ["Place", "PortfolioJudge"]

REPEATS = 100
"""Passes of each model whose latency is limited: 59 are the fewest for a bound of 95 % with 95 % confidence."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a model is tested.

    Attributes:
        slug: of the scenario; share: of its importance.
        view: what the place sees of data; None for all of it as it is.
        test: path of its own labelled data; None for the task's test split.
    """

    slug: str
    share: float
    view: View | None = None
    test: str | None = None


class PortfolioJudge:
    """Scores frozen models on a task and in every scenario.

    Args:
        restore: as for `TaskJudge`.
        places: one for each scenario.
    """

    def __init__(
        self,
        task: Task,
        objective: Objective,
        restore: Callable[[int], Any],
        places: Sequence[Place],
        *,
        seed: int = 0,
        device: str = "cpu",
    ) -> None:
        self._judge = TaskJudge(task, objective, restore, seed=seed, device=device)
        self._task, self._objective, self._restore = task, objective, restore
        self._places, self._seed, self._device = places, seed, device

    def baselines(self) -> Sequence[str]:
        return self._judge.baselines()

    def validate(self, name: str) -> Mapping[str, float]:
        return self._judge.validate(name)

    def serve(self, members: Sequence[int], timed: Sequence[int]) -> Mapping[str, Any]:
        """Agreement and negative flips of the members on validation data; repeated latencies of some."""
        from searchitect.training import predict

        found: dict[str, Any] = {"agreement": [], "negative_flips": [], "latencies": {}}
        if self._task.spec.kind == "classification":
            split = self._task.validation
            answers = [predict(self._restore(n), split, device=self._device).argmax(axis=1) for n in members]
            found["agreement"] = agreement(answers).tolist()
            found["negative_flips"] = negative_flips(answers, split.targets).tolist()
        if timed:
            example = raw_tensors(self._task.validation, np.arange(1), self._device)
            models = {str(n): (self._restore(n).to(self._device), example) for n in timed}
            measured = latencies_ms(models, repeats=REPEATS)
            found["latencies"] = {name: [round(t, 5) for t in one.times_ms] for name, one in measured.items()}
        return found

    def test(
        self,
        models: Mapping[str, Sequence[int]],
        handed_over: int,
        baselines: Sequence[str],
        places: Mapping[str, Mapping[str, Sequence[int]]] | None = None,
    ) -> Mapping[str, Any]:
        """Open the test data once: those of the task, and those of every place.

        Args:
            places: arm to slug to the confirmation trials of the model that serves there.
        """
        result = dict(self._judge.test(models, handed_over, baselines))
        if places is not None and self._task.test is not None:
            result["portfolio"] = self._tested(places)
        return result

    def _tested(self, arms: Mapping[str, Mapping[str, Sequence[int]]]) -> dict[str, Any]:
        found: dict[str, Any] = {"arms": {arm: {} for arm in arms}}
        total, shares = np.zeros(0), 0.0
        point = 0.0
        for place in self._places:
            serving = {arm: own[place.slug] for arm, own in arms.items() if place.slug in own}
            if not serving:
                continue
            split = self._split(place)
            # Places that test on the same examples draw the same ones, so that their differences are paired too.
            rng = np.random.default_rng(derive(self._seed, "places", str(place.view), str(place.test)))
            means = self._means(list(serving.values()), split, rng)
            for arm, (value, drawn) in zip(serving, means, strict=True):
                low, high = np.percentile(drawn, [2.5, 97.5])
                found["arms"][arm][place.slug] = {
                    "value": value,
                    "interval": [float(low), float(high)],
                    "seeds": len(serving[arm]),
                    "examples": len(split),
                }
            if len(means) == 2:
                (ours, first), (theirs, second) = means
                own = place.share * (first - second)
                total = own if not len(total) else _added(total, own)
                point, shares = point + place.share * (ours - theirs), shares + place.share
        if shares:
            sign = 1.0 if self._objective.direction == "maximize" else -1.0
            low, high = sorted(sign * float(end) / shares for end in np.percentile(total, [2.5, 97.5]))
            found |= {"difference": sign * point / shares, "interval": [low, high]}
        return found

    def _means(
        self, groups: Sequence[Sequence[int]], split: Split, rng: np.random.Generator
    ) -> list[tuple[float, np.ndarray[Any, np.dtype[np.float64]]]]:
        from searchitect.training import predict

        scores: list[list[Scores]] = [
            [predict(self._restore(n), split, device=self._device) for n in numbers] for numbers in groups
        ]
        return bootstrap_means(self._objective.name, self._task.spec.kind, scores, split.targets, rng)

    def _split(self, place: Place) -> Split:
        assert self._task.test is not None
        split = self._task.test if place.test is None else labelled_split(self._task, place.test)
        return split if place.view is None else held_view(self._task, split, place.view)


def _added(first: Any, second: Any) -> Any:
    """Sum of resamples; where a metric had fewer of them, of as many as there are."""
    count = min(len(first), len(second))
    return first[:count] + second[:count]
