"""BOP-Elites: the acquisition against its definition, free and modelled features, and what it finds."""

import dataclasses
import math

import numpy as np
import pytest

from searchitect.errors import EvaluationError
from searchitect.objectives import Objective
from searchitect.seeding import stream
from searchitect.strategies import Setting, make_strategy
from searchitect.strategies.acquisition import log_expected_improvement
from searchitect.strategies.bop_elites import drawn_in
from searchitect.strategies.elites import elites_of
from searchitect.strategies.niches import parse_niches
from searchitect.trial import Trial, TrialState
from tests.strategies.planted import SPACE

SCORE = (Objective("score", "maximize"),)
NICHES = {"nested": {"cost": [4, 8, 12, 16]}}
NICHED = {"niches": NICHES, "candidates": 40, "inspected": 20}


def cost(architecture):
    return float(architecture["a"] + architecture["b"] + architecture["c"])


def score(architecture):
    """Costly decisions help, and the free ones have one right value each."""
    return cost(architecture) - 2.0 * sum(architecture[path] != 2 for path in "def")


def facts(architecture, names):
    return {"cost": cost(architecture)} if "cost" in names else {}


def search(name, seed=0, trials=60, options=None, known=facts):
    """Run a search in which `cost` is measured too; return the strategy and the finished trials."""
    setting = Setting(SPACE, SCORE, seed, budget=trials, facts=known)
    strategy = make_strategy(name, setting, options)
    done = []
    for number in range(trials):
        proposal = strategy.ask(number)
        trial = Trial(number, proposal, TrialState.RUNNING, SPACE.key(proposal.architecture), seed=number)
        strategy.tell(trial)
        told = {"score": score(proposal.architecture), "cost": cost(proposal.architecture)}
        done.append(dataclasses.replace(trial, state=TrialState.COMPLETE, measurements=told))
        strategy.tell(done[-1])
    return strategy, done


def total(trials):
    return sum(elites_of(trials, parse_niches(NICHES), SPACE, SCORE[0]).losses())


BEST = -float(4 + 8 + 12 + 15)


def test_the_acquisition_is_the_sum_over_niches_of_expected_improvements():
    strategy, _ = search("bop_elites", trials=15, options=NICHED)
    drawn = [SPACE.sample(stream(5, n)) for n in range(20)]
    values = strategy._score(stream(0, "x"))(drawn)
    assert len(drawn) <= strategy._inspected
    _, posterior = strategy._posterior()
    mean, deviation = posterior.predict(strategy._columns.encode(drawn))
    elites = strategy._elite_targets()
    for place, architecture in enumerate(drawn):
        parts = [
            math.exp(log_expected_improvement(mean[place : place + 1], deviation[place : place + 1], elite)[0])
            for limit, elite in zip((4, 8, 12, 16), elites, strict=True)
            if cost(architecture) <= limit
        ]
        assert values[place] == pytest.approx(math.log(sum(parts)), rel=1e-9)


def test_free_features_beat_random_search_and_come_near_the_best_of_every_niche():
    ours = [total(search("bop_elites", seed, options=NICHED)[1]) for seed in range(2)]
    random = [total(search("random", seed)[1]) for seed in range(2)]
    assert max(ours) < min(random)
    assert all(loss <= BEST + 3.0 for loss in ours)


def test_features_that_only_a_trial_tells_are_modelled():
    strategy, trials = search("bop_elites", options=NICHED, known=None)
    assert strategy._free is False
    assert total(trials) < total(search("random", known=None)[1])
    inside = strategy._modelled(stream(0, "luck"))([t.architecture for t in trials])
    truth = np.array([[cost(t.architecture) <= limit for limit in (4, 8, 12, 16)] for t in trials])
    assert np.abs(inside - truth).mean() < 0.1


def test_an_architecture_that_cannot_be_built_lies_in_no_niche():
    def refusing(architecture, names):
        if architecture["a"] == 5:
            raise EvaluationError("no such model")
        return facts(architecture, names)

    strategy, trials = search("bop_elites", trials=30, options=NICHED, known=refusing)
    assert all(t.architecture["a"] != 5 for t in trials[10:])
    assert strategy.belief().note.startswith("elites of 4 of 4 niches")


def test_a_collapsed_model_does_not_stretch_the_scale_of_the_others():
    losses = np.array([1.0, 2.0, 3.0, 1000.0])
    assert drawn_in(losses, losses).tolist() == [1.0, 2.0, 3.0, 5.5]
    assert drawn_in(losses, losses[:0]).tolist() == losses.tolist()
