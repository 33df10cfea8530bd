"""The contract of every strategy. Listing one in `STRATEGIES` puts it under these checks; call them for your own.

They drive a strategy through a synthetic search, with trials ending out of order, failing, and being answered from
the journal, and compare it at every step with one that is rebuilt from what it was told.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

from searchitect.objectives import Objective
from searchitect.seeding import stream
from searchitect.spaces import Architecture, SearchSpace
from searchitect.strategies.strategy import Setting, Strategy
from searchitect.trial import Fidelity, Trial, TrialState

__all__ = ["StrategyContract", "planted_loss", "synthetic_search"]

Make = Callable[[Setting], Strategy]
SCORE = (Objective("score", "maximize"),)


def planted_loss(space: SearchSpace, best: Architecture, architecture: Architecture) -> float:
    """Number of decisions that differ from a planted optimum; 0 only there."""
    paths = dict.fromkeys([*best, *architecture])
    return float(sum(best.get(path) != architecture.get(path) for path in paths))


def synthetic_search(
    strategy: Strategy,
    setting: Setting,
    score: Callable[[Architecture], float],
    trials: int,
    *,
    workers: int = 1,
    watch: Callable[[Sequence[Trial]], None] = lambda told: None,
) -> list[Trial]:
    """Run `strategy` for some trials and return all that it was told, in order.

    Args:
        workers: trials that run at the same time; they end in an order drawn from the setting's seed.
        watch: called before every `ask` with what was told so far.
    """
    rng = stream(setting.seed, "synthetic")
    told: list[Trial] = []
    running: list[Trial] = []
    for number in range(trials):
        watch(told)
        proposal = strategy.ask(number)
        if proposal is None and not running:
            break
        if proposal is not None:
            key = setting.space.key(proposal.architecture)
            running.append(Trial(number, proposal, TrialState.RUNNING, key, seed=number))
            _tell(strategy, running[-1], told)
        while running and (len(running) >= workers or proposal is None):
            _tell(strategy, _ended(running.pop(rng.randrange(len(running))), score, rng.random()), told)
            if proposal is None:
                break
    return told


def _tell(strategy: Strategy, trial: Trial, told: list[Trial]) -> None:
    told.append(trial)
    strategy.tell(trial)


def _identity(trial: Trial) -> tuple[object, ...]:
    asked = trial.proposal
    return (trial.key, asked.fidelity, asked.continues, asked.inherits, asked.replicate)


def _ended(trial: Trial, score: Callable[[Architecture], float], luck: float) -> Trial:
    if luck < 0.1:
        return dataclasses.replace(trial, state=TrialState.FAILED, reason="planted failure")
    return dataclasses.replace(trial, state=TrialState.COMPLETE, measurements={"score": score(trial.architecture)})


class StrategyContract:
    """Inherit and give `make`; pytest finds the checks."""

    trials = 60

    def make(self, setting: Setting) -> Strategy:
        """Return the strategy under test."""
        raise NotImplementedError

    def setting(self, space: SearchSpace, seed: int = 0) -> Setting:
        # Nine epochs leave room for three rungs to those who want them.
        return Setting(space, SCORE, seed, budget=self.trials, fidelity=Fidelity(epochs=9))

    def score(self, space: SearchSpace) -> Callable[[Architecture], float]:
        best = space.sample(stream(99, "planted"))
        return lambda architecture: -planted_loss(space, best, architecture)

    def check_replay_equals_live(self, space: SearchSpace, workers: int) -> None:
        """A strategy rebuilt from what was told asks exactly what the live one asks: at first, and at every 7th step.

        Rebuilding at each step would take time quadratic in their number; 7 shares no factor with usual batches,
        populations and refits, so that all their phases are met.
        """
        setting = self.setting(space)
        live = self.make(setting)

        def compare(told: Sequence[Trial]) -> None:
            if len(told) >= 6 and len(told) % 7:
                return
            rebuilt = self.make(setting)
            for trial in told:
                rebuilt.tell(trial)
            number = len({trial.number for trial in told})
            assert rebuilt.ask(number) == live.ask(number), f"after {len(told)} tells"

        synthetic_search(live, setting, self.score(space), self.trials, workers=workers, watch=compare)

    def check_asking_twice_changes_nothing(self, space: SearchSpace) -> None:
        strategy = self.make(self.setting(space))
        assert strategy.ask(0) == strategy.ask(0)

    def check_proposals_lie_in_the_space(self, space: SearchSpace) -> None:
        setting = self.setting(space)
        for trial in synthetic_search(self.make(setting), setting, self.score(space), self.trials):
            assert space.contains(trial.architecture), trial.architecture

    def check_forbidden_architectures_are_not_proposed(self, space: SearchSpace) -> None:
        """What the study's check forbids is never asked, as long as something is allowed."""
        allowed = {space.key(space.sample(stream(7, n))) for n in range(40)}

        def check(architecture: Architecture) -> Sequence[str]:
            return () if space.key(architecture) in allowed else ("forbidden",)

        setting = dataclasses.replace(self.setting(space), check=check)
        for trial in synthetic_search(self.make(setting), setting, self.score(space), 20):
            assert trial.key in allowed

    def check_no_evaluation_is_proposed_twice(self, space: SearchSpace) -> None:
        """An architecture comes back as a new replicate, or as the next rung of its own training, or not at all."""
        setting = self.setting(space)
        told = synthetic_search(self.make(setting), setting, self.score(space), self.trials)
        started = [_identity(trial) for trial in told if trial.state is TrialState.RUNNING]
        assert len(set(started)) == len(started)

    def check_a_seed_fixes_the_search(self, space: SearchSpace) -> None:
        def keys(seed: int) -> list[str]:
            setting = self.setting(space, seed)
            return [t.key for t in synthetic_search(self.make(setting), setting, self.score(space), 20)]

        assert keys(1) == keys(1)
