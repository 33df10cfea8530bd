"""Multi-greedy search: several incumbents that must differ climb side by side (a beam with a diversity floor)."""

from __future__ import annotations

from bisect import bisect_left, insort
from itertools import chain

from searchitect.errors import ConfigError
from searchitect.seeding import stream
from searchitect.spaces.architecture import Architecture
from searchitect.strategies.fresh import first_fresh
from searchitect.strategies.importance import importances
from searchitect.strategies.neighbourhood import distance, neighbourhood
from searchitect.strategies.observations import Observations
from searchitect.strategies.strategy import Setting
from searchitect.strategies.turns import Turns
from searchitect.trial import Proposal, Trial

__all__ = ["MultiGreedy"]


class MultiGreedy:
    """Hold the best architectures that lie `apart`; expand them in turn, the most important decision first.

    The beam is taken from all that was observed, from the best down, leaving out what is nearer than `apart` to one
    already in it: an incumbent gives way to its better neighbour, and two incumbents cannot climb the same hill. When
    a member has no neighbour left and leads its best neighbour by less than 2σ̂, it is evaluated again. When none
    has any left, fresh architectures are drawn.

    Args:
        beam: k, incumbents at the same time.
        apart: d_min, least Hamming distance between two of them.
        starts: random architectures in the beginning, the space's default among them.
        neighbours: larger and continuous neighbourhoods are sampled down to so many.
        replicates: evaluations that one incumbent may get; 1 for none but the first.

    Raises:
        ConfigError: a number is below 1.
    """

    def __init__(
        self,
        setting: Setting,
        *,
        beam: int = 3,
        apart: int = 2,
        starts: int = 10,
        neighbours: int = 200,
        replicates: int = 3,
    ) -> None:
        if min(beam, apart, starts, neighbours, replicates) < 1:
            given = f"{beam=}, {apart=}, {starts=}, {neighbours=}, {replicates=}"
            raise ConfigError(f"expected positive numbers, got {given}")
        self._setting, self._width, self._apart = setting, beam, apart
        self._starts, self._limit = starts, neighbours
        self._known = Observations(setting.objectives[0], replicates)
        self._seen: set[str] = set()
        self._running: dict[int, str] = {}
        self._trials: dict[str, Trial] = {}
        self._ranked: list[tuple[float, int, str]] = []  # mean loss, number, key of all observed
        self._beam: list[Trial] = []
        self._near: dict[str, list[tuple[str, Architecture]]] = {}  # of the beam's members, in the order of trying
        self._turns = Turns()

    def ask(self, number: int) -> Proposal | None:
        rng, fidelity = stream(self._setting.seed, "multi greedy", number), self._setting.fidelity
        space = self._setting.space
        if not self._seen and not self._setting.check(space.default()):
            return Proposal(space.default(), fidelity)
        turn = number % len(self._beam) if self._beam else 0
        for member in self._beam[turn:] + self._beam[:turn]:
            for key, architecture in self._near[member.key]:
                if key not in self._seen and not self._setting.check(architecture):
                    return Proposal(architecture, fidelity, parent=member.number)
            if self._in_doubt(member):
                again = self._known.replicate(member.key)
                return Proposal(member.architecture, fidelity, replicate=again, parent=member.number)
        fresh = first_fresh(self._setting, self._seen, lambda: space.sample(rng))
        return None if fresh is None else Proposal(fresh, fidelity)

    def tell(self, trial: Trial) -> None:
        self._seen.add(trial.key)
        before = self._place(trial.key)
        self._known.tell(trial)
        if not trial.state.is_finished:
            self._running[trial.number] = trial.key
            for member in self._beam:
                if member.number == trial.proposal.parent:
                    self._turns.tell(member, trial)
            return
        self._running.pop(trial.number, None)
        if not trial.is_complete:
            return
        self._trials.setdefault(trial.key, trial)
        if before is not None:
            self._ranked.pop(before)
        insort(self._ranked, (self._known.mean(trial.key), self._trials[trial.key].number, trial.key))
        if len(self._trials) >= self._starts:
            self._choose_beam()

    def _place(self, key: str) -> int | None:
        if key not in self._known:
            return None
        return bisect_left(self._ranked, (self._known.mean(key), self._trials[key].number, key))

    def _choose_beam(self) -> None:
        beam: list[Trial] = []
        for _, _, key in self._ranked:
            trial = self._trials[key]
            if all(distance(trial.architecture, member.architecture) >= self._apart for member in beam):
                beam.append(trial)
                if len(beam) == self._width:
                    break
        self._beam = beam
        self._near = {trial.key: self._near.get(trial.key) or self._ordered(trial) for trial in beam}

    def _ordered(self, member: Trial) -> list[tuple[str, Architecture]]:
        """The neighbours of a new member, by importance of the decision that changes, as judged when it enters."""
        space, incumbent = self._setting.space, member.architecture
        near = neighbourhood(space, incumbent, stream(self._setting.seed, "neighbours", member.number), self._limit)
        observed = [(trial.architecture, self._known.mean(key)) for key, trial in self._trials.items()]
        weights = importances(observed, list(incumbent))
        lines = self._turns.ordered(incumbent, near, self._limit, weights)
        return [(space.key(architecture), architecture) for architecture in chain.from_iterable(lines.values())]

    def _in_doubt(self, member: Trial) -> bool:
        near = [self._known.mean(key) for key, _ in self._near[member.key] if key in self._known]
        if not near or member.key in self._running.values():
            return False
        return self._known.in_doubt(member.key, min(near))
