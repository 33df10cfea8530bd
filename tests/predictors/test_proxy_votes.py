import math

import numpy as np
import pytest

from searchitect.predictors.proxy_votes import (
    Trust,
    bands_of,
    learned_weights,
    log_ranks,
    score_matrix,
    trust_card,
    votes,
)


def test_the_vote_is_the_mean_of_log_ranks() -> None:
    ranks = log_ranks(np.array([[1.0, 30.0], [2.0, 10.0], [3.0, 20.0]]))
    expected = [math.log(1 / 3) + 0.0, math.log(2 / 3) + math.log(1 / 3), 0.0 + math.log(2 / 3)]
    assert votes(ranks) == pytest.approx([value / 2 for value in expected])


def test_a_proxy_without_a_score_is_left_out_and_half_of_them_must_have_one() -> None:
    matrix = score_matrix([{"a": 2.0, "b": 5.0, "c": 1.0}, {"a": 3.0, "b": 1.0}, {"a": 1.0}], ["a", "b", "c"])
    found = votes(log_ranks(matrix))
    assert found[1] == pytest.approx((0.0 + math.log(1 / 2)) / 2)
    assert math.isnan(found[2])


def test_inside_bands_the_largest_of_each_band_leads() -> None:
    sizes = [1.0, 2.0, 3.0, 10.0, 20.0, 30.0]
    bands = bands_of(sizes, 2)
    assert bands == [0, 0, 0, 1, 1, 1]
    found = votes(log_ranks(np.array(sizes)[:, None], bands))
    assert found[2] == found[5] == 0.0
    assert found[0] == found[3]


def test_a_trust_card_tells_a_guide_from_noise_and_from_one_that_misleads() -> None:
    rng = np.random.default_rng(0)
    losses = rng.normal(size=40)
    matrix = np.column_stack([-losses + 0.1 * rng.normal(size=40), rng.normal(size=40), losses])
    card = trust_card(matrix, losses, ["guide", "noise", "misleading"])
    assert card["guide"].low > 0.8
    assert card["noise"].low < 0 < card["noise"].high
    assert card["misleading"].is_off
    assert not card["guide"].is_off
    assert not card["noise"].is_off


def test_the_interval_is_that_of_fishers_z() -> None:
    losses = np.arange(12.0)
    scores = -losses.copy()
    scores[[0, 11]] = scores[[11, 0]]
    found = trust_card(scores[:, None], losses, ["one"])["one"]
    rho = 1 - 6 * 2 * 11**2 / (12 * (12**2 - 1))
    half = 1.96 * math.sqrt((1 + rho**2 / 2) / 9)
    assert found.correlation == pytest.approx(rho)
    assert (found.low, found.high) == pytest.approx(
        (math.tanh(math.atanh(rho) - half), math.tanh(math.atanh(rho) + half))
    )


@pytest.mark.parametrize("count", [0, 4])
def test_nothing_is_said_after_a_few_trials(count) -> None:
    card = trust_card(np.ones((count, 1)), np.arange(float(count)), ["one"])
    assert card["one"] == Trust(None, -1.0, 1.0, count)


def test_learned_weights_follow_the_proxy_that_is_right() -> None:
    rng = np.random.default_rng(1)
    truth = rng.normal(size=200)
    matrix = np.column_stack([truth + 0.2 * rng.normal(size=200), rng.normal(size=200), rng.normal(size=200)])
    weights = learned_weights(log_ranks(matrix), -truth)
    assert weights.sum() == pytest.approx(1.0)
    assert weights[0] > 0.8
    assert (weights >= 0).all()


def test_proxies_that_say_the_same_keep_the_equal_vote() -> None:
    truth = np.random.default_rng(2).normal(size=30)
    weights = learned_weights(log_ranks(np.column_stack([truth, truth])), -truth)
    assert weights == pytest.approx([0.5, 0.5])


def test_where_every_proxy_misleads_the_vote_stays_equal() -> None:
    truth = np.random.default_rng(3).normal(size=60)
    weights = learned_weights(log_ranks(np.column_stack([-truth, -truth])), -truth)
    assert weights == pytest.approx([0.5, 0.5])
