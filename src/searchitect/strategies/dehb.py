"""DEHB: differential evolution along the brackets of Hyperband.

Awad, Mallik & Hutter, "DEHB: Evolutionary Hyperband for Scalable, Robust and Efficient Hyperparameter Optimization",
IJCAI 2021, algorithms 1–3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from searchitect.errors import ConfigError, SpaceError
from searchitect.seeding import derive
from searchitect.spaces.architecture import Architecture
from searchitect.strategies.halving import RungRecord, continuation
from searchitect.strategies.rung_samplers import RandomSampler
from searchitect.strategies.rungs import Bracket, RungAlarm, hyperband_brackets, make_ladder, promoted
from searchitect.strategies.strategy import Belief, Setting
from searchitect.trial import Proposal, Trial

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Vector = npt.NDArray[np.float64]

__all__ = ["DEHB"]

PARENTS = 3
"""rand/1 draws three; a pool with fewer is filled up from all rungs."""

TRIES = 20
"""Mutants drawn before one is given up for a random architecture, where all were evaluated or forbidden."""


@dataclass(frozen=True, slots=True)
class _Slot:
    """One evaluation that a bracket wants.

    Attributes:
        parents: how many of the rung below breed it; None on the lowest rung of the bracket.
    """

    rung: int
    parents: int | None


@dataclass(slots=True)
class _Population:
    """The subpopulation of one rung.

    Attributes:
        members: complete trials, at most `size`.
        turn: place of the member that the next child challenges.
        targets: running child → the place it challenges; None for one that fills the population.
    """

    size: int
    members: list[Trial] = field(default_factory=list)
    turn: int = 0
    targets: dict[int, int | None] = field(default_factory=dict)

    @property
    def is_open(self) -> bool:
        """Whether it is filled yet, running fillers included."""
        return len(self.members) + sum(target is None for target in self.targets.values()) < self.size


class DEHB:
    """One subpopulation per rung, as large as the rung is in any bracket; parents come from the rung below.

    During the first round of Hyperband the populations fill: by random configurations on the lowest rung of a bracket,
    and by the best of the rung below on the others (these continue). From then on every trial is a child: rand/1
    mutation, v = a + F·(b − c) of three of the best below (on the lowest rung of a bracket: of the rung itself), and
    binomial crossover with the member it challenges, which it replaces if it is at least as good. Children begin
    afresh. Vectors lie in the unit cube of the space's decisions; a component that leaves it is drawn anew.

    Args:
        eta, r_min, axis: as for `hyperband`.
        factor: F.
        crossover: CR, the chance that a decision is the mutant's.

    Raises:
        ConfigError: a number is out of range, or it is not known what a full evaluation spends.
    """

    def __init__(
        self,
        setting: Setting,
        *,
        eta: int = 3,
        r_min: float | None = None,
        axis: str = "epochs",
        factor: float = 0.5,
        crossover: float = 0.5,
    ) -> None:
        if not 0 < factor <= 2 or not 0 <= crossover <= 1:
            raise ConfigError(f"expected factor in 0..2 and crossover in 0..1, got {factor=}, {crossover=}")
        self._setting, self._factor, self._crossover = setting, factor, crossover
        self._ladder = make_ladder(setting, eta=eta, r_min=r_min, axis=axis)
        brackets = hyperband_brackets(len(self._ladder), eta)
        self._schedule = _schedule(brackets)
        self._populations = [_Population(size) for size in _sizes(brackets)]
        self._random, self._record = RandomSampler(setting), RungRecord(setting, self._ladder)
        self._evaluated: set[tuple[str, int]] = set()
        self._continued: set[int] = set()
        self._started = 0

    def ask(self, number: int) -> Proposal | None:
        slot = self._slot()
        if slot.parents is not None and self._populations[slot.rung - 1].targets:
            return None  # the rung below is incomplete
        if slot.parents is not None and self._started < len(self._schedule):
            best = self._promotable(slot.rung)
            if best is not None:
                return continuation(self._ladder, best)
        child = None
        if slot.parents is not None or not self._populations[slot.rung].is_open:
            child = self._child(number, slot)
        architecture = child or self._random.draw(number, slot.rung)
        if architecture is not None:
            keeps = slot.rung + 1 < len(self._ladder)
            return Proposal(architecture, self._ladder.fidelities[slot.rung], keeps=keeps)
        best = self._promotable(slot.rung)  # all are known: those that were not evaluated so long are left
        return None if best is None else continuation(self._ladder, best)

    def tell(self, trial: Trial) -> None:
        self._random.tell(trial)
        self._record.tell(trial)
        rung = self._ladder.rung_of(trial.proposal.fidelity)
        if rung is None:
            return
        self._evaluated.add((trial.key, rung))
        if trial.proposal.continues is not None:
            self._continued.add(trial.proposal.continues)
        population = self._populations[rung]
        if not trial.state.is_finished:
            self._started += rung == self._slot().rung
            if population.is_open:
                population.targets[trial.number] = None
            else:
                population.targets[trial.number] = population.turn
                population.turn = (population.turn + 1) % population.size
        elif trial.number in population.targets:
            self._select(population, trial, population.targets.pop(trial.number))

    def alarms(self) -> Sequence[RungAlarm]:
        """Rungs that disagreed so far. Their populations stay: evolution needs its lowest rung."""
        return tuple(self._record.alarms)

    def belief(self) -> Belief:
        """The best trial of the highest rung, the place in the schedule, and whether rungs agree."""
        rounds, place = divmod(self._started, len(self._schedule))
        sizes = ", ".join(f"{len(one.members)}/{one.size}" for one in self._populations)
        return self._record.belief(f"round {rounds + 1}, trial {place} of {len(self._schedule)}, populations {sizes}")

    def _slot(self) -> _Slot:
        return self._schedule[self._started % len(self._schedule)]

    def _select(self, population: _Population, trial: Trial, target: int | None) -> None:
        """Take a child that ended into its population, or let it challenge its target."""
        if not trial.is_complete:
            return
        if len(population.members) < population.size:
            population.members.append(trial)
        elif target is not None:
            setting, rival = self._setting, population.members[target]
            pair = promoted([trial, rival], 2, setting.objectives, setting.constraints)
            as_good = _values(trial, setting) == _values(rival, setting)
            if pair[0] is trial or as_good:
                population.members[target] = trial

    def _promotable(self, rung: int) -> Trial | None:
        """The best of the rung below that has not been evaluated on this one."""
        if rung == 0:
            return None
        setting, below = self._setting, self._record.complete[rung - 1]
        waiting = [t for t in below if t.number not in self._continued and (t.key, rung) not in self._evaluated]
        return next(iter(promoted(waiting, 1, setting.objectives, setting.constraints)), None)

    def _child(self, number: int, slot: _Slot) -> Architecture | None:
        """A new and allowed child for this rung; None where there are too few parents, or all was tried."""
        import numpy as np

        population, setting = self._populations[slot.rung], self._setting
        pool = self._parents(slot)
        if len(pool) < PARENTS or not population.members:
            return None
        rng = np.random.default_rng(derive(setting.seed, "dehb", number))
        target = self._vector(population.members[population.turn % len(population.members)])
        for _ in range(TRIES):
            a, b, c = (self._vector(pool[place]) for place in rng.choice(len(pool), 3, replace=False))
            point = _crossed(target, _mutant(a, b, c, self._factor, rng), self._crossover, rng)
            try:
                child = setting.space.decode(point)
            except SpaceError:  # it breaks a constraint of the space
                continue
            if (setting.space.key(child), slot.rung) not in self._evaluated and not setting.check(child):
                return child
        return None

    def _parents(self, slot: _Slot) -> list[Trial]:
        """The best of the rung below, or the rung itself; filled up from all rungs where they are fewer than three."""
        setting = self._setting
        if slot.parents is None:
            pool = self._populations[slot.rung].members
        else:
            below = self._populations[slot.rung - 1].members
            pool = promoted(below, slot.parents, setting.objectives, setting.constraints)
        if len(pool) >= PARENTS:
            return pool
        others = [trial for population in self._populations for trial in population.members if trial not in pool]
        return [*pool, *others]

    def _vector(self, trial: Trial) -> Vector:
        return self._setting.space.encode(trial.architecture, "unit_cube")


def _schedule(brackets: Sequence[Bracket]) -> list[_Slot]:
    """Every evaluation of one round of Hyperband, in order."""
    return [
        _Slot(bracket.first + place, bracket.sizes[place] if place else None)
        for bracket in brackets
        for place, size in enumerate(bracket.sizes)
        for _ in range(size)
    ]


def _sizes(brackets: Sequence[Bracket]) -> list[int]:
    """The largest number of configurations that any bracket has on each rung."""
    rungs = len(brackets)
    return [max(b.sizes[rung - b.first] for b in brackets if rung >= b.first) for rung in range(rungs)]


def _mutant(a: Vector, b: Vector, c: Vector, factor: float, rng: np.random.Generator) -> Vector:
    import numpy as np

    found = a + factor * (b - c)
    return np.where((found < 0) | (found > 1), rng.random(len(found)), found)


def _crossed(target: Vector, mutant: Vector, chance: float, rng: np.random.Generator) -> Vector:
    """Binomial crossover; at least one component is the mutant's."""
    import numpy as np

    taken = rng.random(len(target)) < chance
    taken[rng.integers(len(target))] = True
    return np.where(taken, mutant, target)


def _values(trial: Trial, setting: Setting) -> list[float]:
    return [trial.measurements[objective.name] for objective in setting.objectives]
