"""From a baseline to the winner, one decision at a time: which change brought what.

The *ablation path* (Fawcett and Hoos 2016) makes, at each step, the change that gains most from where it stands; the
*Shapley values* of the same changes average over all orders. Values are a model's, so that the luck of one trial is not
taken for a gain; where an architecture on the way was a trial, what was measured stands beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

from searchitect.explain.searches.changes import Change, Changes, changes_between, mixture
from searchitect.explain.searches.evidence import Evidence
from searchitect.explain.searches.response import Response, codes_of
from searchitect.explain.searches.shapley import ORDERS, Shapley, shapley_values
from searchitect.objectives import Objective
from searchitect.spaces.architecture import Architecture
from searchitect.spaces.search_space import SearchSpace
from searchitect.trial import Trial

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Codes = npt.NDArray[np.int64]

__all__ = ["AblationPath", "Measured", "Step", "ablation_path", "code_path", "measured_values"]

Predict = Callable[[Sequence[Architecture]], Iterable[float]]
Identity = frozenset[tuple[str, Any]]
Measured = Mapping[Identity, tuple[int, float]]
"""Decisions of an architecture to the number and the value of a trial of it."""


@dataclass(frozen=True, slots=True)
class Step:
    """One change on the way; several where the space allows no smaller step.

    Attributes:
        value: of the architecture after the change, by the model.
        change: how far the step moved the value.
        half: half of the 95 % interval of `change`; None where the model tells none.
        measured, trial: what a trial of the architecture after the change measured, and its number; None without one.
    """

    changes: tuple[Change, ...]
    value: float
    change: float
    half: float | None
    measured: float | None
    trial: int | None

    @property
    def text(self) -> str:
        said = f"{', '.join(change.text for change in self.changes)}: {self.change:+.3g}"
        said += "" if self.half is None else f" ± {self.half:.2g}"
        return said if self.measured is None else f"{said} (measured {self.measured:.4g}, trial {self.trial})"

    def to_json(self) -> dict[str, Any]:
        return {
            "text": self.text,
            "changes": [change.to_json() for change in self.changes],
            "value": self.value,
            "change": self.change,
            "half": self.half,
            "measured": self.measured,
            "trial": self.trial,
        }


@dataclass(frozen=True, slots=True)
class AblationPath:
    """The way from a baseline to the winner.

    Attributes:
        start, end: values of both by the model.
        start_measured, end_measured: by a trial; None without one.
        changes: all changes, in the order of the space; `shapley` has one value for each.
        outside: mixtures that the space does not hold, whose values count in the Shapley values nevertheless.
    """

    objective: Objective
    start: float
    end: float
    start_measured: float | None
    end_measured: float | None
    steps: tuple[Step, ...]
    changes: tuple[Change, ...]
    shapley: Shapley
    outside: int

    def to_json(self) -> dict[str, Any]:
        shares = zip(self.changes, self.shapley.values, self.shapley.errors, strict=True)
        return {
            "objective": self.objective.name,
            "direction": self.objective.direction,
            "start": self.start,
            "end": self.end,
            "start_measured": self.start_measured,
            "end_measured": self.end_measured,
            "steps": [step.to_json() for step in self.steps],
            "shapley": [{**change.to_json(), "value": v, "error": e} for change, v, e in shares],
            "shapley_exact": self.shapley.exact,
            "outside": self.outside,
        }


def measured_values(trials: Iterable[Trial], name: str) -> dict[Identity, tuple[int, float]]:
    """What complete trials measured, by architecture: the first trial of each, confirmations left out."""
    known: dict[Identity, tuple[int, float]] = {}
    for trial in trials:
        if trial.is_complete and trial.phase != "confirm" and trial.reused is None and name in trial.measurements:
            identity = frozenset(trial.architecture.items())
            known.setdefault(identity, (trial.number, float(trial.measurements[name])))
    return known


def ablation_path(
    baseline: Architecture,
    winner: Architecture,
    predict: Predict,
    objective: Objective,
    *,
    space: SearchSpace | None = None,
    measured: Measured | None = None,
    orders: int = ORDERS,
    seed: int = 0,
) -> AblationPath:
    """Walk from `baseline` to `winner` by the change that gains most at each step, and share out the difference.

    Args:
        predict: architectures to values: a `Response` (which also tells intervals), a table, your own model.
        space: where it is known every architecture on the way lies in it: conditions between decisions are kept.
        measured: see `measured_values`.
        orders, seed: of the Shapley values where there are more than ten changes.

    Raises:
        ConfigError: both are the same architecture, or the model cannot answer for one on the way.
    """
    changes = changes_between(baseline.decisions, winner.decisions)
    known = {} if measured is None else measured

    def made(subset: frozenset[int]) -> tuple[Architecture, bool]:
        return mixture(changes, subset, space, winner.space)

    def half(before: frozenset[int], after: frozenset[int]) -> float | None:
        if not isinstance(predict, Response):
            return None
        codes = codes_of(predict.evidence.factors, [made(before)[0], made(after)[0]])
        return float(predict.differences(codes[1:], codes[0])[1][0])

    def told(subset: frozenset[int]) -> tuple[int | None, float | None]:
        return known.get(frozenset(made(subset)[0].items()), (None, None))

    walk = _Walk(changes, objective, lambda subsets: predict([made(s)[0] for s in subsets]), lambda s: made(s)[1])
    return walk.path(half, told, orders, seed)


def code_path(
    evidence: Evidence, baseline: Codes, winner: Codes, predict: Callable[[Codes], Iterable[float]] | None = None
) -> AblationPath:
    """The same on rows of codes: of a table, of plain arrays. Levels stand for values; what a row holds is measured.

    Args:
        baseline, winner: (d,) codes.
        predict: (n, d) codes to values; by default a `Response` fitted to the evidence.

    Raises:
        ConfigError: both rows are the same, or there are too few rows to fit a model.
    """
    import numpy as np

    from searchitect.explain.searches.response import fit_response

    response = fit_response(evidence) if predict is None else None
    answer = predict if response is None else response.predict
    assert answer is not None
    factors = evidence.factors
    changes = changes_between(_levels(evidence, baseline), _levels(evidence, winner))

    def row(subset: frozenset[int]) -> Codes:
        values = changes.mixed(subset)
        places = [
            f.levels.index(values[f.name]) if f.name in values else len(f.levels) - 1  # `INACTIVE` is last
            for f in factors
        ]
        return np.array(places, dtype=np.int64)

    def half(before: frozenset[int], after: frozenset[int]) -> float | None:
        return None if response is None else float(response.differences(row(after)[None], row(before))[1][0])

    def told(subset: frozenset[int]) -> tuple[int | None, float | None]:
        same = np.flatnonzero((evidence.codes == row(subset)).all(axis=1))
        return (int(evidence.numbers[same[0]]), float(evidence.targets[same[0]])) if len(same) else (None, None)

    walk = _Walk(
        changes, evidence.objective, lambda subsets: answer(np.stack([row(s) for s in subsets])), lambda s: True
    )
    return walk.path(half, told, ORDERS, 0)


def _levels(evidence: Evidence, row: Codes) -> dict[str, str]:
    """The levels of a row, without the decisions that are not there."""
    pairs = zip(evidence.factors, row.tolist(), strict=True)
    return {factor.name: factor.levels[code] for factor, code in pairs if code != factor.inactive}


@dataclass(frozen=True)
class _Walk:
    """Greedy steps over sets of changes."""

    changes: Changes
    objective: Objective
    values: Callable[[Sequence[frozenset[int]]], Iterable[float]]
    allowed: Callable[[frozenset[int]], bool]

    def path(
        self,
        half: Callable[[frozenset[int], frozenset[int]], float | None],
        told: Callable[[frozenset[int]], tuple[int | None, float | None]],
        orders: int,
        seed: int,
    ) -> AblationPath:
        count = len(self.changes)
        none, everything = frozenset[int](), frozenset(range(count))
        start, end = map(float, self.values([none, everything]))
        steps: list[Step] = []
        made, value = none, start
        while made != everything:
            after, reached = self._best(made)
            trial, measured = told(after)
            changes = tuple(self.changes.changes[place] for place in sorted(after - made))
            steps.append(Step(changes, reached, reached - value, half(made, after), measured, trial))
            made, value = after, reached
        outside: list[frozenset[int]] = []

        def valued(subsets: Sequence[frozenset[int]]) -> Iterable[float]:
            outside.extend(subset for subset in subsets if not self.allowed(subset))
            return self.values(subsets)

        shares = shapley_values(valued, count, orders=orders, seed=seed)
        all_changes = self.changes.changes
        begun, ended = told(none)[1], told(everything)[1]
        return AblationPath(self.objective, start, end, begun, ended, tuple(steps), all_changes, shares, len(outside))

    def _best(self, made: frozenset[int]) -> tuple[frozenset[int], float]:
        """The best next mixture: one more change, or as few more as the space allows."""
        left = [place for place in range(len(self.changes)) if place not in made]
        for size in (1, 2):
            tried = [made | set(more) for more in combinations(left, size)]
            tried = [subset for subset in tried if self.allowed(subset)]
            if tried:
                values = [float(value) for value in self.values(tried)]
                best = min(range(len(tried)), key=lambda place: self.objective.loss(values[place]))
                return tried[best], values[best]
        rest = made | set(left)
        return rest, float(next(iter(self.values([rest]))))
