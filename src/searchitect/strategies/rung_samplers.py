"""Where the configurations of a lowest rung come from: drawn at random, or asked of another strategy."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Protocol

from searchitect.errors import ConfigError
from searchitect.seeding import stream
from searchitect.spaces.architecture import Architecture
from searchitect.strategies.fresh import first_fresh
from searchitect.strategies.rungs import Ladder
from searchitect.strategies.strategy import Setting, Strategy
from searchitect.trial import Trial, TrialState

__all__ = ["LedSampler", "RandomSampler", "RungSampler", "make_sampler"]

MOST_NEEDED = 10
"""Complete trials on a rung from which on a strategy is led by it, however many decisions there are."""


class RungSampler(Protocol):
    """A fold over tells, as a strategy is; it chooses what is new, the ladder chooses what goes on."""

    def draw(self, number: int, rung: int) -> Architecture | None:
        """Return an architecture for trial `number`, which will begin on `rung`; None where nothing new is left."""
        ...

    def tell(self, trial: Trial) -> None: ...


class RandomSampler:
    """Draw from the space's prior what is allowed and was not tried, as random search does."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self.seen: set[str] = set()

    def draw(self, number: int, rung: int) -> Architecture | None:
        rng = stream(self._setting.seed, "random", number)
        return first_fresh(self._setting, self.seen, lambda: self._setting.space.sample(rng))

    def tell(self, trial: Trial) -> None:
        self.seen.add(trial.key)


class LedSampler:
    """Ask another strategy, which learns from one rung: the highest on which enough trials are complete.

    Values of different rungs cannot be mixed, so there is one instance of the strategy per rung (the rule of BOHB).
    What was evaluated elsewhere is told to it as running and then as failed: tried, but no datum.
    """

    def __init__(self, setting: Setting, ladder: Ladder, name: str, options: Mapping[str, Any] | None = None) -> None:
        from searchitect.strategies import make_strategy

        self._setting, self._random, self._ladder = setting, RandomSampler(setting), ladder
        self._strategies: list[Strategy] = [
            make_strategy(name, dataclasses.replace(setting, fidelity=fidelity, prior=()), options)
            for fidelity in ladder.fidelities
        ]
        self._complete = [0] * len(ladder)
        self._needed = min(MOST_NEEDED, len(setting.space.decisions()) + 1)

    def draw(self, number: int, rung: int) -> Architecture | None:
        proposal = self._strategies[self._leading()].ask(number)
        if proposal is None or self._seen(proposal.architecture):
            return self._random.draw(number, rung)
        return proposal.architecture

    def tell(self, trial: Trial) -> None:
        self._random.tell(trial)
        own = self._ladder.rung_of(trial.proposal.fidelity)
        if own is not None and trial.is_complete:
            self._complete[own] += 1
        foreign = trial
        if trial.state in (TrialState.COMPLETE, TrialState.PRUNED):
            foreign = dataclasses.replace(
                trial, state=TrialState.FAILED, measurements={}, reason="evaluated on another rung"
            )
        for rung, strategy in enumerate(self._strategies):
            strategy.tell(trial if rung == own else foreign)

    def _leading(self) -> int:
        enough = [rung for rung, count in enumerate(self._complete) if count >= self._needed]
        return max(enough, default=0)

    def _seen(self, architecture: Architecture) -> bool:
        setting = self._setting
        return setting.space.key(architecture) in self._random.seen or bool(setting.check(architecture))


def make_sampler(
    setting: Setting, ladder: Ladder, name: str = "random", options: Mapping[str, Any] | None = None
) -> RungSampler:
    """Return the sampler of this name: "random", or any strategy that needs no rungs itself.

    Raises:
        ConfigError: there is no such strategy, or it makes rungs itself.
    """
    if name == "random":
        return RandomSampler(setting)
    from searchitect.strategies import STRATEGIES

    if name in STRATEGIES and name in BY_RUNGS:
        raise ConfigError(f"{name!r} makes rungs itself and cannot fill those of another", hint="sampler='gp'")
    return LedSampler(setting, ladder, name, options)


BY_RUNGS = frozenset({"successive_halving", "asha", "hyperband", "bohb", "dehb", "priorband", "qd_hb", "bop_elites_hb"})
"""Strategies that choose the fidelity of each trial."""
