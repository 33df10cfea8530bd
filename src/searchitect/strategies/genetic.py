"""Genetic algorithm: crossover, mutation, selection and elitism, one child at a time.

Holland, "Adaptation in Natural and Artificial Systems", 1975; Goldberg & Deb, "A Comparative Analysis of Selection
Schemes Used in Genetic Algorithms", FOGA 1991 (tournament, truncation). Several objectives are compared by
non-dominated rank (Deb et al., NSGA-II, 2002).
"""

from __future__ import annotations

import random
from typing import Literal

from searchitect.errors import ConfigError
from searchitect.seeding import stream
from searchitect.spaces.architecture import Architecture
from searchitect.strategies.breeding import bred
from searchitect.strategies.fresh import first_fresh
from searchitect.strategies.selection import from_best
from searchitect.strategies.strategy import Setting
from searchitect.trial import Proposal, Trial

__all__ = ["Genetic"]


class Genetic:
    """Cross two selected parents, mutate the child, and let it replace the oldest who is not of the elite.

    No generations: a child enters the population when it has ended, so that no worker waits for the slowest, and the
    search does not depend on when others end. The first individual is the space's default architecture.

    Args:
        population_size: by default an eighth of the budget within 10..100.
        selection: "tournament": a parent is the best of some drawn at random; "truncation": any of the best share.
        tournament_size: individuals drawn for each parent.
        truncation: share of the population that may become parents under truncation.
        elites: best individuals that never leave; by default a fifth of the population.
        crossover: probability that a child has two parents; each decision comes from either, evenly.
        mutations: expected number of mutated decisions of a child.

    Raises:
        ConfigError: sizes or probabilities that make no sense.
    """

    is_redrawn = True
    """Proposals differ by their number alone, so that several can be drawn and compared."""

    def __init__(
        self,
        setting: Setting,
        *,
        population_size: int | None = None,
        selection: Literal["tournament", "truncation"] = "tournament",
        tournament_size: int = 3,
        truncation: float = 0.25,
        elites: int | None = None,
        crossover: float = 0.9,
        mutations: float = 1.0,
    ) -> None:
        size = population_size or min(100, max(10, (setting.budget or 400) // 8))
        kept = size // 5 if elites is None else elites
        if selection not in ("tournament", "truncation"):
            raise ConfigError(f"selection is 'tournament' or 'truncation', got {selection!r}")
        if not (size >= 2 and 1 <= tournament_size <= size and 0 <= kept < size):
            raise ConfigError(f"cannot draw {tournament_size} and keep {kept} of a population of {size}")
        if not (0 < truncation <= 1 and 0 <= crossover <= 1 and mutations > 0):
            raise ConfigError(f"expected shares in (0, 1], got {truncation=}, {crossover=}, {mutations=}")
        self._setting, self._size, self._elites = setting, size, kept
        self._drawn = tournament_size if selection == "tournament" else None
        self._best_share = max(2, round(truncation * size))
        self._crossover, self._mutations = crossover, mutations
        self._population: list[Trial] = []  # the oldest first
        self._ranked: list[Trial] = []  # the best first
        self._seen: set[str] = set()

    def ask(self, number: int) -> Proposal | None:
        rng, fidelity = stream(self._setting.seed, "genetic", number), self._setting.fidelity
        space = self._setting.space
        if not self._seen and not self._setting.check(space.default()):
            return Proposal(space.default(), fidelity)
        if len(self._population) == self._size:
            first, second = self._parent(rng), self._parent(rng)

            def draw() -> Architecture:
                return bred(space, first.architecture, second.architecture, rng, self._crossover, self._mutations)

            child = first_fresh(self._setting, self._seen, draw, 50)
            if child is not None:
                return Proposal(child, fidelity, parent=first.number)
        fresh = first_fresh(self._setting, self._seen, lambda: space.sample(rng))
        return None if fresh is None else Proposal(fresh, fidelity)

    def tell(self, trial: Trial) -> None:
        self._seen.add(trial.key)
        if not trial.is_complete:
            return
        self._population.append(trial)
        self._ranked = from_best(self._population, self._setting.objectives, self._setting.constraints)
        if len(self._population) > self._size:
            elite = {best.number for best in self._ranked[: self._elites]}
            oldest = next(old for old in self._population if old.number not in elite)
            self._population.remove(oldest)
            self._ranked.remove(oldest)

    def _parent(self, rng: random.Random) -> Trial:
        if self._drawn is None:
            return self._ranked[rng.randrange(self._best_share)]
        return self._ranked[min(rng.sample(range(self._size), self._drawn))]
