"""The elites of a study: which trials are candidates, and the two figures."""

import math

import pytest

import searchitect as sa
from searchitect.objectives import parse_objective
from searchitect.spaces import Architecture
from searchitect.strategies.niches import parse_niches
from searchitect.study.elites import study_elites
from searchitect.trial import Fidelity, Proposal, Trial, TrialState
from tests.strategies.spaces import Flat

SPACE = sa.SearchSpace.of(Flat)
NICHES = parse_niches(["flops<=3", "flops<=5", "flops<=1"])


def trial(number, accuracy, flops, phase="search", fidelity=Fidelity(), **changes):
    architecture = Architecture.of(Flat(1 + number % 4, 1, 1 + number // 4))
    told = {"accuracy": accuracy, "flops": flops}
    proposal = Proposal(architecture, fidelity)
    return Trial(number, proposal, TrialState.COMPLETE, str(number), 0, phase, measurements=told, **changes)


TRIALS = [
    trial(0, 0.2, 2.0),
    trial(1, 0.6, 4.0),
    trial(2, 0.9, 2.0, fidelity=Fidelity(epochs=1)),
    trial(3, 0.95, 2.0, phase="random"),
    trial(4, 0.5, 2.5),
]


def elites(phase="search"):
    return study_elites(TRIALS, NICHES, SPACE, parse_objective("accuracy"), (), phase, Fidelity())


def test_only_full_evaluations_of_the_phase_are_candidates():
    assert [m.trial.number if m.trial else None for m in elites()] == [4, 1, None]
    assert [m.trial.number if m.trial else None for m in elites("random")] == [3, 3, None]


def test_coverage_and_score_count_from_the_worst_trial_of_the_study():
    found = elites()
    assert found.coverage == pytest.approx(2 / 3)
    assert found.qd_score == pytest.approx((0.5 - 0.2) + (0.6 - 0.2))
    assert math.isclose(elites("random").qd_score, 2 * (0.95 - 0.2))
    assert found.to_json()["niches"][2] == {"niche": "flops<=1", "trial": None, "value": None, "features": None}
