"""Counterfactuals: the fewest changed decisions that reach another limit, and what they cost."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from functools import cache

import pytest

import searchitect as sa
from searchitect.errors import ConfigError
from searchitect.explain.searches.counterfactuals import counterfactuals, suggested_limits
from searchitect.explain.searches.evidence import evidence_of
from searchitect.explain.searches.response import Response, fit_response
from searchitect.objectives import Constraint, Objective, parse_constraint
from searchitect.spaces.architecture import Architecture
from searchitect.spaces.search_space import SearchSpace
from searchitect.trial import Proposal, Trial, TrialState

ACCURACY = Objective("accuracy", "maximize")


@sa.space
class Net:
    depth: int = sa.integer(1, 4)
    width: int = sa.choice(16, 32, 64)
    kernel: int = sa.choice(3, 5)


SPACE = SearchSpace.of(Net)


def told(net: Net) -> dict[str, float]:
    latency = 2 * net.depth + net.width / 8 + 4 * (net.kernel == 5)
    accuracy = 0.7 + 0.04 * net.depth + net.width / 640 + 0.01 * (net.kernel == 5)
    return {"accuracy": accuracy, "latency_ms": latency}


def trial(number: int, net: Net, phase: str = "search") -> Trial:
    architecture = Architecture.of(net)
    return Trial(number, Proposal(architecture), TrialState.COMPLETE, str(number), 0, phase, told(net))


WINNER = trial(0, Net(4, 64, 5))  # 20 ms, 0.97
LIMIT = parse_constraint("latency_ms<=16")


@cache
def model(name: str, count: int = 60) -> Response:
    rng = random.Random(0)
    drawn = [SPACE.sample(rng) for _ in range(count)]
    values = [told(SPACE.instance(a))[name] for a in drawn]
    return fit_response(evidence_of(drawn, values, Objective(name, "maximize")))


def test_the_fewest_changes_come_first_and_more_only_where_they_lose_less() -> None:
    trials = [
        WINNER,
        trial(1, Net(4, 32, 5)),  # one change: 16 ms, loses 0.05
        trial(2, Net(4, 16, 5)),  # one change, loses more
        trial(3, Net(2, 64, 3)),  # two changes: loses 0.09
        trial(4, Net(3, 32, 3)),  # three changes
    ]
    (one,) = counterfactuals(WINNER, trials, ACCURACY, LIMIT)
    assert (one.trial, [change.decision for change in one.changes]) == (1, ["width"])
    assert one.change == pytest.approx(-0.05)
    assert "for latency_ms <= 16 instead of 20 change 1 decision (width: 64 → 32), lose 0.05 of accuracy" in one.text


def test_more_changes_that_lose_less_are_told_after_fewer() -> None:
    trials = [trial(2, Net(4, 16, 5)), trial(4, Net(3, 32, 3)), trial(5, Net(4, 32, 3))]
    found = counterfactuals(WINNER, trials, ACCURACY, LIMIT)
    assert [c.trial for c in found] == [2, 5]
    assert found[0].change < found[1].change < 0


def test_trials_that_break_the_limit_failed_or_confirm_are_no_answers() -> None:
    broken = Trial(9, WINNER.proposal, TrialState.FAILED, "9", 0)
    others = [trial(6, Net(3, 64, 5)), broken, trial(7, Net(1, 16, 3), "confirm")]
    assert counterfactuals(WINNER, others, ACCURACY, LIMIT) == ()


def test_with_the_space_untried_architectures_answer_where_their_interval_keeps_the_limit() -> None:
    response, side = model("accuracy"), model("latency_ms")
    found = counterfactuals(WINNER, [WINNER], ACCURACY, LIMIT, response=response, space=SPACE, side=side)
    assert found
    for one in found:
        net = SPACE.instance(one.architecture)
        assert told(net)["latency_ms"] <= 16
        assert one.half is not None
        assert one.change == pytest.approx(told(net)["accuracy"] - 0.97, abs=one.half + 0.002)
        assert one.trial is None
        assert "predicted, never tried" in one.text
    json.dumps([one.to_json() for one in found], allow_nan=False)


def test_what_is_counted_exactly_needs_no_model_of_the_limit() -> None:
    def exact(architectures: object) -> list[float]:
        return [told(SPACE.instance(a))["latency_ms"] for a in architectures]  # type: ignore

    found = counterfactuals(WINNER, [], ACCURACY, LIMIT, response=model("accuracy"), space=SPACE, side=exact)
    assert [change.text for change in found[0].changes] == ["kernel: 5 → 3"]  # 16 ms exactly, the smallest loss
    assert found[0].value == 16


def test_a_model_says_how_sure_the_loss_of_a_trial_is() -> None:
    (one, *_) = counterfactuals(WINNER, [trial(1, Net(4, 32, 5))], ACCURACY, LIMIT, response=model("accuracy"))
    assert one.half is not None
    assert abs(one.change + 0.05) <= one.half + 0.002
    assert one.measured == pytest.approx(-0.05)


def test_a_limit_that_the_winner_keeps_is_refused() -> None:
    with pytest.raises(ConfigError, match="keeps latency_ms<=30 already"):
        counterfactuals(WINNER, [], ACCURACY, parse_constraint("latency_ms<=30"))


def test_a_measurement_that_the_winner_lacks_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match="no measurement 'energy_joules'"):
        counterfactuals(WINNER, [], ACCURACY, parse_constraint("energy_joules<=1"))


def test_a_latency_that_was_no_objective_lies_with_the_clock_and_counts_all_the_same() -> None:
    def timed(known: Trial) -> Trial:
        values = dict(known.measurements)
        clock = {"seconds": 1.0, "elapsed": 2.0, "latency_ms": values.pop("latency_ms")}
        return replace(known, measurements=values, clock=clock)

    (one,) = counterfactuals(timed(WINNER), [timed(trial(1, Net(4, 32, 5)))], ACCURACY, LIMIT)
    assert (one.trial, one.before, one.value) == (1, 20, 16)


def test_limits_are_suggested_where_a_trial_reaches_them() -> None:
    reached = [trial(1, Net(4, 32, 5)), trial(2, Net(1, 32, 5)), trial(3, Net(1, 16, 5))]
    limits = suggested_limits(WINNER.measurements, reached, "latency_ms")
    assert limits == (Constraint("latency_ms", "<=", 15.0), Constraint("latency_ms", "<=", 10.0))
    assert suggested_limits(WINNER.measurements, [WINNER], "latency_ms") == ()
