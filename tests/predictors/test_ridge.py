import numpy as np
import pytest

from searchitect.predictors.ridge import Ridge

RNG = np.random.Generator(np.random.PCG64(3))


def one_hot(count, decisions=6, options=4, rng=RNG):
    places = rng.integers(options, size=(count, decisions))
    return np.eye(options)[places].reshape(count, -1)


def written_out(rows):
    """The features and all products of two different columns."""
    i, j = np.triu_indices(rows.shape[1], 1)
    return rows, rows[:, i] * rows[:, j]


def test_it_equals_ridge_regression_on_products_that_are_written_out():
    rows, new = one_hot(40), one_hot(15)
    targets = RNG.normal(size=40)
    mean, deviation = Ridge(pairs=0.4, penalties=(0.5,)).fit(rows, targets, 0).predict(new)
    linear, products = written_out(rows)
    scales = np.sqrt(0.6 / np.square(linear).sum(1).mean()), np.sqrt(0.4 / np.square(products).sum(1).mean())

    def features(x):
        one, two = written_out(x)
        return np.concatenate([np.ones((len(x), 1)), scales[0] * one, scales[1] * two], axis=1)

    known, phi = features(rows), features(new)
    unit = targets.std()
    values = (targets - targets.mean()) / unit
    precision = np.linalg.inv(known.T @ known + 0.5 * np.eye(known.shape[1]))
    assert mean == pytest.approx(targets.mean() + unit * phi @ precision @ known.T @ values)
    # Posterior of the weights: variance τ²λ(ΦᵀΦ + λI)⁻¹, τ² the most likely.
    prior = values @ np.linalg.solve(known @ known.T + 0.5 * np.eye(40), values) / 40
    variance = prior * 0.5 * np.einsum("ij,jk,ik->i", phi, precision, phi)
    assert deviation == pytest.approx(unit * np.sqrt(variance))


def test_held_out_predictions_are_those_of_models_that_never_saw_the_row():
    rows = one_hot(25)
    targets = RNG.normal(size=25)
    targets -= targets.mean()
    targets /= targets.std()  # so that leaving one out does not move the scale by which a model is fitted
    held_out = Ridge(pairs=0.0, penalties=(0.3,)).fit(rows, targets, 0).held_out()
    kernel = rows @ rows.T / 6 + 1.0
    for row in range(25):
        rest = np.delete(np.arange(25), row)
        alpha = np.linalg.solve(kernel[np.ix_(rest, rest)] + 0.3 * np.eye(24), targets[rest])
        assert held_out[row] == pytest.approx(kernel[row, rest] @ alpha)


def test_it_learns_pairwise_effects_that_a_linear_model_cannot():
    rows, new = one_hot(300, decisions=3, options=2), one_hot(100, decisions=3, options=2)

    def parity(x):
        return np.where(x[:, 0] == x[:, 2], 1.0, -1.0)  # of the first two decisions

    pairs, _ = Ridge().fit(rows, parity(rows), 0).predict(new)
    linear, _ = Ridge(pairs=0.0).fit(rows, parity(rows), 0).predict(new)
    assert np.abs(pairs - parity(new)).max() < 0.1
    assert np.abs(linear).max() < 0.3


def test_most_true_values_lie_within_their_intervals():
    rows, new = one_hot(150), one_hot(400)
    weights = RNG.normal(size=24)
    targets = rows @ weights + 0.5 * RNG.normal(size=150)
    mean, deviation = Ridge().fit(rows, targets, 0).predict(new)
    covered = (np.abs(new @ weights - mean) < 1.645 * deviation).mean()
    assert 0.8 < covered <= 1.0
    assert (deviation < targets.std()).all()


def test_constant_targets_are_predicted_without_doubt():
    mean, deviation = Ridge().fit(one_hot(5), np.full(5, 2.5), 0).predict(one_hot(3))
    assert mean == pytest.approx([2.5] * 3)
    assert deviation == pytest.approx([0.0] * 3)


def test_a_thousand_columns_need_no_products_written_out():
    rows = one_hot(60, decisions=250)
    mean, _ = Ridge().fit(rows, rows[:, 0], 0).predict(rows)
    assert np.isfinite(mean).all()
