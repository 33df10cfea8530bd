"""Hill climbing by morphisms.

Elsken, Metzen & Hutter, "Simple and efficient architecture search for convolutional neural networks", 2017, algorithm 1
(NASH); Jin, Song & Hu, "Auto-Keras", KDD 2019. A child differs from the incumbent in one decision, starts from its
weights and is trained for a share of a full training only.

Inherited weights favour a lineage that was lucky once. So the incumbent is trained from scratch now and then, for what
its whole lineage has cost; the difference is in `belief().note`.
"""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, zip_longest

from searchitect.errors import ConfigError
from searchitect.seeding import stream
from searchitect.spaces.architecture import Architecture
from searchitect.strategies.fresh import first_fresh
from searchitect.strategies.neighbourhood import changed_decision, neighbourhood
from searchitect.strategies.strategy import Belief, Setting
from searchitect.trial import Fidelity, Proposal, Trial

__all__ = ["HillClimbing"]

NEIGHBOURS = 200
"""A larger or continuous neighbourhood is sampled down to so many."""

GROWING_PER_OTHER = 3
"""Moves that widen, deepen or enlarge, for each other one: those keep what was learned."""


class HillClimbing:
    """Train some neighbours of the incumbent from its weights; the best, if better, is the next incumbent.

    The incumbent itself, trained for as long, competes with its children. Where nothing inherits (the user's own
    function, a table) children are evaluated in full, and it is plain hill climbing. A climb that has no neighbour left
    begins anew from a random architecture.

    Args:
        children: of one generation (Elsken: 8).
        share: of a full training that a child gets after inheriting.
        audit_every: generations after which an incumbent with ancestors is trained from scratch; 0 for never.

    Raises:
        ConfigError: a number is out of range.
    """

    def __init__(self, setting: Setting, *, children: int = 8, share: float = 0.25, audit_every: int = 4) -> None:
        if children < 1 or not 0.0 < share <= 1.0 or audit_every < 0:
            raise ConfigError(
                f"expected children of at least 1, a share in (0, 1] and audit_every of at least 0, "
                f"got {children=}, {share=}, {audit_every=}"
            )
        self._setting, self._children, self._audit_every = setting, children, audit_every
        self._short = _shortened(setting.fidelity, share)
        self._training = {d.path for d in setting.space.decisions() if d.role == "training"}
        self._seen: set[str] = set()
        self._trials: dict[int, Trial] = {}
        self._running: set[int] = set()
        self._starts: list[Trial] = []  # complete ones, of a climb that has not begun
        self._incumbent: Trial | None = None
        self._first = 0  # number of the earliest trial of this climb
        self._near: list[tuple[str, Architecture]] = []
        self._generation = 0
        self._ended = 0  # children of this generation
        self._audit_due = False
        self._audits: list[tuple[float, float]] = []

    def ask(self, number: int) -> Proposal | None:
        incumbent = self._incumbent
        if incumbent is None:
            return self._start(number) if self._starting() < max(1, self._setting.workers) else None
        if self._audit_due:
            cost = self._cost(incumbent.number)
            again = 1 + sum(t.key == incumbent.key and t.proposal.replicate > 0 for t in self._trials.values())
            return Proposal(incumbent.architecture, cost, replicate=again, parent=incumbent.number, keeps=True)
        return next(self._brood(incumbent), None) or (None if self._running else self._start(number))

    def tell(self, trial: Trial) -> None:
        self._seen.add(trial.key)
        self._trials[trial.number] = trial
        is_audit = self._is_audit(trial)
        if not trial.state.is_finished:
            self._running.add(trial.number)
            if is_audit:
                self._audit_due = False
            elif self._incumbent is not None and trial.proposal.parent is None and self._is_over():
                self._incumbent = None
            return
        self._running.discard(trial.number)
        if is_audit:
            self._note_audit(trial)
        elif trial.proposal.parent is None and self._incumbent is None:
            self._starts += [trial] if trial.is_complete else []
        else:
            self._ended += 1
        self._decide()

    def belief(self) -> Belief:
        """The incumbent, and what audits from scratch say about its lineage."""
        if self._incumbent is None:
            return Belief()
        note = f"generation {self._generation}, incumbent {self._incumbent.number}"
        if self._audits:
            lead = statistics.mean(scratch - inherited for inherited, scratch in self._audits)
            note += f"; {len(self._audits)} audits from scratch at equal cost: the lineage leads by {lead:+.4g}"
        return Belief(self._incumbent.number, note=note)

    def _start(self, number: int) -> Proposal | None:
        space, rng = self._setting.space, stream(self._setting.seed, "start", number)
        if not self._seen and not self._setting.check(space.default()):
            return Proposal(space.default(), self._setting.fidelity, keeps=True)
        fresh = first_fresh(self._setting, self._seen, lambda: space.sample(rng))
        return None if fresh is None else Proposal(fresh, self._setting.fidelity, keeps=True)

    def _starting(self) -> int:
        return len(self._running) + len(self._starts)

    def _brood(self, incumbent: Trial) -> Iterator[Proposal]:
        """What is still to be tried next to the incumbent: itself trained on, then its neighbours."""
        ancestor = None if self._short is None or not incumbent.proposal.keeps else _original(incumbent)
        fidelity = self._setting.fidelity if ancestor is None or self._short is None else self._short
        child = Proposal(incumbent.architecture, fidelity, inherits=ancestor, parent=incumbent.number, keeps=True)
        known = (t.proposal for t in self._trials.values())
        if ancestor is not None and not any(p == child for p in known):
            yield child
        for key, architecture in self._near:
            if key not in self._seen and not self._setting.check(architecture):
                yield dataclasses.replace(child, architecture=architecture)

    def _is_over(self) -> bool:
        assert self._incumbent is not None
        return not self._audit_due and next(self._brood(self._incumbent), None) is None

    def _decide(self) -> None:
        """Begin a climb when all starts have ended; end a generation when enough children, or all, have."""
        if self._incumbent is None:
            if self._starts and not self._running:
                self._first = min(trial.number for trial in self._starts)
                self._move(min(self._starts, key=self._loss))
            return
        if self._ended < self._children and (self._running or not self._is_over()):
            return
        self._generation, self._ended = self._generation + 1, 0
        complete = [t for t in self._trials.values() if t.is_complete and t.number >= self._first]
        best = min(complete, key=self._loss, default=self._incumbent)
        if self._loss(best) < self._loss(self._incumbent):
            self._move(best)
        inherited = self._incumbent.proposal.inherits is not None
        if self._audit_every and self._generation % self._audit_every == 0 and inherited:
            self._audit_due = not any(self._is_audit(t) and t.key == self._incumbent.key for t in self._trials.values())

    def _move(self, trial: Trial) -> None:
        self._incumbent, self._starts = trial, []
        space, rng = self._setting.space, stream(self._setting.seed, "morphisms", trial.number)
        near = neighbourhood(space, trial.architecture, rng, NEIGHBOURS)
        self._near = [(space.key(a), a) for a in self._ordered(near, trial.architecture)]

    def _ordered(self, near: Sequence[Architecture], incumbent: Architecture) -> Iterable[Architecture]:
        """Growing moves first, as many as `GROWING_PER_OTHER` for each other."""
        growing = [a for a in near if self._grows(incumbent, a)]
        other = [a for a in near if not self._grows(incumbent, a)]
        groups = [growing[i : i + GROWING_PER_OTHER] for i in range(0, len(growing), GROWING_PER_OTHER)]
        mixed = zip_longest(groups, other)
        return chain.from_iterable((*(group or ()), *(() if one is None else (one,))) for group, one in mixed)

    def _grows(self, before: Architecture, after: Architecture) -> bool:
        """Whether a whole number of the architecture itself is larger: a width, a depth, a kernel."""
        path = changed_decision(before, after)
        old, new = before.get(path), after.get(path)
        numbers = isinstance(old, int) and isinstance(new, int) and not isinstance(old, bool)
        return numbers and path not in self._training and new > old  # type: ignore[operator]

    def _is_audit(self, trial: Trial) -> bool:
        asked = trial.proposal
        return asked.replicate > 0 and asked.parent in self._trials and asked.inherits is None

    def _note_audit(self, trial: Trial) -> None:
        parent = self._trials[trial.proposal.parent]  # type: ignore[index]
        if trial.is_complete:
            self._audits.append((self._loss(parent), self._loss(trial)))

    def _cost(self, number: int) -> Fidelity:
        """The fidelity that spends at once what a trial and all its ancestors have spent."""
        own = self._trials[number].proposal
        if own.inherits is None:
            return own.fidelity
        before, full = self._cost(own.inherits), self._setting.fidelity
        if own.fidelity.seconds is not None:
            seconds = own.fidelity.seconds + (before.seconds or 0.0)
            rounds = -(-seconds // (full.seconds or seconds))
            return dataclasses.replace(before, seconds=seconds, epochs=int(rounds) * (full.epochs or 1))
        return dataclasses.replace(before, epochs=(own.fidelity.epochs or 0) + (before.epochs or 0))

    def _loss(self, trial: Trial) -> float:
        objective = self._setting.objectives[0]
        return objective.loss(trial.measurements[objective.name])


def _shortened(fidelity: Fidelity, share: float) -> Fidelity | None:
    """A share of a fidelity; None where it does not say how long it is."""
    if fidelity.seconds is not None:
        return dataclasses.replace(fidelity, seconds=fidelity.seconds * share)
    if fidelity.epochs is not None:
        return dataclasses.replace(fidelity, epochs=max(1, round(fidelity.epochs * share)))
    return None


def _original(trial: Trial) -> int:
    """The trial whose weights exist: of a reused one that which it repeats."""
    return trial.number if trial.reused is None else trial.reused
