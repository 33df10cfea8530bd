"""Climbing from one incumbent to the next: what coordinate ascent and local search share."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from itertools import chain

from searchitect.errors import ConfigError
from searchitect.seeding import stream
from searchitect.spaces.architecture import Architecture
from searchitect.strategies.fresh import first_fresh
from searchitect.strategies.neighbourhood import neighbourhood
from searchitect.strategies.observations import Observations
from searchitect.strategies.strategy import Setting
from searchitect.trial import Proposal, Trial

__all__ = ["Climber"]


class Climber(ABC):
    """Draw some starts, climb from the best of them to a local optimum, and begin again.

    The neighbourhood comes in groups. When all of a group has ended, its best replaces a worse incumbent; when no
    group holds a better one, the climb is over, unless the incumbent leads by less than 2σ̂: then it is evaluated
    again, lest one lucky observation block the way. Spare workers evaluate the starts of the next climb.

    Args:
        starts: random architectures, the best of which begins a climb. The space's default is among the first.
        neighbours: larger and continuous neighbourhoods are sampled down to so many.
        replicates: evaluations that one architecture may get; 1 for none but the first.
        first_improvement: move to any better neighbour at once instead of at the end of its group.
    """

    def __init__(
        self, setting: Setting, starts: int, neighbours: int, replicates: int, *, first_improvement: bool
    ) -> None:
        if starts < 1 or neighbours < 1 or replicates < 1:
            raise ConfigError(f"expected positive numbers, got {starts=}, {neighbours=}, {replicates=}")
        self._setting, self._starts, self._limit = setting, starts, neighbours
        self._first_improvement = first_improvement
        self._known = Observations(setting.objectives[0], replicates)
        self._seen: set[str] = set()
        self._running: dict[int, str] = {}
        self._waiting: list[Trial] = []  # complete starts, for the next climb
        self._incumbent: Trial | None = None
        self._climb: dict[int, str] = {}  # trials derived from the start of this climb
        self._trials: dict[str, Trial] = {}  # the first complete trial of each architecture
        self._groups: list[list[tuple[str, Architecture]]] = []
        self._place = 0

    @abstractmethod
    def _grouped(self, architectures: Sequence[Architecture], incumbent: Architecture) -> Iterable[list[Architecture]]:
        """Divide the neighbours, which come in random order, into the groups that decide on a move."""

    def ask(self, number: int) -> Proposal | None:
        rng, fidelity = stream(self._setting.seed, "climbing", number), self._setting.fidelity
        incumbent = self._incumbent
        if incumbent is not None:
            for group in self._groups[self._place :]:
                for key, architecture in group:
                    if self._is_open(key, architecture):
                        return Proposal(architecture, fidelity, parent=incumbent.number)
            at_end = self._place == len(self._groups)
            if at_end and incumbent.key not in self._running.values() and self._in_doubt():
                again = self._known.replicate(incumbent.key)
                return Proposal(incumbent.architecture, fidelity, replicate=again, parent=incumbent.number)
        return self._start(rng)

    def _start(self, rng: random.Random) -> Proposal | None:
        space = self._setting.space
        if not self._seen and self._starts > 1 and not self._setting.check(space.default()):
            return Proposal(space.default(), self._setting.fidelity)
        fresh = first_fresh(self._setting, self._seen, lambda: space.sample(rng))
        return None if fresh is None else Proposal(fresh, self._setting.fidelity)

    def tell(self, trial: Trial) -> None:
        self._seen.add(trial.key)
        self._known.tell(trial)
        parent = trial.proposal.parent
        if parent in self._climb:
            self._climb[trial.number] = trial.key
        if not trial.state.is_finished:
            self._running[trial.number] = trial.key
            return
        self._running.pop(trial.number, None)
        if trial.is_complete:
            self._trials.setdefault(trial.key, trial)
            if parent is None:
                self._waiting.append(trial)
            elif self._first_improvement and trial.number in self._climb:
                self._move(self._best([trial.key]))
        while self._goes_on():
            pass

    def _goes_on(self) -> bool:
        """Begin a climb, move, pass on to the next group, or end the climb; False where a trial must be awaited."""
        if self._incumbent is None:
            return self._begin()
        at_end = self._place == len(self._groups)
        group = [] if at_end else self._groups[self._place]
        running = set(self._running.values())
        if any(key in running or self._is_open(key, architecture) for key, architecture in group):
            return False
        better = self._best(self._rivals() if at_end else [key for key, _ in group])
        if better is not None:
            self._move(better)
        elif not at_end:
            self._place += 1
        elif self._incumbent.key in running or self._in_doubt():
            return False
        else:
            self._incumbent = None
        return True

    def _begin(self) -> bool:
        if len(self._waiting) < self._starts:
            return False
        best = min(self._waiting, key=lambda trial: self._known.mean(trial.key))
        self._waiting, self._climb = [], {best.number: best.key}
        self._move(best.key)
        return True

    def _move(self, key: str | None) -> None:
        if key is None:
            return
        self._incumbent = incumbent = self._trials[key]
        rng = stream(self._setting.seed, "neighbours", incumbent.number)
        space = self._setting.space
        near = neighbourhood(space, incumbent.architecture, rng, self._limit)
        groups = self._grouped(near, incumbent.architecture)
        self._groups = [[(space.key(architecture), architecture) for architecture in group] for group in groups]
        self._place = 0

    def _rivals(self) -> Iterable[str]:
        """Whatever was observed in this climb or next to the incumbent."""
        near = (key for group in self._groups for key, _ in group)
        return [key for key in chain(self._climb.values(), near) if key in self._known]

    def _best(self, keys: Iterable[str]) -> str | None:
        """The best of these observed architectures, if it is better than the incumbent."""
        assert self._incumbent is not None
        observed = [key for key in keys if key in self._known]
        best = min(observed, key=self._known.mean, default=None)
        if best is None or self._known.mean(best) >= self._known.mean(self._incumbent.key):
            return None
        return best

    def _in_doubt(self) -> bool:
        assert self._incumbent is not None
        own = self._incumbent.key
        rival = min((self._known.mean(key) for key in self._rivals() if key != own), default=None)
        return rival is not None and self._known.in_doubt(own, rival)

    def _is_open(self, key: str, architecture: Architecture) -> bool:
        return key not in self._seen and not self._setting.check(architecture)
