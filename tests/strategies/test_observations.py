import dataclasses
import math

import pytest

import searchitect as sa
from searchitect.objectives import Objective
from searchitect.strategies.observations import Observations
from searchitect.trial import Proposal, Trial, TrialState


def told(known, key, *values, first=0):
    for replicate, value in enumerate(values, first):
        proposal = Proposal(sa.Architecture("s", {}), replicate=replicate)
        trial = Trial(replicate, proposal, TrialState.RUNNING, key, 0)
        known.tell(trial)
        known.tell(dataclasses.replace(trial, state=TrialState.COMPLETE, measurements={"score": value}))


def test_the_noise_is_the_pooled_deviation_of_replicates():
    known = Observations(Objective("score", "maximize"), 5)
    told(known, "a", 1.0, 2.0, 6.0)
    assert known.noise == pytest.approx(math.sqrt(14 / 2))
    told(known, "b", 4.0, 6.0)
    assert known.noise == pytest.approx(math.sqrt((14 + 2) / 3))
    assert known.mean("a") == pytest.approx(-3.0)


def test_before_the_first_pair_the_noise_is_unknown_and_doubt_allowed():
    known = Observations(Objective("score", "maximize"), 2)
    told(known, "a", 1.0)
    assert known.noise is None
    assert known.in_doubt("a", rival=100.0)
    told(known, "a", 1.0, first=1)
    assert known.noise == 0.0
    assert not known.in_doubt("a", rival=-1.0)


def test_failed_replicates_count_as_attempts():
    known = Observations(Objective("score", "maximize"), 2)
    told(known, "a", 1.0)
    again = Trial(1, Proposal(sa.Architecture("s", {}), replicate=1), TrialState.FAILED, "a", 0, reason="no")
    known.tell(again)
    assert known.replicate("a") == 2
    assert not known.in_doubt("a", rival=-0.9)
    assert known.noise is None


def test_a_reused_trial_says_nothing_new():
    known = Observations(Objective("score", "maximize"), 3)
    told(known, "a", 1.0)
    proposal = Proposal(sa.Architecture("s", {}))
    known.tell(Trial(5, proposal, TrialState.COMPLETE, "a", 0, measurements={"score": 1.0}, reused=0))
    assert known.noise is None
