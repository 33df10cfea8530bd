"""Earlier tasks' ranks, pooled and corrected by what a new task says."""

import math

import numpy as np
import pytest

from searchitect.predictors.rank_transfer import (
    EXPECTED,
    MIXTURE,
    NOISE,
    OFFSET,
    RESIDUAL,
    SLOPE,
    RankTransfer,
    smooth,
    trust,
)
from searchitect.predictors.targets import normal_scores, rank_correlation

RNG = np.random.Generator(np.random.PCG64(0))


def cells(count, seed, decisions=5, options=3):
    """Random one-hot rows."""
    drawn = np.random.Generator(np.random.PCG64(seed)).integers(options, size=(count, decisions))
    return np.eye(options)[drawn].reshape(count, -1)


EFFECTS = RNG.standard_normal((3, 15))
"""Additive losses of three tasks that have nothing to do with one another."""


def source(task, similarity=1.0, seed=1):
    rows = cells(120, seed + task)
    return rows, rows @ EFFECTS[task], similarity


def agreement(found, task, rows):
    return rank_correlation(found, rows @ EFFECTS[task])


def test_a_smooth_model_ranks_what_it_has_not_seen():
    rows, losses, _ = source(0)
    others = cells(80, 9)
    assert agreement(smooth(rows, normal_scores(losses)).predict(others), 0, others) > 0.95


def test_trust_moves_from_what_was_expected_to_what_is_seen():
    assert trust(None, 0) == trust(0.9, 3) == EXPECTED
    assert trust(EXPECTED, 40) == pytest.approx(EXPECTED)
    assert -0.2 < trust(-0.5, 8) < EXPECTED
    assert trust(-0.5, 60) == pytest.approx(math.tanh((4 * math.atanh(0.5) - 57 * math.atanh(0.5)) / 61))


def test_a_task_that_is_less_alike_weighs_less_and_one_that_contradicts_nothing():
    transfer = RankTransfer([source(0), source(0, similarity=0.25), source(1)])
    weights = transfer.weights(np.zeros((3, 0)), np.zeros(0))
    assert weights == pytest.approx([0.25, 0.0625, 0.25])
    seen = cells(30, 7)
    opinions = transfer.opinions(seen)
    followed = transfer.weights(opinions, -(seen @ EFFECTS[1]))
    assert followed[2] == 0.0


def test_what_explains_the_observations_is_believed_where_nothing_was_seen():
    transfer = RankTransfer([source(0), source(1), source(2)])
    seen, others = cells(12, 7), cells(200, 8)
    losses = seen @ EFFECTS[2]
    weights = transfer.weights(transfer.opinions(seen), losses)
    mean, _ = transfer.predict(others, [1.0, 1.0, 1.0], seen, losses)
    assert agreement(mean, 2, others) > agreement(transfer.pooled(others, [1.0, 1.0, 1.0]), 2, others) + 0.15
    assert agreement(transfer.predict(others, weights, seen, losses)[0], 2, others) > 0.9


def test_what_no_source_knows_is_learned_from_the_task_itself():
    transfer = RankTransfer([source(0)])
    seen, others = cells(60, 7), cells(200, 8)
    mean, deviation = transfer.predict(others, [1.0], seen, seen @ EFFECTS[1])
    assert agreement(mean, 1, others) > 0.8
    _, near = transfer.predict(seen, [1.0], seen, seen @ EFFECTS[1])
    assert near.max() < deviation.max()
    assert near.max() < 1.0


def test_the_prediction_is_that_of_a_linear_model_with_normal_priors():
    """Weight space: a, b and c as coefficients of columns; r as 100 more, the square root of its covariance."""
    transfer = RankTransfer([source(0), source(1)])
    rows, weights = cells(50, 3), [0.3, 0.7]
    seen, others = rows[:10], rows[10:]
    losses = seen @ EFFECTS[0]
    opinions, pooled = transfer.opinions(rows), transfer.pooled(rows, weights)
    squared = ((rows[:, None, :] - rows[None, :, :]) ** 2).sum(axis=2)
    width = np.mean([2 * source(task)[0].var(axis=0).sum() for task in (0, 1)])
    values, vectors = np.linalg.eigh(np.exp(-squared / (2 * width)))
    columns = np.column_stack(
        [
            np.full(50, OFFSET),
            SLOPE * pooled,
            *(MIXTURE / math.sqrt(2) * (opinion - pooled) for opinion in opinions),
            RESIDUAL * vectors * np.sqrt(np.maximum(values, 0)),
        ]
    )
    precision = np.eye(columns.shape[1]) + columns[:10].T @ columns[:10] / NOISE
    covariance = np.linalg.inv(precision)
    coefficients = covariance @ columns[:10].T @ (normal_scores(losses) - pooled[:10]) / NOISE
    mean, deviation = transfer.predict(others, weights, seen, losses)
    assert mean == pytest.approx(pooled[10:] + columns[10:] @ coefficients, abs=1e-6)
    assert deviation**2 == pytest.approx(np.einsum("ij,jk,ik->i", columns[10:], covariance, columns[10:]), abs=1e-6)
