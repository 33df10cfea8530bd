"""Hyperband for niches: what is promoted, and that a full evaluation of every niche's best is reached."""

import dataclasses

import pytest

from searchitect.objectives import Objective
from searchitect.spaces import Architecture
from searchitect.strategies import Setting, make_strategy
from searchitect.strategies.elites import elites_of
from searchitect.strategies.niches import parse_niches
from searchitect.strategies.qd_hyperband import best_of_niches
from searchitect.trial import Fidelity, Proposal, Trial, TrialState
from tests.strategies.planted import SPACE, Wide

SCORE = (Objective("score", "maximize"),)
NICHES = {"nested": {"cost": [2, 5, 9]}}
SETTING = Setting(SPACE, SCORE, fidelity=Fidelity(epochs=9))


def trial(number, score, cost, state=TrialState.COMPLETE):
    architecture = Architecture.of(Wide(number % 6, number // 6, 0, 0, 0, 0))
    told = {"score": score, "cost": cost} if state is TrialState.COMPLETE else {}
    return Trial(number, Proposal(architecture), state, str(number), 0, measurements=told)


TRIALS = [
    trial(0, 0.9, 8.0),
    trial(1, 0.8, 8.0),
    trial(2, 0.5, 4.0),
    trial(3, 0.1, 1.0),
    trial(4, 0.2, 1.0),
    trial(5, 1.0, 50.0),
    trial(6, 0.0, 1.0, TrialState.FAILED),
]


@pytest.mark.parametrize(("count", "numbers"), [(1, [4]), (2, [4, 2]), (3, [4, 2, 0]), (9, [4, 2, 0, 3, 1, 5])])
def test_the_best_of_every_niche_is_promoted_the_tightest_first(count, numbers):
    chosen = best_of_niches(TRIALS, count, SETTING, parse_niches(NICHES))
    assert [t.number for t in chosen] == numbers


def search(name, seed=0, budget=40.0):
    """Run a search whose short evaluations are noisier; return its trials of the full fidelity."""
    setting = Setting(
        SPACE, SCORE, seed, budget=40, fidelity=Fidelity(epochs=9),
        facts=lambda a, names: {"cost": cost(a)} if "cost" in names else {},
    )  # fmt: skip
    options = {"candidates": 40, "inspected": 20} if name == "bop_elites_hb" else {}
    strategy = make_strategy(name, setting, {"niches": NICHES, **options})
    spent, number, full = 0.0, 0, []
    while spent < budget:
        proposal = strategy.ask(number)
        running = Trial(number, proposal, TrialState.RUNNING, SPACE.key(proposal.architecture), seed=number)
        strategy.tell(running)
        told = {"score": value(proposal.architecture), "cost": cost(proposal.architecture)}
        done = dataclasses.replace(running, state=TrialState.COMPLETE, measurements=told)
        strategy.tell(done)
        spent += proposal.fidelity.epochs / 9
        number += 1
        if proposal.fidelity.epochs == 9:
            full.append(done)
    return full


def cost(architecture):
    return float(architecture["a"] + architecture["b"])


def value(architecture):
    return cost(architecture) - sum(architecture[path] != 3 for path in "cdef")


def total(trials):
    losses = elites_of(trials, parse_niches(NICHES), SPACE, SCORE[0]).losses()
    return sum(min(loss, 4.0) for loss in losses)


def test_the_model_finds_better_elites_than_random_draws():
    drawn = [total(search("qd_hb", seed)) for seed in range(2)]
    modelled = [total(search("bop_elites_hb", seed)) for seed in range(2)]
    assert sum(modelled) < sum(drawn)
