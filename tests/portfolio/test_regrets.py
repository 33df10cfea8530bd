from __future__ import annotations

import math

import numpy as np
import pytest

from searchitect.portfolio.regrets import broken, collision, regrets_of
from searchitect.portfolio.scenario import Scenario, objectives_of

ROWS = [
    {"accuracy": 0.90, "latency_ms": 10.0},
    {"accuracy": 0.95, "latency_ms": 30.0},
    {"accuracy": 0.80, "latency_ms": 5.0},
]
FAST = Scenario(name="fast", limits=("latency_ms<=12",))
FREE = Scenario(name="free")


def test_regret_is_the_distance_to_the_best_feasible_in_the_unit_of_the_metric():
    found = regrets_of((FAST, FREE), ROWS, objectives_of((FAST, FREE), "accuracy"))
    assert found.unit == "accuracy"
    assert found.best == (0, 1)
    assert found.values == pytest.approx(np.array([[0.0, math.inf, 0.10], [0.05, 0.0, 0.15]]))


def test_objectives_are_weighed_in_units_of_their_range_over_the_front():
    both = Scenario(name="both", weights={"accuracy": 1.0, "latency_ms": 1.0})
    found = regrets_of((both,), ROWS, objectives_of((both,), "accuracy"))
    # Ranges 0.15 and 25: losses (-6.0 + 0.4)/2, (-6.333 + 1.2)/2, (-5.333 + 0.2)/2.
    losses = np.array([(-0.90 / 0.15 + 10 / 25) / 2, (-0.95 / 0.15 + 30 / 25) / 2, (-0.80 / 0.15 + 5 / 25) / 2])
    assert found.unit is None
    assert found.values[0] == pytest.approx(losses - losses.min())


def test_what_is_known_elsewhere_sets_the_best():
    found = regrets_of((FREE,), ROWS[:1], objectives_of((FREE,), "accuracy"), known=ROWS)
    assert found.values[0] == pytest.approx([0.05])


def test_a_missing_measurement_is_no_fit():
    found = regrets_of((FAST,), [{"accuracy": 0.99}], objectives_of((FAST,), "accuracy"))
    assert found.values[0, 0] == math.inf
    assert found.best == (None,)
    assert [str(limit) for limit in broken(FAST, {"accuracy": 0.99})] == ["latency_ms<=12"]


def test_an_impossible_limit_says_by_how_much():
    text = collision(Scenario(name="a", limits=("latency_ms<=4",)), ROWS)
    assert "latency_ms<=4 is kept by none of 3: the smallest is 5 (+25.0%)" in text


def test_limits_that_collide_are_named_with_the_gap():
    text = collision(Scenario(name="a", limits=("latency_ms<=12", "accuracy>=0.94")), ROWS)
    assert "each limit alone can be kept, but not together" in text
    assert "accuracy>=0.94 is broken at 0.9 (-4.3%)" in text
    assert "the nearest keeps latency_ms<=12" in text
