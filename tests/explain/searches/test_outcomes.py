"""Where the budget went, and which options fail."""

from __future__ import annotations

import json

import pytest

import searchitect as sa
from searchitect.explain.searches.outcomes import ENDINGS, outcomes
from searchitect.spaces.architecture import Architecture
from searchitect.trial import Proposal, Trial, TrialState


@sa.space
class Net:
    depth: int = sa.integer(1, 4)
    kernel: int = sa.choice(3, 5, 7)


def trial(number: int, state: TrialState, kernel: int, phase: str = "search", reused: int | None = None) -> Trial:
    proposal = Proposal(Architecture.of(Net(1 + number % 4, kernel)))
    return Trial(number, proposal, state, str(number), 0, phase, reused=reused, clock={"seconds": 2.0})


def study() -> list[Trial]:
    trials = [
        trial(n, TrialState.FAILED if n % 3 == 2 and n % 2 else TrialState.COMPLETE, (3, 5, 7)[n % 3])
        for n in range(60)
    ]
    trials.append(trial(60, TrialState.COMPLETE, 3, reused=0))
    trials.append(trial(61, TrialState.INFEASIBLE, 5))
    trials.append(trial(62, TrialState.COMPLETE, 3, "confirm"))
    trials.append(trial(63, TrialState.RUNNING, 3))
    return trials


def test_every_finished_trial_counts_once_in_the_costs() -> None:
    found = outcomes(study())
    assert found.trials == 63
    assert sum(one.trials for one in found.phases) == 63
    by_ending = {(one.phase, one.ending): (one.trials, one.seconds) for one in found.phases}
    assert by_ending["search", "failed"] == (10, 20.0)
    assert by_ending["confirm", "complete"] == (1, 2.0)
    assert by_ending["search", "reused"] == (1, 2.0)


def test_an_option_that_fails_more_often_is_named_and_others_are_not() -> None:
    found = outcomes(study())
    notable = [(one.decision, one.option) for one in found.options if one.notable]
    assert notable == [("kernel", "7")]
    seven = next(one for one in found.options if one.notable)
    assert (seven.lost, seven.tries) == (10, 20)
    assert seven.low < 0.5 < seven.high
    assert found.texts[0].startswith("kernel = 7: 10 of 20 trials gave no result")
    json.dumps(found.to_json(), allow_nan=False)


def test_the_options_of_a_decision_share_out_all_trials_of_the_search() -> None:
    found = outcomes(study())
    for decision in ("depth", "kernel"):
        options = [one for one in found.options if one.decision == decision]
        assert sum(one.tries for one in options) == 62
        assert all(sum(one.counts) == one.tries for one in options)
        assert len(options[0].counts) == len(ENDINGS)
        assert sum(one.seconds for one in options) == pytest.approx(124)


def test_of_many_decisions_those_stay_whose_options_end_most_differently() -> None:
    found = outcomes(study(), most=1)
    assert {one.decision for one in found.options} == {"kernel"}
    assert found.left_out == 1


def test_a_study_without_trials_has_no_costs() -> None:
    assert outcomes([]).to_json() == {"texts": [], "trials": 0, "phases": [], "options": [], "left_out": 0}
