"""Comparing finished trials by one or several objectives: plain functions that strategies and results share."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

from searchitect.objectives import Constraint, Objective
from searchitect.pareto import constrained_ranks, crowding_distance
from searchitect.trial import Trial

__all__ = ["best_of", "from_best", "losses", "tournament", "violation"]


Item = TypeVar("Item")


def losses(trial: Trial, objectives: Sequence[Objective]) -> tuple[float, ...]:
    """The measurements of the objectives with the sign that makes smaller better."""
    return tuple(objective.loss(trial.measurements[objective.name]) for objective in objectives)


def violation(trial: Trial, constraints: Sequence[Constraint]) -> float:
    """By how much the measurements of a trial break limits, each as a share of its limit; 0 where all hold."""
    return sum(limit.excess(trial.measurements) for limit in constraints)


def best_of(trials: Sequence[Trial], objectives: Sequence[Objective], constraints: Sequence[Constraint] = ()) -> Trial:
    """The best trial: by (constrained) non-dominated rank, then the first objective, then the earliest."""
    if len(objectives) == 1 and not constraints:
        (only,) = objectives
        values = [trial.measurements[only.name] for trial in trials]
        best = max(values) if only.direction == "maximize" else min(values)
        return min((t for t, v in zip(trials, values, strict=True) if v == best), key=lambda trial: trial.number)
    rows = [losses(trial, objectives) for trial in trials]
    ranked = zip(constrained_ranks(rows, [violation(t, constraints) for t in trials]), rows, trials, strict=True)
    return min(ranked, key=lambda item: (item[0], item[1], item[2].number))[2]


def from_best(
    trials: Sequence[Trial], objectives: Sequence[Objective], constraints: Sequence[Constraint] = ()
) -> list[Trial]:
    """Sort by loss, or by non-dominated rank and crowding (NSGA-II); where that is equal the earlier comes first.

    Trials that break a limit come last, the less the earlier (constrained domination, Deb et al. 2002).
    """
    rows = {trial.number: losses(trial, objectives) for trial in trials}
    broken = {trial.number: violation(trial, constraints) for trial in trials}
    if len(objectives) == 1:
        return sorted(trials, key=lambda trial: (broken[trial.number], rows[trial.number], trial.number))
    ranks = dict(zip(rows, constrained_ranks(list(rows.values()), list(broken.values())), strict=True))
    gaps: dict[int, float] = {}
    for rank in sorted(set(ranks.values())):
        front = [number for number, own in ranks.items() if own == rank]
        distances = crowding_distance([rows[number] for number in front])
        gaps.update(zip(front, distances.tolist(), strict=True))
    return sorted(trials, key=lambda trial: (ranks[trial.number], -gaps[trial.number], trial.number))


def tournament(ranked: Sequence[Item], size: int, rng: random.Random) -> Item:
    """Return the best of `size` items drawn without replacement from a sequence that begins with the best.

    Nobody need be drawn: the best takes part with probability size/n, else the second with size/(n−1), and so on.
    """
    count = len(ranked)
    for place, item in enumerate(ranked):
        if rng.random() * (count - place) < size:
            return item
    raise ValueError(f"a tournament of {size} cannot be drawn from {count}")
