"""Curves whose end is known: where they end, how sure one may be, and that a seed fixes the answer."""

import math

import numpy as np
import pytest

from searchitect.predictors.learning_curves import FEWEST_POINTS, extrapolate, probability_of_beating

FAMILIES = {
    "pow3": lambda t: 0.9 - 0.6 * t**-0.7,
    "exp3": lambda t: 0.9 - 0.6 * math.exp(-0.12 * t),
    "log_power": lambda t: 0.9 - 0.8 / (1 + (t / 6) ** 2.0),
    "ilog2": lambda t: 0.9 - 0.3 / math.log(t + 1),
}


def curve(family, points, noise=0.0, seed=0):
    rng = np.random.default_rng(seed)
    return [(t, FAMILIES[family](t) + noise * rng.standard_normal()) for t in range(1, points + 1)]


@pytest.mark.parametrize("family", FAMILIES)
def test_each_family_is_carried_on_to_its_end(family):
    truth = FAMILIES[family](60)
    found = extrapolate(curve(family, 30, noise=0.002), 60, seed=0)
    assert np.median(found.means) == pytest.approx(truth, abs=0.02)


@pytest.mark.parametrize("family", FAMILIES)
def test_an_end_far_above_or_below_is_told_apart(family):
    truth, seen = FAMILIES[family](60), curve(family, 20, noise=0.003)
    assert probability_of_beating(seen, 60, truth - 0.15, seed=0) > 0.95
    assert probability_of_beating(seen, 60, truth + 0.2, seed=0) < 0.05


def test_a_curve_that_has_settled_below_the_incumbent_will_not_beat_it():
    settled = [(t, 0.7 + 0.005 * (-1) ** t) for t in range(1, 11)]
    assert probability_of_beating(settled, 50, 0.8, seed=0) < 0.01
    assert probability_of_beating(settled, 50, 0.6, seed=0) > 0.99


def test_a_steeper_curve_has_the_better_chance():
    chances = [probability_of_beating([(t, rise * t) for t in range(1, 7)], 12, 0.6, seed=0) for rise in (0.02, 0.08)]
    assert chances[0] < 0.2 < chances[1]


def test_few_points_say_nothing():
    assert probability_of_beating(curve("pow3", FEWEST_POINTS - 1), 60, 0.5, seed=0) == 0.5
    assert probability_of_beating([], 60, 0.5, seed=0) == 0.5


def test_more_noise_is_less_sure():
    truth = FAMILIES["pow3"](60)
    sure, unsure = (
        np.ptp(np.quantile(extrapolate(curve("pow3", 20, noise), 60, seed=0).means, [0.1, 0.9]))
        for noise in (0.001, 0.05)
    )
    assert sure < unsure
    assert 0.01 < probability_of_beating(curve("pow3", 20, 0.05), 60, truth + 0.03, seed=0) < 0.99


def test_a_horizon_that_is_reached_leaves_no_doubt():
    done = curve("exp3", 60)
    assert probability_of_beating(done, 60, 0.8, seed=0) == 1.0
    assert probability_of_beating(done, 60, 0.95, seed=0) == 0.0
    assert probability_of_beating(done, 60, done[-1][1], seed=0) == 0.0  # as good is not better


def test_a_seed_fixes_the_answer_and_the_order_of_points_does_not_matter():
    seen = curve("log_power", 12, noise=0.01)
    first = probability_of_beating(seen, 40, 0.85, seed=3)
    assert probability_of_beating(list(reversed(seen)), 40, 0.85, seed=3) == first
    assert 0 <= probability_of_beating(seen, 40, 0.85, seed=4) <= 1


def test_what_is_not_finite_is_left_out():
    seen = [*curve("exp3", 10), (11, math.nan), (12, math.inf)]
    clean = curve("exp3", 10)
    assert probability_of_beating(seen, 40, 0.8, seed=0) == probability_of_beating(clean, 40, 0.8, seed=0)


def test_a_flat_curve_and_steps_from_zero_are_no_error():
    flat = [(t, 0.5) for t in range(6)]
    assert probability_of_beating(flat, 20, 0.6, seed=0) < 0.1
    assert probability_of_beating(flat, 20, 0.4, seed=0) > 0.9
    assert probability_of_beating([(t, 0.0) for t in range(6)], 20, 0.0, seed=0) < 0.6


def test_a_loss_is_given_as_its_negative():
    falling = [(t, -(0.2 + 2.0 * t**-0.8)) for t in range(1, 16)]
    assert probability_of_beating(falling, 60, -0.6, seed=0) > 0.95
    assert probability_of_beating(falling, 60, -0.02, seed=0) < 0.05


def test_too_few_points_cannot_be_extrapolated():
    with pytest.raises(ValueError, match="2 points cannot be extrapolated, 4 are needed"):
        extrapolate([(1, 0.1), (2, 0.2)], 10, seed=0)
