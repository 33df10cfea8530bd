"""MAP-Elites: keep the best of every niche, and make each next candidate of one of them.

Mouret and Clune, "Illuminating search spaces by mapping elites", 2015 (arXiv 1504.04909), figure 2.
"""

from __future__ import annotations

import random
from typing import Any, Literal

from searchitect.errors import ConfigError
from searchitect.seeding import stream
from searchitect.spaces.architecture import Architecture
from searchitect.strategies.elites import EliteArchive
from searchitect.strategies.fresh import first_fresh
from searchitect.strategies.niches import Niches, describe
from searchitect.strategies.strategy import Setting
from searchitect.strategies.tessellation import made_niches
from searchitect.trial import Proposal, Trial

__all__ = ["MapElites"]


class MapElites:
    """Draw some architectures at random; then choose a niche, vary its elite, and let the child conquer niches.

    A child enters *every* niche that holds it, where it is better than the elite. Niches are given as an option, as
    for `parse_niches`; without any the space itself is cut into 32 regions of alike architectures.

    Args:
        niches: where a best model is wanted, each of them.
        initial: random architectures in the beginning, the space's default among them; by default an eighth of the
            budget within 10..50.
        selection: "uniform": any niche with an elite; "improvement": in proportion to how often a child of its elite
            conquered a niche, (successes + 1) / (children + 2).
        crossover: probability that a child has a second parent, the elite of another niche.
        mutations: decisions of a child that are mutated, at least 1.

    Raises:
        ConfigError: the niches cannot be read, or numbers make no sense.
    """

    def __init__(
        self,
        setting: Setting,
        *,
        niches: Any = None,
        initial: int | None = None,
        selection: Literal["uniform", "improvement"] = "improvement",
        crossover: float = 0.3,
        mutations: int = 1,
    ) -> None:
        if selection not in ("uniform", "improvement"):
            raise ConfigError(f"selection is 'uniform' or 'improvement', got {selection!r}")
        self._initial = initial or min(50, max(10, (setting.budget or 80) // 8))
        if not (self._initial >= 1 and 0 <= crossover <= 1 and mutations >= 1):
            raise ConfigError(f"cannot vary elites with {initial=}, {crossover=}, {mutations=}")
        self._setting, self._selection = setting, selection
        self._crossover, self._mutations = crossover, mutations
        self._archive = EliteArchive(made_niches(niches, setting.space, setting.facts, setting.seed))
        self._seen: set[str] = set()
        self._complete = 0
        self._children: dict[int, int] = {}  # trial to the number of its children that ended
        self._successes: dict[int, int] = {}

    @property
    def niches(self) -> Niches:
        return self._archive.niches

    def ask(self, number: int) -> Proposal | None:
        rng, setting = stream(self._setting.seed, "map elites", number), self._setting
        space = setting.space
        if not self._seen and not setting.check(space.default()):
            return Proposal(space.default(), setting.fidelity)
        if self._complete >= self._initial and self._archive.elites:
            parent, other = self._parent(rng), self._parent(rng)
            child = first_fresh(setting, self._seen, lambda: self._child(parent, other, rng), 50)
            if child is not None:
                return Proposal(child, setting.fidelity, parent=parent.number)
        fresh = first_fresh(setting, self._seen, lambda: space.sample(rng))
        return None if fresh is None else Proposal(fresh, setting.fidelity)

    def tell(self, trial: Trial) -> None:
        self._seen.add(trial.key)
        if not trial.is_complete or trial.reused is not None:
            return
        self._complete += 1
        setting, objective = self._setting, self._setting.objectives[0]
        features = describe(self.niches.features, setting.space, trial.architecture, trial.measurements)
        won = self._archive.add(trial, objective.loss(trial.measurements[objective.name]), features)
        parent = trial.proposal.parent
        if parent is not None:
            self._children[parent] = self._children.get(parent, 0) + 1
            self._successes[parent] = self._successes.get(parent, 0) + bool(won)

    def _parent(self, rng: random.Random) -> Trial:
        elites = [trial for _, (_, trial) in sorted(self._archive.elites.items())]
        if self._selection == "uniform":
            return rng.choice(elites)
        rates = [(self._successes.get(t.number, 0) + 1) / (self._children.get(t.number, 0) + 2) for t in elites]
        return rng.choices(elites, rates)[0]

    def _child(self, parent: Trial, other: Trial, rng: random.Random) -> Architecture:
        space, child = self._setting.space, parent.architecture
        if rng.random() < self._crossover:
            child = space.crossover(child, other.architecture, rng)
        for _ in range(self._mutations):
            child = space.mutate(child, rng)
        return child
