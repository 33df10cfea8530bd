"""Regularised (ageing) evolution.

Real et al., "Regularized Evolution for Image Classifier Architecture Search", AAAI 2019, algorithm 1.
"""

from __future__ import annotations

from collections import deque

from searchitect.errors import ConfigError
from searchitect.seeding import stream
from searchitect.strategies.fresh import first_fresh
from searchitect.strategies.selection import best_of
from searchitect.strategies.strategy import Setting
from searchitect.trial import Proposal, Trial

__all__ = ["RegularizedEvolution"]


class RegularizedEvolution:
    """Mutate the best of a random tournament; the population forgets the oldest, not the worst.

    The tournament is drawn without replacement, the queue is in order of completion, and a child that was tried
    before is mutated again: three places where published code goes wrong. The first individual is the space's default
    architecture: a family usually has a good hand-made member, and a search should start from it.

    Args:
        population_size: P; by default an eighth of the budget within 10..100.
        tournament_size: S; by default a third of the population, at least 3.
    """

    def __init__(
        self, setting: Setting, *, population_size: int | None = None, tournament_size: int | None = None
    ) -> None:
        size = population_size or min(100, max(10, (setting.budget or 400) // 8))
        self._setting = setting
        self._tournament_size = tournament_size or max(3, size // 3)
        if not 1 <= self._tournament_size <= size:
            raise ConfigError(f"a tournament of {self._tournament_size} cannot be drawn from a population of {size}")
        self._population: deque[Trial] = deque(maxlen=size)
        self._seen: set[str] = set()

    def ask(self, number: int) -> Proposal | None:
        rng = stream(self._setting.seed, "evolution", number)
        space, population = self._setting.space, self._population
        if not self._seen and not self._setting.check(space.default()):
            return Proposal(space.default(), self._setting.fidelity)
        if len(population) == population.maxlen:
            parent = best_of(rng.sample(population, self._tournament_size), self._setting.objectives)
            child = first_fresh(self._setting, self._seen, lambda: space.mutate(parent.architecture, rng), 50)
            if child is not None:
                return Proposal(child, self._setting.fidelity, parent=parent.number)
        fresh = first_fresh(self._setting, self._seen, lambda: space.sample(rng))
        return None if fresh is None else Proposal(fresh, self._setting.fidelity)

    def tell(self, trial: Trial) -> None:
        self._seen.add(trial.key)
        if trial.is_complete:
            self._population.append(trial)
