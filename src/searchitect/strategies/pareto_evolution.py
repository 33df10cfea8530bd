"""What evolutions of several objectives share: a population whose best share survives, and children bred of it.

Deb, Pratap, Agarwal & Meyarivan, "A fast and elitist multiobjective genetic algorithm: NSGA-II", IEEE TEC 2002, §III.
"""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Sequence

from searchitect.errors import ConfigError
from searchitect.seeding import stream
from searchitect.spaces.architecture import Architecture
from searchitect.strategies.breeding import bred
from searchitect.strategies.fresh import first_fresh
from searchitect.strategies.strategy import Setting
from searchitect.trial import Proposal, Trial

__all__ = ["ParetoEvolution"]


class ParetoEvolution(ABC):
    """Breed children of the population; of parents and children together the best survive.

    Limits on measured quantities are kept by constrained domination; those known without training cost no trial.

    Args:
        name: of the random streams.
        population_size: N.
        children: how many complete children are compared with their parents at once: N in the papers; 1 lets every
            child take part as soon as it has ended, so that no worker waits (steady state, Durillo et al. 2009).
        crossover: probability that a child has two parents.
        mutations: expected number of mutated decisions of a child.

    Raises:
        ConfigError: sizes or probabilities that make no sense.
    """

    def __init__(
        self, setting: Setting, name: str, *, population_size: int, children: int, crossover: float, mutations: float
    ) -> None:
        if population_size < 2 or children < 1 or not 0 <= crossover <= 1 or mutations <= 0:
            raise ConfigError(
                "expected population_size ≥ 2, children ≥ 1, crossover in 0..1 and mutations > 0, got "
                f"{population_size=}, {children=}, {crossover=}, {mutations=}"
            )
        self._setting, self._name = setting, name
        self._size, self._children = population_size, children
        self._crossover, self._mutations = crossover, mutations
        self._population: list[Trial] = []
        self._arrived: list[Trial] = []  # complete, not yet compared with the population
        self._complete = 0
        self._seen: set[str] = set()

    @abstractmethod
    def _survivors(self, trials: Sequence[Trial], size: int) -> list[Trial]:
        """Return the `size` best of some trials; called with the population and its children."""

    @abstractmethod
    def _parent(self, population: Sequence[Trial], rng: random.Random) -> Trial:
        """Choose a parent."""

    def ask(self, number: int) -> Proposal | None:
        setting, rng = self._setting, stream(self._setting.seed, self._name, number)
        space = setting.space
        if not self._seen and not setting.check(space.default()):
            return Proposal(space.default(), setting.fidelity)
        if self._population:
            bred_by: dict[Architecture, int] = {}
            child = first_fresh(setting, self._seen, lambda: self._child(rng, bred_by), 50)
            if child is not None:
                return Proposal(child, setting.fidelity, parent=bred_by.get(child))
        fresh = first_fresh(setting, self._seen, lambda: space.sample(rng))
        return None if fresh is None else Proposal(fresh, setting.fidelity)

    def tell(self, trial: Trial) -> None:
        self._seen.add(trial.key)
        if not trial.is_complete or trial.reused is not None:
            return
        self._complete += 1
        self._arrived.append(trial)
        if len(self._arrived) >= (self._children if self._population else self._size):
            self._population = self._survivors(self._population + self._arrived, self._size)
            self._arrived = []

    def _child(self, rng: random.Random, bred_by: dict[Architecture, int]) -> Architecture:
        first, second = self._parent(self._population, rng), self._parent(self._population, rng)
        space = self._setting.space
        child = bred(space, first.architecture, second.architecture, rng, self._crossover, self._mutations)
        bred_by[child] = first.number
        return child
