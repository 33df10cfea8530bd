"""The archive of elites and its three figures, against values counted by hand."""

import math

import numpy as np
import pytest

import searchitect as sa
from searchitect.objectives import parse_constraint, parse_objective
from searchitect.spaces import Architecture
from searchitect.strategies.elites import EliteArchive, coverage, elites_of, qd_score, regrets, summed_loss
from searchitect.strategies.niches import parse_niches
from searchitect.trial import Proposal, Trial, TrialState
from tests.strategies.spaces import Flat

SPACE = sa.SearchSpace.of(Flat)
NESTED = parse_niches({"nested": {"latency_ms": [3, 5, 8]}})


def trial(number, accuracy, latency, **changes):
    architecture = Architecture.of(Flat(1 + number % 4, 1, 1 + number // 4))
    told = {"accuracy": accuracy, "latency_ms": latency}
    key = SPACE.key(architecture)
    return Trial(number, Proposal(architecture), TrialState.COMPLETE, key, number, measurements=told, **changes)


def test_one_evaluation_updates_every_niche_that_holds_it():
    archive = EliteArchive(NESTED)
    assert archive.add(trial(0, 0.5, 2), 0.5, np.array([2.0])) == [0, 1, 2]
    assert archive.add(trial(1, 0.7, 4), 0.3, np.array([4.0])) == [1, 2]
    assert archive.add(trial(2, 0.6, 1), 0.4, np.array([1.0])) == [0]
    assert archive.add(trial(3, 0.6, 1), 0.4, np.array([1.0])) == []
    assert archive.add(trial(4, 0.9, 9), 0.1, np.array([9.0])) == []
    assert archive.add(trial(5, 0.9, 9), 0.1, None) == []
    assert archive.losses() == [0.4, 0.3, 0.3]
    assert [t.number for t in archive.trials()] == [2, 1]


def test_an_archive_of_trials_keeps_limits_and_leaves_out_what_is_no_result():
    trials = [
        trial(0, 0.5, 2),
        trial(1, 0.9, 2, reused=0),
        trial(2, 0.99, 20),
        Trial(3, trial(3, 0, 0).proposal, TrialState.FAILED, "x", 3),
        trial(4, 0.8, 4),
    ]
    objective = parse_objective("accuracy")
    archive = elites_of(trials, NESTED, SPACE, objective)
    assert {niche: elite.number for niche, (_, elite) in archive.elites.items()} == {0: 0, 1: 4, 2: 4}
    limited = elites_of(trials, NESTED, SPACE, objective, [parse_constraint("accuracy<=0.7")])
    assert {niche: elite.number for niche, (_, elite) in limited.elites.items()} == {0: 0, 1: 0, 2: 0}


def test_figures_of_an_archive():
    losses = [0.4, math.inf, 0.1, 1.5]
    assert coverage(losses) == 0.75
    assert qd_score(losses, worst=1.0) == pytest.approx(0.6 + 0.9)
    assert summed_loss(losses, worst=1.0) == pytest.approx(0.4 + 1.0 + 0.1 + 1.5)
    assert regrets(losses, [0.3, 0.5, 0.1, math.inf], worst=1.0) == pytest.approx([0.1, 0.5, 0.0, 0.0])
