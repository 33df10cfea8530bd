import math

import pytest
from hypothesis import given, strategies as st

from searchitect.errors import ConfigError, ConstraintError
from searchitect.objectives import Objective, check_consistent, cut_to_range, parse_constraint, parse_objective


@pytest.mark.parametrize(
    ("text", "direction"),
    [
        ("accuracy", "maximize"), ("f1_macro", "maximize"), ("auroc", "maximize"), ("r2", "maximize"),
        ("log_loss", "minimize"), ("mse", "minimize"), ("parameters", "minimize"), ("latency_ms", "minimize"),
        ("maximize my_number", "maximize"), ("minimize accuracy", "minimize"),
    ],
)  # fmt: skip
def test_a_direction_is_said_or_taken_from_the_name(text, direction):
    assert parse_objective(text).direction == direction


@pytest.mark.parametrize("text", ["", "two words", "maximise accuracy", "minimize", "accuracy>1", "minimize a b"])
def test_other_texts_are_refused_with_the_form(text):
    with pytest.raises(ConfigError, match="minimize NAME"):
        parse_objective(text)


def test_better_and_loss_follow_the_direction():
    up, down = Objective("a", "maximize"), Objective("b", "minimize")
    assert up.better(2, 1)
    assert down.better(1, 2)
    assert not up.better(1, 1)
    assert (up.loss(3.0), down.loss(3.0)) == (-3.0, 3.0)


@given(st.floats(-1e9, 1e9))
def test_a_limit_is_read_as_it_is_written(limit):
    constraint = parse_constraint(f"parameters <= {limit!r}")
    assert constraint.limit == limit
    assert constraint.holds({"parameters": limit})


def test_limits_hold_or_break():
    limit = parse_constraint("accuracy>=0.9")
    assert limit.holds({"accuracy": 0.9})
    assert not limit.holds({"accuracy": 0.89})
    assert not limit.holds({"loss": 0.1}), "a missing measurement keeps no limit"
    assert str(parse_constraint("parameters<=100_000")) == "parameters<=100000"


@pytest.mark.parametrize(
    "text", ["parameters", "parameters<5", "parameters==5", "<=5", "a<=b", "a<=nan", "a<=inf", "1a<=2"]
)
def test_other_constraints_are_refused(text):
    with pytest.raises(ConstraintError):
        parse_constraint(text)


def test_only_limits_on_the_same_name_contradict_each_other():
    check_consistent([parse_constraint(t) for t in ("flops<=10", "parameters>=20", "flops>=10")])
    with pytest.raises(ConstraintError, match="'flops<=10' and 'flops>=11' contradict each other"):
        check_consistent([parse_constraint(t) for t in ("flops<=10", "flops>=11")])


def test_a_limit_on_a_prediction_holds_where_its_probability_reaches_the_confidence():
    limit = parse_constraint("latency_ms_phone<=20")
    certain, sure, unsure = {}, {"latency_ms_phone_log_sd": 0.1}, {"latency_ms_phone_log_sd": 0.5}
    at_15 = {"latency_ms_phone": 15.0}
    assert limit.holds(at_15 | certain)
    assert limit.holds(at_15 | sure)
    assert not limit.holds(at_15 | unsure)
    assert limit.probability(at_15) == 1.0
    # ln(20/15) / 0.5 = 0.5754 deviations: Φ = 0.7175
    assert limit.probability(at_15 | unsure) == pytest.approx(0.7175, abs=1e-4)
    assert "with probability 0.72, not 0.95" in limit.explained(at_15 | unsure)


def test_the_bound_of_a_prediction_is_its_quantile():
    measured = {"x_ms": 10.0, "x_ms_log_sd": 0.2}
    assert parse_constraint("x_ms<=99").bound(measured) == pytest.approx(10 * math.exp(1.6449 * 0.2), rel=1e-4)
    assert parse_constraint("x_ms>=1").bound(measured) == pytest.approx(10 * math.exp(-1.6449 * 0.2), rel=1e-4)
    assert parse_constraint("x_ms<=10").excess(measured) == pytest.approx(math.exp(1.6449 * 0.2) - 1, rel=1e-4)


def test_a_limit_may_have_a_confidence_of_its_own_and_says_so():
    limit = parse_constraint("latency_ms_phone<=20@0.8")
    assert limit.confidence == 0.8
    assert parse_constraint(str(limit)) == limit
    assert str(parse_constraint("a<=1@0.95")) == "a<=1"
    for wrong in ("a<=1@0.3", "a<=1@1", "a<=1@x"):
        with pytest.raises(ConstraintError, match="share from 0.5"):
            parse_constraint(wrong)


@pytest.mark.parametrize(
    ("metric", "expected"),
    [("accuracy", (0.9, 1.0)), ("auroc_on_phone", (0.9, 1.0)), ("loss", (0.9, 1.1)), ("reward", (0.9, 1.1))],
)
def test_an_interval_of_a_share_is_cut_to_what_is_possible(metric, expected):
    assert cut_to_range(metric, (0.9, 1.1)) == expected
