"""NSGA-III: survivors are spread along reference directions, not by crowding; for three objectives and more.

Deb & Jain, "An evolutionary many-objective optimization algorithm using reference-point-based nondominated sorting
approach, part I", IEEE TEC 2014, algorithms 1–4; limits: part II (Jain & Deb 2014).
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from itertools import combinations
from typing import TYPE_CHECKING

from searchitect.pareto import constrained_ranks
from searchitect.seeding import stream
from searchitect.strategies.pareto_evolution import ParetoEvolution
from searchitect.strategies.selection import losses, violation
from searchitect.strategies.strategy import Setting
from searchitect.trial import Trial

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Vector = npt.NDArray[np.float64]
    Matrix = npt.NDArray[np.float64]
    Places = npt.NDArray[np.int64]

__all__ = ["NSGA3", "associate", "das_dennis", "normalized"]


class NSGA3(ParetoEvolution):
    """Keep whole fronts while they fit; of the last one, those whose reference directions have the fewest members.

    Args:
        population_size: N; by default a tenth of the budget within 20..100. There are as many Das–Dennis directions
            as fit into it.
        children, crossover, mutations: see `ParetoEvolution`.
    """

    def __init__(
        self,
        setting: Setting,
        *,
        population_size: int | None = None,
        children: int = 1,
        crossover: float = 0.9,
        mutations: float = 1.0,
    ) -> None:
        size = min(100, max(20, (setting.budget or 400) // 10)) if population_size is None else population_size
        super().__init__(
            setting, "nsga3", population_size=size, children=children, crossover=crossover, mutations=mutations
        )
        self._directions = das_dennis(len(setting.objectives), size)
        self._broken: dict[int, float] = {}  # of the population, by number

    def _survivors(self, trials: Sequence[Trial], size: int) -> list[Trial]:
        import numpy as np

        rows = np.array([losses(trial, self._setting.objectives) for trial in trials])
        broken = [violation(trial, self._setting.constraints) for trial in trials]
        ranks = np.array(constrained_ranks(rows, broken))
        rng = stream(self._setting.seed, "nsga3", "niches", self._complete)
        chosen = _spread(rows, ranks, self._directions, size, rng)
        self._broken = {trials[place].number: broken[place] for place in chosen}
        return [trials[place] for place in chosen]

    def _parent(self, population: Sequence[Trial], rng: random.Random) -> Trial:
        first, second = rng.choice(population), rng.choice(population)
        return first if self._broken[first.number] <= self._broken[second.number] else second


def das_dennis(objectives: int, most: int) -> Matrix:
    """Return evenly spread weights on the simplex, shape (n, objectives) with n ≤ max(most, objectives).

    All (k₁/p, …, k_m/p) with Σk = p, for the largest number of divisions p that fits (Das & Dennis 1998).
    """
    import numpy as np

    if objectives == 1:
        return np.ones((1, 1))
    parts = 1
    while math.comb(parts + objectives, objectives - 1) <= most:
        parts += 1
    bars = combinations(range(parts + objectives - 1), objectives - 1)
    walls = np.array([(-1, *places, parts + objectives - 1) for places in bars])
    return np.asarray((np.diff(walls, axis=1) - 1) / parts)


def normalized(rows: Matrix, first: Places) -> Matrix:
    """Return the losses with the ideal point at 0 and the extreme points' hyperplane at 1 (algorithm 2).

    Args:
        rows: (n, m) losses.
        first: places of the first front; its worst values stand in where the extremes span no hyperplane.
    """
    import numpy as np

    moved = rows - rows.min(axis=0)
    scale = moved[first].max(axis=0)
    weights = np.where(np.eye(rows.shape[1]) > 0, 1.0, 1e6)  # equation 4: the axis itself counts, all others forbid
    units = np.where(scale > 0, scale, 1.0)
    extremes = moved[first][[int((moved[first] / units * row).max(axis=1).argmin()) for row in weights]]
    try:
        intercepts = 1.0 / np.linalg.solve(extremes, np.ones(rows.shape[1]))
    except np.linalg.LinAlgError:
        intercepts = scale
    sound = np.isfinite(intercepts) & (intercepts > 1e-6 * units)
    span = np.where(sound, intercepts, scale)
    return np.asarray(moved / np.where(span > 0, span, 1.0))


def associate(points: Matrix, directions: Matrix) -> tuple[Places, Vector]:
    """Return for each point the nearest reference line and the distance to it (algorithm 3)."""
    import numpy as np

    units = directions / np.linalg.norm(directions, axis=1, keepdims=True)
    along = points @ units.T
    apart = np.linalg.norm(points[:, None, :] - along[:, :, None] * units[None], axis=2)
    nearest = apart.argmin(axis=1)
    return nearest, apart[np.arange(len(points)), nearest]


def _spread(rows: Matrix, ranks: Places, directions: Matrix, size: int, rng: random.Random) -> list[int]:
    """Algorithms 1 and 4: whole fronts, then members of the rarest niches out of the front that does not fit."""
    import numpy as np

    order = np.argsort(ranks, kind="stable")
    if len(order) <= size:
        return [int(place) for place in order]
    last = ranks[order[size]]
    chosen = [int(place) for place in np.flatnonzero(ranks < last)]
    waiting = [int(place) for place in np.flatnonzero(ranks == last)]
    taking_part = np.array(chosen + waiting)
    points = normalized(rows[taking_part], np.flatnonzero(ranks[taking_part] == 0))
    niches, distances = associate(points, directions)
    niche = dict(zip(taking_part.tolist(), niches.tolist(), strict=True))
    apart = dict(zip(taking_part.tolist(), distances.tolist(), strict=True))
    members = [0] * len(directions)
    for place in chosen:
        members[niche[place]] += 1
    while len(chosen) < size:
        fewest = min(members[niche[place]] for place in waiting)
        rarest = sorted({niche[place] for place in waiting if members[niche[place]] == fewest})
        own = rng.choice(rarest)
        near = [place for place in waiting if niche[place] == own]
        taken = min(near, key=lambda place: (apart[place], place)) if fewest == 0 else rng.choice(near)
        chosen.append(taken)
        waiting.remove(taken)
        members[own] += 1
    return chosen
