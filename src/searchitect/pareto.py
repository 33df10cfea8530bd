"""Dominance, fronts, crowding and hypervolume: pure functions on arrays of losses (smaller is better, shape (n, m))."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["constrained_ranks", "crowding_distance", "dominates", "front", "hypervolume", "non_dominated_ranks"]

Floats = NDArray[np.float64]


def _losses(values: ArrayLike) -> Floats:
    array = np.asarray(values, dtype=np.float64)
    return array.reshape(len(array), -1) if array.size else array.reshape(0, 1)


def dominates(first: ArrayLike, second: ArrayLike) -> bool:
    """Whether `first` is nowhere worse and somewhere better than `second`."""
    a, b = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    return bool(np.all(a <= b) and np.any(a < b))


def front(losses: ArrayLike) -> list[int]:
    """Indices of the points that no other point dominates, in order. Equal points all stay.

    Only what comes earlier in lexicographic order can dominate a point, and if anything does, so does a member of the
    front so far (Kung, Luccio and Preparata 1975): n log n for one and two objectives, n times the front beyond.
    """
    points = _losses(losses)
    if not len(points):
        return []
    distinct, place = np.unique(points, axis=0, return_inverse=True)  # in lexicographic order
    kept = np.zeros(len(distinct), dtype=bool)
    if points.shape[1] <= 2:
        last = distinct[:, -1]
        kept[0] = True
        kept[1:] = last[1:] < np.minimum.accumulate(last)[:-1]
    else:
        members: list[int] = []
        for i, point in enumerate(distinct):
            if not np.all(distinct[members] <= point, axis=1).any():
                members.append(i)
        kept[members] = True
    return [int(i) for i in np.flatnonzero(kept[place.reshape(-1)])]


def non_dominated_ranks(losses: ArrayLike) -> list[int]:
    """Rank of each point: 0 for the front, 1 for the front of what remains, and so on (Deb et al. 2002, NSGA-II)."""
    points = _losses(losses)
    ranks = np.full(len(points), -1)
    rank, remaining = 0, np.arange(len(points))
    while len(remaining):
        best = remaining[front(points[remaining])]
        ranks[best] = rank
        remaining, rank = np.setdiff1d(remaining, best), rank + 1
    return [int(r) for r in ranks]


def constrained_ranks(losses: ArrayLike, violations: ArrayLike) -> list[int]:
    """Rank of each point under constrained domination (Deb et al. 2002, definition 1).

    What keeps all limits comes first, by non-dominated rank; what breaks one follows, the less the earlier, by rank
    where two break them equally.

    Args:
        violations: total violation of each point, shape (n,); 0 where it keeps all limits.
    """
    points, broken = _losses(losses), np.asarray(violations, dtype=np.float64)
    ranks, begun = np.zeros(len(points), dtype=np.int64), 0
    for amount in np.unique(broken):
        equal = np.flatnonzero(broken == amount)
        ranks[equal] = np.add(non_dominated_ranks(points[equal]), begun)
        begun = int(ranks[equal].max()) + 1
    return [int(rank) for rank in ranks]


def crowding_distance(losses: ArrayLike) -> Floats:
    """Sum over objectives of the normalised gap between the two neighbours; infinite at the ends (NSGA-II)."""
    points = _losses(losses)
    distance = np.zeros(len(points))
    for column in points.T:
        order = np.argsort(column, kind="stable")
        span = column[order[-1]] - column[order[0]]
        distance[order[[0, -1]]] = np.inf
        if span > 0:
            distance[order[1:-1]] += (column[order[2:]] - column[order[:-2]]) / span
    return distance


def hypervolume(losses: ArrayLike, reference: ArrayLike) -> float:
    """Exact volume dominated by the points and bounded by `reference`, by slicing along the last objective.

    Cost grows as n^(m-1): meant for up to four objectives and some hundreds of points.
    """
    bound = np.asarray(reference, dtype=np.float64)
    points = _losses(losses)
    points = points[np.all(points < bound, axis=1)] if len(points) else points
    if not len(points):
        return 0.0
    return _slice(points[front(points)], bound)


def _slice(points: Floats, bound: Floats) -> float:
    if len(bound) == 1:
        return float(bound[0] - points[:, 0].min())
    order = np.argsort(points[:, -1], kind="stable")
    points = points[order]
    heights = np.append(points[1:, -1], bound[-1]) - points[:, -1]
    volume = 0.0
    for i, height in enumerate(heights):
        if height > 0:
            below = points[: i + 1, :-1]
            volume += height * _slice(below[front(below)], bound[:-1])
    return float(volume)
