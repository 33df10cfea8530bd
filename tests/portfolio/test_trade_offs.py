from __future__ import annotations

import pytest

from searchitect.portfolio.scenario import Scenario, objectives_of
from searchitect.portfolio.trade_offs import trade_offs

ROWS = [
    {"accuracy": 0.90, "latency_ms": 18.0},
    {"accuracy": 0.94, "latency_ms": 28.0},
    {"accuracy": 0.95, "latency_ms": 60.0},
]


def test_a_limit_costs_what_the_looser_one_would_have_allowed():
    fast = Scenario(name="fast", limits=("latency_ms<=20",))
    looser, none = trade_offs((fast,), ROWS, objectives_of((fast,), "accuracy"), 0.001)
    assert (looser.limit, looser.instead_of) == ("latency_ms<=20", "latency_ms<=30")
    assert looser.difference == pytest.approx(-0.04)
    assert looser.half_width == pytest.approx(1.96 * 0.001 * 2**0.5)
    assert none.instead_of == "no limit"
    assert none.difference == pytest.approx(-0.05)


def test_a_limit_that_binds_nothing_costs_nothing():
    slow = Scenario(name="slow", limits=("latency_ms<=100",))
    [looser, none] = trade_offs((slow,), ROWS, objectives_of((slow,), "accuracy"), 0.001)
    assert (looser.difference, looser.half_width) == (0.0, 0.0)
    assert none.difference == 0.0


def test_without_seeds_there_is_no_interval_and_without_a_model_no_price():
    fast = Scenario(name="fast", limits=("latency_ms<=20",))
    assert trade_offs((fast,), ROWS, objectives_of((fast,), "accuracy"), None)[0].half_width is None
    none = Scenario(name="none", limits=("latency_ms<=1",))
    assert trade_offs((none,), ROWS, objectives_of((none,), "accuracy"), 0.1) == ()
