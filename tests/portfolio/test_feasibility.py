from __future__ import annotations

import math

import pytest
from hypothesis import given, settings, strategies as st
from scipy import stats

from searchitect.errors import ConfigError
from searchitect.objectives import Constraint
from searchitect.portfolio.feasibility import (
    measured_feasibility,
    repetitions_needed,
    share_bound,
    single_feasibility,
    upper_rank,
)

LIMIT = Constraint("latency_ms", "<=", 20.0)


def test_59_repetitions_are_needed_for_95_per_cent_at_95_per_cent():
    assert repetitions_needed(0.95, 0.95) == 59
    assert upper_rank(58) is None
    assert upper_rank(59) == 59


@pytest.mark.parametrize(("coverage", "confidence"), [(0.9, 0.95), (0.95, 0.95), (0.99, 0.95), (0.5, 0.75)])
def test_the_number_of_repetitions_is_the_smallest_by_the_exact_binomial(coverage, confidence):
    needed = repetitions_needed(coverage, confidence)
    assert stats.binom.cdf(needed - 1, needed, coverage) >= confidence
    assert stats.binom.cdf(needed - 2, needed - 1, coverage) < confidence


@settings(max_examples=80, deadline=None)
@given(st.integers(1, 400), st.sampled_from([0.5, 0.9, 0.95, 0.99]), st.sampled_from([0.5, 0.9, 0.95]))
def test_the_rank_is_the_smallest_by_the_exact_binomial(count, coverage, confidence):
    rank = upper_rank(count, coverage, confidence)
    exact = [r for r in range(1, count + 1) if stats.binom.cdf(r - 1, count, coverage) >= confidence - 1e-12]
    assert rank == (exact[0] if exact else None)


@settings(max_examples=80, deadline=None)
@given(st.integers(1, 200), st.data())
def test_the_bound_of_a_share_is_where_the_exact_binomial_says(count, data):
    within = data.draw(st.integers(1, count))
    bound = share_bound(within, count, 0.95)
    assert stats.binom.sf(within - 1, count, bound) == pytest.approx(0.05, rel=1e-6)
    assert bound <= within / count


def test_the_order_statistic_covers_as_often_as_it_says():
    import numpy as np

    rng = np.random.default_rng(0)
    rank = upper_rank(100)
    draws = np.sort(rng.exponential(size=(4000, 100)), axis=1)[:, rank - 1]
    assert np.mean(draws >= stats.expon.ppf(0.95)) >= 0.95 - 0.01


def test_a_limit_holds_where_59_repetitions_keep_it_and_not_where_58_do():
    assert measured_feasibility(LIMIT, [19.0] * 59).holds
    assert not measured_feasibility(LIMIT, [19.0] * 58).holds
    once = measured_feasibility(LIMIT, [19.0] * 58 + [21.0])
    assert not once.holds
    assert once.probability == pytest.approx(58 / 59)
    assert once.percentile == 21.0


def test_a_lower_limit_is_bounded_from_below():
    limit = Constraint("throughput", ">=", 5.0)
    assert measured_feasibility(limit, [6.0] * 58 + [5.5]).percentile == 5.5


def test_a_prediction_holds_at_its_confidence():
    predicted = {"latency_ms": 19.0, "latency_ms_log_sd": 0.1}
    near = single_feasibility(LIMIT, predicted, ())
    assert near.source == "predicted"
    assert near.probability == pytest.approx(stats.norm.cdf(math.log(20 / 19) / 0.1))
    assert not near.holds
    assert single_feasibility(Constraint("latency_ms", "<=", 20.0, 0.6), predicted, ()).holds


def test_a_count_is_certain():
    found = single_feasibility(Constraint("parameters", "<=", 10.0), {"parameters": 10.0}, {"parameters"})
    assert (found.source, found.probability, found.holds) == ("counted", 1.0, True)


def test_what_is_no_measurement_is_refused():
    with pytest.raises(ConfigError):
        measured_feasibility(LIMIT, [])
    with pytest.raises(ConfigError):
        measured_feasibility(LIMIT, [float("nan")])
    with pytest.raises(ConfigError):
        share_bound(3, 2)
