"""`TaskJudge`: baselines on validation data, and everything on the test split, once.

Differences come with a 95 % interval from a paired bootstrap: test examples are drawn with replacement, the same ones
for both models, and so are the training seeds of each (Efron & Tibshirani 1993, ch. 13). Where a metric is a mean over
examples this is exact resampling of their contributions; other metrics are computed anew on each resample.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from searchitect.errors import TaskError
from searchitect.evaluators import baselines
from searchitect.objectives import Objective, parse_objective
from searchitect.seeding import derive
from searchitect.tasks import metrics
from searchitect.tasks.task import Task

__all__ = ["TaskJudge", "bootstrap_difference", "bootstrap_means"]

Scores = NDArray[np.float32]
RESAMPLES = 2_000
FEW_RESAMPLES = 200
"""For metrics that have to be computed anew on each resample."""

CHUNK = 2_000_000
"""Weights held at the same time while resampling."""


class TaskJudge:
    """Scores frozen models on a task.

    Args:
        restore: returns the trained model of a confirmation trial, by its number, in evaluation mode.
        objective: the metric that decides, if it is one of the task's; otherwise the task's first metric.
    """

    def __init__(
        self, task: Task, objective: Objective, restore: Callable[[int], Any], *, seed: int = 0, device: str = "cpu"
    ) -> None:
        self._task, self._restore, self._seed, self._device = task, restore, seed, device
        own = objective.name in task.metrics
        self._objective = objective if own else parse_objective(task.metrics[0])
        self._fitted: dict[str, Any] = {}

    def baselines(self) -> Sequence[str]:
        return baselines.names_for(self._task)

    def validate(self, name: str) -> Mapping[str, float]:
        return self._metrics(self._baseline(name).scores(self._task.validation), self._task.validation.targets)

    def test(self, models: Mapping[str, Sequence[int]], handed_over: int, names: Sequence[str]) -> Mapping[str, Any]:
        """Open the test split. Returns metrics per model, comparisons with intervals, and the confusion matrix."""
        from searchitect.training import predict

        split = self._task.test
        if split is None:
            return {"models": {}, "handed_over": {}, "comparison": {}}
        scores: dict[str, list[Scores]] = {}
        for arm, numbers in models.items():
            scores[arm] = [predict(self._restore(n), split, device=self._device) for n in numbers]
        for name in names:
            scores[name] = [self._baseline(name).scores(split)]
        own = next(scores[arm][list(n).index(handed_over)] for arm, n in models.items() if handed_over in n)
        result = {
            "models": {name: self._summary(rows, split.targets) for name, rows in scores.items()},
            "handed_over": self._metrics(own, split.targets),
            "comparison": self._comparison(scores, names, split.targets),
        }
        if self._task.spec.kind == "classification":
            result["confusion"] = [list(row) for row in metrics.confusion(own, split.targets)]
        return result

    def _baseline(self, name: str) -> Any:
        if name not in self._fitted:
            self._fitted[name] = baselines.fit(self._task, name)
        return self._fitted[name]

    def _metrics(self, scores: Scores, targets: NDArray[Any]) -> dict[str, float]:
        return metrics.compute(self._task.metrics, self._task.spec.kind, scores, targets)

    def _summary(self, rows: Sequence[Scores], targets: NDArray[Any]) -> dict[str, Any]:
        found = [self._metrics(scores, targets) for scores in rows]
        columns = {name: [row[name] for row in found] for name in found[0]}
        spread = {n: float(np.std(v, ddof=1)) for n, v in columns.items()} if len(found) > 1 else {}
        mean = {name: float(np.mean(values)) for name, values in columns.items()}
        return {"metrics": mean, "std": spread, "seeds": len(found)}

    def _comparison(
        self, scores: Mapping[str, Sequence[Scores]], names: Sequence[str], targets: NDArray[Any]
    ) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if "search" not in scores:
            return found
        if "random" in scores:
            found["random"] = self._difference(scores["search"], scores["random"], targets, "random")
        if names:
            # The baseline is chosen on validation data: choosing it on the test split would flatter it.
            sign = self._objective.loss
            best = min(names, key=lambda name: sign(self.validate(name)[self._objective.name]))
            found["baseline"] = {
                "name": best,
                "value": self._summary(scores[best], targets)["metrics"][self._objective.name],
                "ours": self._summary(scores["search"], targets)["metrics"][self._objective.name],
                **self._difference(scores["search"], scores[best], targets, best),
            }
        return found

    def _difference(
        self, ours: Sequence[Scores], theirs: Sequence[Scores], targets: NDArray[Any], stream: str
    ) -> dict[str, Any]:
        rng = np.random.default_rng(derive(self._seed, "bootstrap", stream))
        name, kind = self._objective.name, self._task.spec.kind
        difference, low, high = bootstrap_difference(name, kind, ours, theirs, targets, rng)
        if self._objective.direction == "minimize":
            difference, low, high = -difference, -high, -low
        return {"difference": difference, "interval": [low, high]}


def bootstrap_difference(
    name: str,
    kind: Any,
    ours: Sequence[Scores],
    theirs: Sequence[Scores],
    targets: NDArray[Any],
    rng: np.random.Generator,
) -> tuple[float, float, float]:
    """Mean of a metric over the seeds of `ours` minus that of `theirs`, with its 95 % interval.

    Args:
        ours, theirs: model outputs on the same examples, one array per training seed.
    """

    (one, first), (other, second) = bootstrap_means(name, kind, (ours, theirs), targets, rng)
    low, high = np.percentile(first - second, [2.5, 97.5])
    return one - other, float(low), float(high)


def bootstrap_means(
    name: str, kind: Any, groups: Sequence[Sequence[Scores]], targets: NDArray[Any], rng: np.random.Generator
) -> list[tuple[float, NDArray[np.float64]]]:
    """Mean of a metric over the seeds of each group, with its resamples: of the same examples for all groups.

    Args:
        groups: for each model its outputs on the same examples, one array per training seed.
    """

    def measure(scores: Scores, wanted: NDArray[Any]) -> float:
        return metrics.compute((name,), kind, scores, wanted)[name]

    rows = [scores for group in groups for scores in group]
    parts = [_contributions(name, scores, targets) for scores in rows]
    if all(part is not None for part in parts):
        means = _resampled_means(np.stack([part for part in parts if part is not None]), rng)
    else:
        means = _recomputed(measure, rows, targets, rng)
    found, start = [], 0
    for group in groups:
        own = _seed_means(means[:, start : start + len(group)], rng)
        found.append((float(np.mean([measure(scores, targets) for scores in group])), own))
        start += len(group)
    return found


def _contributions(name: str, scores: Scores, targets: NDArray[Any]) -> NDArray[np.float64] | None:
    """One value per example whose mean is the metric; None for metrics that are no such mean."""
    if name == "accuracy":
        return np.asarray(scores.argmax(axis=1) == targets, dtype=np.float64)
    flat = scores.reshape(len(scores), -1).astype(np.float64)
    if name == "mse":
        return np.asarray(((flat - targets.reshape(len(targets), -1)) ** 2).mean(axis=1))
    if name == "mae":
        return np.asarray(np.abs(flat - targets.reshape(len(targets), -1)).mean(axis=1))
    return None


def _resampled_means(table: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Means of every row over resampled columns: shape (resamples, rows)."""
    count = table.shape[1]
    if count == 0:
        raise TaskError("the test split is empty")
    found, step = [], max(1, CHUNK // count)
    for start in range(0, RESAMPLES, step):
        weights = rng.multinomial(count, np.full(count, 1 / count), size=min(step, RESAMPLES - start))
        found.append(weights @ table.T / count)
    return np.concatenate(found)


def _recomputed(
    measure: Callable[[Scores, NDArray[Any]], float],
    rows: Sequence[Scores],
    targets: NDArray[Any],
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    found = []
    for _ in range(FEW_RESAMPLES):
        drawn = rng.integers(0, len(targets), len(targets))
        if len(np.unique(targets[drawn])) > 1:
            found.append([measure(scores[drawn], targets[drawn]) for scores in rows])
    return np.asarray(found)


def _seed_means(means: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Mean over resampled seeds, one per resample."""
    drawn = rng.integers(0, means.shape[1], means.shape)
    return np.asarray(np.take_along_axis(means, drawn, axis=1).mean(axis=1))
