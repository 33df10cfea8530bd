"""Who goes into the confirmation, and who wins it: pure functions of finished trials."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from searchitect.objectives import Constraint, Objective
from searchitect.pareto import front
from searchitect.spaces.architecture import Architecture
from searchitect.trial import Trial

__all__ = ["Finalist", "best_trial", "choose", "feasible", "handed_over", "pareto_front", "summarise", "winner"]


WHOLE = 1e12
"""Stands for the epochs of a training that names none: more than any rung below it has."""


@dataclass(frozen=True, slots=True)
class Finalist:
    """An architecture that was evaluated again on fresh seeds.

    Attributes:
        arm: "search" or "random": who found it.
        found: number of the trial that found it.
        trials: numbers of its confirmation trials that completed.
        mean, std: of every measurement over those trials (std with n - 1).
        values: the first objective, one value per confirmation trial.
    """

    arm: str
    found: int
    architecture: Architecture
    key: str
    trials: tuple[int, ...]
    mean: Mapping[str, float]
    std: Mapping[str, float]
    values: tuple[float, ...]

    @property
    def name(self) -> str:
        return f"{self.arm}#{self.found}"


def feasible(trials: Iterable[Trial], objectives: Sequence[Objective], limits: Sequence[Constraint]) -> list[Trial]:
    """Complete trials with all objectives that keep every limit, one per architecture.

    Of an architecture that stood on several rungs the highest counts, of equal ones the earliest.
    """
    kept: dict[str, Trial] = {}
    for trial in trials:
        measured = trial.is_complete and all(o.name in trial.measurements for o in objectives)
        if measured and all(limit.holds(trial.measurements) for limit in limits):
            known = kept.get(trial.key)
            if known is None or (trial.proposal.replicate == 0 and _amount(trial) > _amount(known)):
                kept[trial.key] = trial
    return list(kept.values())


def best_trial(trials: Iterable[Trial], objectives: Sequence[Objective], limits: Sequence[Constraint]) -> Trial | None:
    """The feasible trial of the highest rung with the best first objective; the earliest among equals."""
    ordered = _ordered(feasible(trials, objectives, limits), objectives)
    return ordered[0] if ordered else None


def pareto_front(trials: Iterable[Trial], objectives: Sequence[Objective], limits: Sequence[Constraint]) -> list[Trial]:
    """Feasible trials that no other dominates, ordered by the first objective.

    Figures of different rungs cannot be compared: where there are several, only the highest one counts.
    """
    candidates = feasible(trials, objectives, limits)
    highest = max(_rungs(candidates).values(), default=0.0)
    candidates = [trial for trial, rung in zip(candidates, _rungs(candidates).values(), strict=True) if rung == highest]
    if not candidates:
        return []
    rows = [[o.loss(t.measurements[o.name]) for o in objectives] for t in candidates]
    return _ordered([candidates[i] for i in front(rows)], objectives)


def choose(
    trials: Sequence[Trial], objectives: Sequence[Objective], limits: Sequence[Constraint], count: int
) -> list[Trial]:
    """The `count` trials of an arm that go into the confirmation.

    Those of the highest rung first: a short training that looks good is a promise. With one objective the best ones;
    with several, members of the front first (by the first objective), then the rest.
    """
    if len(objectives) == 1:
        return _ordered(feasible(trials, objectives, limits), objectives)[:count]
    first = pareto_front(trials, objectives, limits)
    keys = {trial.key for trial in first}
    rest = [t for t in _ordered(feasible(trials, objectives, limits), objectives) if t.key not in keys]
    return (first + rest)[:count]


def summarise(arm: str, found: Trial, trials: Iterable[Trial], objective: Objective) -> Finalist | None:
    """Mean and spread of the confirmation trials of one finalist; None if none of them completed."""
    # Both arms may have found the same architecture: its confirmation runs once and counts for each.
    done = [
        t
        for t in trials
        if t.key == found.key and t.is_complete and objective.name in t.measurements and t.reused is None
    ]
    if not done:
        return None
    names = set.intersection(*(set(t.measurements) for t in done))
    columns = {name: [t.measurements[name] for t in done] for name in sorted(names)}
    return Finalist(
        arm,
        found.number,
        found.architecture,
        found.key,
        tuple(t.number for t in done),
        {name: statistics.fmean(values) for name, values in columns.items()},
        {name: statistics.stdev(values) if len(values) > 1 else math.nan for name, values in columns.items()},
        tuple(columns[objective.name]),
    )


def winner(
    finalists: Iterable[Finalist], arm: str | None, objective: Objective, limits: Sequence[Constraint] = ()
) -> Finalist | None:
    """The finalist of an arm, or of all, with the best mean over fresh seeds among those whose means keep the limits.

    Where none keeps them, the best mean wins all the same: its limits were checked when it was found.
    """
    own = [f for f in finalists if arm in (None, f.arm)]
    keeping = [f for f in own if all(limit.name not in f.mean or limit.holds(f.mean) for limit in limits)]
    return min(keeping or own, key=lambda f: (objective.loss(f.mean[objective.name]), f.found), default=None)


def handed_over(finalist: Finalist, trials: Sequence[Trial], objective: Objective) -> Trial:
    """The confirmation trial whose weights the user gets: the best on validation data, the earliest among equals."""
    own = [trials[number] for number in finalist.trials]
    return min(own, key=lambda t: (objective.loss(t.measurements[objective.name]), t.number))


def _ordered(trials: Sequence[Trial], objectives: Sequence[Objective]) -> list[Trial]:
    first, rungs = objectives[0], _rungs(trials)
    return sorted(trials, key=lambda t: (-rungs[t.number], first.loss(t.measurements[first.name]), t.number))


def _rungs(trials: Iterable[Trial]) -> dict[int, float]:
    """What each trial was allowed to spend, by number; none more than an ordinary full evaluation.

    A trial that inherits weights stands for its whole lineage, and an audit may have trained for longer than others:
    both stand beside the full evaluations.
    """
    amounts = {trial.number: _amount(trial) for trial in trials}
    ordinary = [amounts[t.number] for t in trials if t.proposal.replicate == 0 and t.proposal.inherits is None]
    full = max(ordinary, default=0.0)
    inheriting = {trial.number for trial in trials if trial.proposal.inherits is not None}
    return {number: full if number in inheriting else min(amount, full) for number, amount in amounts.items()}


def _amount(trial: Trial) -> float:
    fidelity = trial.proposal.fidelity
    spent = fidelity.seconds or (WHOLE if fidelity.epochs is None else float(fidelity.epochs))
    return spent * fidelity.data_fraction * (fidelity.resolution * fidelity.width) ** 2
