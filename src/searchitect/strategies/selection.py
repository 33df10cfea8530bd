"""Comparing finished trials by one or several objectives: plain functions that strategies and results share."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

from searchitect.objectives import Objective
from searchitect.pareto import crowding_distance, non_dominated_ranks
from searchitect.trial import Trial

__all__ = ["best_of", "from_best", "losses", "tournament"]


Item = TypeVar("Item")


def losses(trial: Trial, objectives: Sequence[Objective]) -> tuple[float, ...]:
    """The measurements of the objectives with the sign that makes smaller better."""
    return tuple(objective.loss(trial.measurements[objective.name]) for objective in objectives)


def best_of(trials: Sequence[Trial], objectives: Sequence[Objective]) -> Trial:
    """The best trial: by non-dominated rank where there are several objectives, then the first, then the earliest."""
    if len(objectives) == 1:
        (only,) = objectives
        values = [trial.measurements[only.name] for trial in trials]
        best = max(values) if only.direction == "maximize" else min(values)
        return min((t for t, v in zip(trials, values, strict=True) if v == best), key=lambda trial: trial.number)
    rows = [losses(trial, objectives) for trial in trials]
    ranked = zip(non_dominated_ranks(rows), rows, trials, strict=True)
    return min(ranked, key=lambda item: (item[0], item[1], item[2].number))[2]


def from_best(trials: Sequence[Trial], objectives: Sequence[Objective]) -> list[Trial]:
    """Sort by loss, or by non-dominated rank and crowding (NSGA-II); where that is equal the earlier comes first."""
    rows = {trial.number: losses(trial, objectives) for trial in trials}
    if len(objectives) == 1:
        return sorted(trials, key=lambda trial: (rows[trial.number], trial.number))
    ranks = dict(zip(rows, non_dominated_ranks(list(rows.values())), strict=True))
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
