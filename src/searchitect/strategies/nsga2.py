"""NSGA-II: non-dominated sorting, crowding, and binary tournaments by both.

Deb, Pratap, Agarwal & Meyarivan, "A fast and elitist multiobjective genetic algorithm: NSGA-II", IEEE TEC 2002.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from searchitect.strategies.pareto_evolution import ParetoEvolution
from searchitect.strategies.selection import from_best
from searchitect.strategies.strategy import Setting
from searchitect.trial import Trial

__all__ = ["NSGA2"]


class NSGA2(ParetoEvolution):
    """Keep the fronts of lowest rank, and of the last that fits the least crowded; breed by binary tournaments.

    Limits on measured quantities hold by constrained domination (definition 1 of the paper).

    Args:
        population_size: N; by default a tenth of the budget within 20..100.
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
            setting, "nsga2", population_size=size, children=children, crossover=crossover, mutations=mutations
        )

    def _survivors(self, trials: Sequence[Trial], size: int) -> list[Trial]:
        # Sorted by rank and crowding: cutting here fills the last front by its least crowded (algorithm on page 185).
        return from_best(trials, self._setting.objectives, self._setting.constraints)[:size]

    def _parent(self, population: Sequence[Trial], rng: random.Random) -> Trial:
        return population[min(rng.randrange(len(population)), rng.randrange(len(population)))]
