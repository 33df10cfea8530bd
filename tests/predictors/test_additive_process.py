import numpy as np
import pytest

from searchitect.predictors.additive_process import AdditiveProcess, Group


def rows(count, width=6, seed=0):
    return np.random.default_rng(seed).integers(0, 2, (count, width)).astype(float)


def test_a_linear_truth_is_learned_from_few_rows_and_extrapolated():
    costs = np.array([5.0, 1.0, 0.0, 3.0, 2.0, 0.5])
    seen, new = rows(40), rows(50, seed=1)
    posterior = AdditiveProcess([Group(0, 6)]).fit(seen, seen @ costs + 7)
    mean, sd = posterior.predict(new)
    assert np.abs(mean - (new @ costs + 7)).max() < 0.1
    assert sd.max() < 0.2


def test_a_curved_group_learns_what_a_straight_one_cannot():
    x = np.linspace(-2, 2, 60)[:, None]
    y = np.cos(2 * x[:, 0])
    straight = AdditiveProcess([Group(0, 1)]).fit(x, y)
    curved = AdditiveProcess([Group(0, 1), Group(0, 1, curved=True)]).fit(x, y)
    assert np.abs(curved.held_out() - y).mean() < 0.1 * np.abs(straight.held_out() - y).mean()


def test_left_out_equals_fitting_without_the_row():
    x = rows(20)
    y = x @ np.arange(6.0) + np.sin(np.arange(20))
    posterior = AdditiveProcess([Group(0, 6)]).fit(x, y)
    mean, sd = posterior.left_out()
    # The same hyper-parameters, one row taken away, in the units of all rows.
    covariance = posterior.base.parts(posterior.features, posterior.features)[0] * np.exp(posterior.theta[0])
    covariance += 1e-6
    noise = np.exp(posterior.theta[-1])
    keep = np.arange(20) != 3
    solved = np.linalg.solve(covariance[np.ix_(keep, keep)] + noise * np.eye(19), covariance[keep, 3])
    assert mean[3] == pytest.approx(posterior.mean + posterior.scale * (solved @ posterior.standard[keep]), abs=1e-8)
    left = covariance[3, 3] + noise - covariance[3, keep] @ solved
    assert sd[3] == pytest.approx(posterior.scale * np.sqrt(left), rel=1e-6)


def test_the_slope_of_the_likelihood_is_that_of_finite_differences():
    from searchitect.predictors.additive_process import _negative_likelihood

    x = rows(15)
    parts = [x @ x.T, np.exp(-np.square(x[:, :1] - x[:, :1].T))]
    y, theta = np.sin(np.arange(15.0)), np.array([-0.3, 0.2, -1.0])
    _, slope = _negative_likelihood(theta, parts, y)
    for place in range(3):
        step = np.eye(3)[place] * 1e-5
        high, low = (_negative_likelihood(theta + sign * step, parts, y)[0] for sign in (1, -1))
        assert slope[place] == pytest.approx((high - low) / 2e-5, rel=1e-4, abs=1e-6)


def test_a_column_that_never_varied_changes_nothing():
    x = rows(20)
    x[:, 2] = 1.0
    posterior = AdditiveProcess([Group(0, 6)]).fit(x, x.sum(axis=1))
    other = x.copy()
    other[:, 2] = 100.0
    assert np.allclose(posterior.predict(other)[0], posterior.predict(x)[0])
