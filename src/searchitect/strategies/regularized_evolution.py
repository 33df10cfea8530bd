"""Regularised (ageing) evolution.

Real et al., "Regularized Evolution for Image Classifier Architecture Search", AAAI 2019, algorithm 1.
"""

from __future__ import annotations

import random
from bisect import insort
from collections import deque

from searchitect.errors import ConfigError
from searchitect.seeding import stream
from searchitect.strategies.fresh import first_fresh
from searchitect.strategies.selection import best_of, tournament, violation
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

    Raises:
        ConfigError: S is not within 1..P.
    """

    is_redrawn = True
    """Proposals differ by their number alone, so that several can be drawn and compared."""

    def __init__(
        self, setting: Setting, *, population_size: int | None = None, tournament_size: int | None = None
    ) -> None:
        size = min(100, max(10, (setting.budget or 400) // 8)) if population_size is None else population_size
        self._setting = setting
        self._tournament_size = max(3, size // 3) if tournament_size is None else tournament_size
        if not 1 <= self._tournament_size <= size:
            raise ConfigError(f"a tournament of {self._tournament_size} cannot be drawn from a population of {size}")
        self._population: deque[Trial] = deque(maxlen=size)
        self._ranked: list[tuple[tuple[float, float], int, Trial]] = []  # the same by first objective, kept in order
        self._seen: set[str] = set()

    def ask(self, number: int) -> Proposal | None:
        rng = stream(self._setting.seed, "evolution", number)
        space = self._setting.space
        if not self._seen and not self._setting.check(space.default()):
            return Proposal(space.default(), self._setting.fidelity)
        if len(self._population) == self._population.maxlen:
            parent = self._parent(rng)
            child = first_fresh(self._setting, self._seen, lambda: space.mutate(parent.architecture, rng), 50)
            if child is not None:
                return Proposal(child, self._setting.fidelity, parent=parent.number)
        fresh = first_fresh(self._setting, self._seen, lambda: space.sample(rng))
        return None if fresh is None else Proposal(fresh, self._setting.fidelity)

    def tell(self, trial: Trial) -> None:
        self._seen.add(trial.key)
        if trial.is_complete:
            if len(self._population) == self._population.maxlen:
                self._ranked.remove(self._entry(self._population[0]))
            self._population.append(trial)
            insort(self._ranked, self._entry(trial), key=lambda entry: entry[:2])

    def _parent(self, rng: random.Random) -> Trial:
        if len(self._setting.objectives) == 1:
            return tournament(self._ranked, self._tournament_size, rng)[2]
        drawn = rng.sample(self._population, self._tournament_size)
        return best_of(drawn, self._setting.objectives, self._setting.constraints)

    def _entry(self, trial: Trial) -> tuple[tuple[float, float], int, Trial]:
        objective, broken = self._setting.objectives[0], violation(trial, self._setting.constraints)
        return (broken, objective.loss(trial.measurements[objective.name])), trial.number, trial
