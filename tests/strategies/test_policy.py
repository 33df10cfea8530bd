import math

import numpy as np
import pytest

import searchitect as sa
from searchitect.seeding import stream
from searchitect.strategies import Setting
from searchitect.strategies.policy import Baseline, FactorisedPolicy, Ranking, Score, drawn
from tests.strategies.bandits import SCORE
from tests.strategies.spaces import Conditional

SPACE = sa.SearchSpace.of(Conditional)


def policy(seed=0):
    return FactorisedPolicy(Setting(SPACE, SCORE, seed), 0.1)


def numeric(function, rows, width, thing):
    """Central differences of `function(policy)` with respect to the logits of some rows."""
    gradient = np.zeros((len(rows), width))
    for i, row in enumerate(rows):
        for k in range(width):
            if np.isfinite(thing._theta[row, k]):
                values = []
                for step in (1e-6, -1e-6):
                    thing._theta[row, k] += step
                    values.append(function(thing))
                    thing._theta[row, k] -= step
                gradient[i, k] = (values[0] - values[1]) / 2e-6
    return gradient


def test_the_gradients_are_those_of_log_probability_and_entropy():
    thing = policy()
    for number in range(20):
        thing.score(SPACE.sample(stream(number, "warm")))
    thing._theta += np.random.default_rng(0).normal(size=thing._theta.shape)
    score = thing.score(SPACE.sample(stream(3, "x")))
    at = np.arange(len(score.places)), score.places

    def log_probability(p):
        return float(np.log(p.probabilities(score.rows)[at]).sum())

    def entropy(p):
        shares = p.probabilities(score.rows)
        return float(-(shares * np.log(np.maximum(shares, 1e-300))).sum())

    width = score.probabilities.shape[1]
    assert score.gradient() == pytest.approx(numeric(log_probability, score.rows, width, thing), abs=1e-6)
    assert score.entropy_gradient() == pytest.approx(numeric(entropy, score.rows, width, thing), abs=1e-6)


def test_only_rows_of_active_decisions_move():
    thing = policy()
    for number in range(20):
        thing.score(SPACE.sample(stream(number, "warm")))
    before = thing._theta.copy()
    score = thing.score(SPACE.sample(stream(3, "x")))
    thing.ascend([(score.rows, score.gradient())])
    moved = {int(row) for row in np.flatnonzero((thing._theta != before).any(axis=1))}
    assert moved == {int(row) for row in score.rows}
    assert len(moved) < len(thing._row)


def test_a_score_is_of_the_policy_as_it_stood():
    thing = policy()
    score = thing.score(SPACE.sample(stream(3, "x")))
    before = score.gradient()
    thing.ascend([(score.rows, score.gradient())])
    assert (score.gradient() == before).all()
    assert (thing.score(SPACE.sample(stream(3, "x"))).gradient() != before).any()


def test_a_batch_moves_each_row_once_along_the_sum_of_its_gradients():
    one, many = policy(), policy()
    architecture = SPACE.sample(stream(3, "x"))
    for thing, gradients in ((one, [2.0]), (many, [0.5, 1.5])):
        score = thing.score(architecture)
        thing.ascend([(score.rows, factor * score.gradient()) for factor in gradients])
    rows = one.score(architecture).rows
    assert one.probabilities(rows) == pytest.approx(many.probabilities(rows), abs=1e-12)


def test_gradients_taken_before_a_longer_list_was_met_still_fit():
    short = Score(np.array([0]), np.array([0]), np.array([[0.5, 0.5]]))
    thing = policy()
    thing.score(SPACE.sample(stream(3, "x")))
    thing.ascend([(short.rows, short.gradient())])
    assert np.isfinite(thing.probabilities(short.rows)).all()


def test_rewards_are_normal_scores_of_the_rank_among_what_came_before():
    ranking = Ranking()
    assert ranking.reward(5.0) == pytest.approx(0.0)
    better, worse, tied = ranking.reward(1.0), ranking.reward(1e9), ranking.reward(5.0)
    assert better == pytest.approx(-sum_free(0.625 / 2.25))
    assert worse < -0.8
    assert tied == pytest.approx(0.0)


def sum_free(share):
    from statistics import NormalDist

    return NormalDist().inv_cdf(share)


def test_a_sample_is_no_part_of_its_own_baseline():
    baseline = Baseline(0.9)
    assert baseline.advantage(4.0) == 0.0
    assert baseline.advantage(10.0) == pytest.approx(6.0)
    # The mean of 4 and 10 with weights 0.9 and 1, corrected for the start at zero.
    assert baseline.advantage(0.0) == pytest.approx(-(0.9 * 4 + 10) / 1.9)


def test_values_are_drawn_by_their_shares():
    rng = stream(0, "draws")
    counts = [0, 0, 0]
    for _ in range(4_000):
        counts[drawn([1.0, 1.0, 4.0], rng)] += 1
    assert counts[1] == 0
    assert counts[0] / 4_000 == pytest.approx(0.25, abs=4 * math.sqrt(0.25 * 0.75 / 4_000))
