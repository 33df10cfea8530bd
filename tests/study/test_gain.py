"""The expected gain against values counted by hand, and as a stop condition."""

import random
import statistics

import pytest

import searchitect as sa
from searchitect.errors import ConfigError
from searchitect.objectives import parse_objective
from searchitect.study.gain import UNIT, expected_gain
from searchitect.trial import Fidelity, Proposal, Trial, TrialState
from tests.strategies.spaces import Flat

ACCURACY = parse_objective("accuracy")
DEFAULT = sa.SearchSpace.of(Flat).default()


def trials(values, fidelity=Fidelity()):
    proposal = Proposal(DEFAULT, fidelity)
    return [
        Trial(n, proposal, TrialState.COMPLETE, str(n), 0, measurements={"accuracy": v}) for n, v in enumerate(values)
    ]


def test_nothing_is_expected_of_few_trials_or_of_lower_rungs():
    assert expected_gain(trials([0.5] * 19), ACCURACY, Fidelity()) is None
    assert expected_gain(trials([0.5] * 30, Fidelity(epochs=1)), ACCURACY, Fidelity()) is None


def test_a_search_that_stands_still_expects_the_lead_of_the_best_over_the_second():
    values = [0.9, 0.88, *([0.5] * 28)]
    assert expected_gain(trials(values), ACCURACY, Fidelity()) == pytest.approx(UNIT * 0.02 / 30)


def test_a_search_that_improves_expects_to_go_on_as_it_did_in_its_last_third():
    values = [n / 100 for n in range(30)]
    assert expected_gain(trials(values), ACCURACY, Fidelity()) == pytest.approx(UNIT * 0.1 / 10)


def test_the_estimate_of_independent_draws_is_right_on_average():
    """n = 40 uniform numbers: ten more raise the maximum by 50/51 − 40/41 on average; it may be overestimated."""
    rng = random.Random(0)
    found = [expected_gain(trials([rng.random() for _ in range(40)]), ACCURACY, Fidelity()) for _ in range(400)]
    assert 50 / 51 - 40 / 41 < statistics.fmean(found) < 4 * (50 / 51 - 40 / 41)


def test_it_ends_a_search_and_the_result_says_so(tmp_path):
    asked = {"space": Flat, "evaluate": scored, "strategy": "random", "confirm_seeds": 0, "random_search": False}
    found = sa.search(**asked, trials=100, until="gain<=0.01", store=str(tmp_path / "s.db"), name="gain")
    assert found.stopped_by == "until"
    assert 20 <= sum(t.is_complete for t in found.trials) < 100


def scored(instance):
    return min(0.5, instance.third / 10)


@pytest.mark.parametrize("until", ["gain>=0.1", ["gain<=0.1", "accuracy>=0.9"]])
def test_it_stands_alone_with_an_upper_limit(until):
    with pytest.raises(ConfigError, match="a condition by itself"):
        sa.search(space=Flat, evaluate=scored, until=until, store="memory:")
