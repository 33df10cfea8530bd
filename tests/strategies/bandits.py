"""Bandits for policies: rewards that depend on few decisions, and one that makes every architecture new."""

import dataclasses
import math

import searchitect as sa
from searchitect.objectives import Objective
from searchitect.seeding import stream
from searchitect.strategies import Setting, make_strategy
from searchitect.trial import Trial, TrialState

SCORE = (Objective("score", "maximize"),)


@sa.space
class Arms:
    arm: str = sa.choice("a", "b", "c", "d", "e")
    ticket: float = sa.real(0.0, 1.0)


@sa.space
class Left:
    arm: int = sa.choice(1, 2, 3)


@sa.space
class Right:
    arm: int = sa.choice(1, 2, 3, 4)


@sa.space
class Doors:
    side: Left | Right = sa.choice(Left, Right)
    ticket: float = sa.real(0.0, 1.0)


def arms_reward(architecture, rng):
    return {"a": 0.1, "b": 0.2, "c": 0.3, "d": 0.7, "e": 0.4}[architecture["arm"]] + rng.gauss(0.0, 0.1)


def doors_reward(architecture, rng):
    """The single best arm is the third on the right."""
    return _behind(architecture, {1: 0.3, 2: 0.4, 3: 0.3}, {1: 0.2, 2: 0.3, 3: 0.9, 4: 0.4}) + rng.gauss(0.0, 0.1)


def trap_reward(architecture, rng):
    """The left side is better on average; the single best arm is the third on the right."""
    return _behind(architecture, {1: 0.4, 2: 0.45, 3: 0.4}, {1: 0.1, 2: 0.1, 3: 0.9, 4: 0.1}) + rng.gauss(0.0, 0.1)


def _behind(architecture, left, right):
    if architecture["side"] == "Left":
        return left[architecture["side.Left.arm"]]
    return right[architecture["side.Right.arm"]]


def is_best_arm(architecture):
    return architecture["arm"] == "d"


def is_best_door(architecture):
    return architecture.get("side.Right.arm") == 3


def trained(name, space, reward, trials, seed, options=None, fail=lambda number: False):
    """Run a strategy for some trials and return it."""
    compiled = sa.SearchSpace.of(space)
    setting = Setting(compiled, SCORE, seed, budget=trials)
    strategy = make_strategy(name, setting, options)
    for number in range(trials):
        proposal = strategy.ask(number)
        trial = Trial(number, proposal, TrialState.RUNNING, compiled.key(proposal.architecture), number)
        strategy.tell(trial)
        if fail(number):
            strategy.tell(dataclasses.replace(trial, state=TrialState.FAILED, reason="planted"))
            continue
        value = reward(proposal.architecture, stream(seed, "reward", number))
        strategy.tell(dataclasses.replace(trial, state=TrialState.COMPLETE, measurements={"score": value}))
    return strategy


def share(strategy, wanted, draws=200):
    """How often a strategy would now ask for what is wanted; asking changes nothing."""
    asked = [strategy.ask(10_000 + number).architecture for number in range(draws)]
    return math.fsum(map(wanted, asked)) / draws
