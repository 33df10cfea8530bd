import numpy as np
import pytest

import searchitect as sa
from searchitect.predictors.gaussian_process import GaussianProcess, cholesky
from searchitect.predictors.kernels import Columns, DecisionKernel
from searchitect.seeding import stream
from tests.strategies.spaces import Conditional


@sa.space
class Six:
    a: int = sa.choice(0, 1, 2, 3)
    b: int = sa.choice(0, 1, 2, 3)
    c: int = sa.choice(0, 1, 2, 3)
    d: int = sa.integer(0, 9)
    e: float = sa.real(0.0, 1.0)
    f: int = sa.choice(0, 1, 2, 3)


SPACE = sa.SearchSpace.of(Six)
COLUMNS = Columns.of(SPACE)
PROCESS = GaussianProcess(DecisionKernel(COLUMNS))


def problem(count, noise=0.3, seed=0):
    """Decisions of falling weight; f has none. The unit of the answer is far from 1."""
    rng = stream(seed, "problem")
    drawn = [SPACE.sample(rng) for _ in range(count)]
    effect = [[0, 2, 1, 3], [0.0, 0.8, 1.2, 0.4]]
    values = [2.0 * effect[0][x["a"]] + effect[1][x["b"]] * (1 + (x["c"] == 1)) + 0.2 * x["d"] for x in drawn]
    return (
        COLUMNS.encode(drawn),
        100 + 10 * np.array([v + rng.gauss(0, noise) for v in values]),
        100 + 10 * np.array(values),
    )


def test_the_likelihood_has_the_gradient_it_says():
    for space in (SPACE, sa.SearchSpace.of(Conditional)):
        columns, rng = Columns.of(space), stream(1)
        process = GaussianProcess(DecisionKernel(columns))
        rows, y = columns.encode([space.sample(rng) for _ in range(25)]), np.array([rng.gauss(0, 1) for _ in range(25)])
        compared, theta = process.kernel.compare(rows, rows), process.prior().mean
        theta = theta + np.array([rng.gauss(0, 0.3) for _ in theta])
        _, gradient = process.likelihood(theta, compared, y)
        for i, slope in enumerate(gradient):
            step = np.eye(len(theta))[i] * 1e-5
            up, down = (process.likelihood(theta + sign * step, compared, y)[0] for sign in (1, -1))
            assert slope == pytest.approx((up - down) / 2e-5, abs=1e-6)


def test_leaving_one_out_in_closed_form_equals_leaving_it_out():
    rows, y, _ = problem(30)
    posterior = PROCESS.fit(rows, y, 0)
    means, deviations = posterior.left_out()
    scale, noise = y.std(), np.exp(posterior.theta[-1])
    for i in (0, 7, 29):
        rest = [j for j in range(30) if j != i]
        covariance = np.exp(posterior.theta[-2]) * PROCESS.kernel.compare(rows, rows).correlation(posterior.theta[:-2])
        inner = covariance[np.ix_(rest, rest)] + noise * np.eye(29)
        weights = np.linalg.solve(inner, covariance[rest, i])
        assert means[i] == pytest.approx(y.mean() + weights @ (y[rest] - y.mean()))
        variance = covariance[i, i] + noise - weights @ covariance[rest, i]
        assert deviations[i] == pytest.approx(scale * variance**0.5)


def test_the_posterior_mean_at_the_data_is_what_predict_says():
    rows, y, _ = problem(40)
    posterior = PROCESS.fit(rows, y, 0)
    assert posterior.fitted() == pytest.approx(posterior.predict(rows)[0])


def test_the_scales_recover_which_decisions_matter():
    for seed in range(3):
        rows, y, _ = problem(120, seed=seed)
        posterior = PROCESS.fit(rows, y, 0)
        order = list(COLUMNS.scales(posterior.theta))
        choices = [name for name in order if name in "abcf"]
        assert choices[0] == "a"
        assert choices[-1] == "f"
        assert order.index("d") < order.index("e")


def test_the_noise_is_learned():
    quiet, loud = (PROCESS.fit(*problem(150, noise)[:2], 0).noise for noise in (0.1, 1.0))
    assert quiet < 3.0
    assert 8.0 < loud < 12.0


def test_the_noise_has_a_floor():
    rows, _, truth = problem(60)
    posterior = PROCESS.fit(rows, truth, 0)
    assert posterior.noise >= 0.999 * (1e-3**0.5) * truth.std()


@pytest.mark.parametrize("noise", [0.3, 0.7, 1.5])
def test_nine_of_ten_targets_lie_in_their_held_out_ninety_percent_intervals(noise):
    inside = []
    for seed in range(6):
        rows, y, _ = problem(80, noise, seed)
        mean, deviation = PROCESS.fit(rows, y, 0).left_out()
        inside += (abs(y - mean) <= 1.645 * deviation).tolist()
    assert 0.85 <= np.mean(inside) <= 0.95


def test_it_predicts_what_it_has_not_seen():
    rows, y, _ = problem(120)
    others, _, truth = problem(100, seed=9)
    mean, deviation = PROCESS.fit(rows, y, 0).predict(others)
    assert np.corrcoef(mean, truth)[0, 1] > 0.97
    assert 0.8 <= np.mean(abs(mean - truth) <= 1.645 * deviation) <= 1.0


def test_samples_have_the_mean_and_the_deviation_of_the_posterior():
    rows, y, _ = problem(25)
    others = problem(4, seed=5)[0]
    posterior, rng = PROCESS.fit(rows, y, 0), stream(3)
    mean, deviation = posterior.predict(others)
    samples = np.array([posterior.sample(others, rng) for _ in range(2000)])
    assert abs(samples.mean(axis=0) - mean).max() < 0.1 * deviation.max()
    assert samples.std(axis=0) == pytest.approx(deviation, rel=0.06)


def test_a_believed_trial_moves_no_mean_and_leaves_less_doubt():
    rows, y, _ = problem(30)
    others, probes = problem(3, seed=5)[0], problem(20, seed=6)[0]
    posterior = PROCESS.fit(rows, y, 0)
    believing = posterior.believing(others)
    (mean, deviation), (new_mean, new_deviation) = posterior.predict(probes), believing.predict(probes)
    assert new_mean == pytest.approx(mean, abs=1e-6 * y.std())
    assert (new_deviation <= deviation + 1e-9).all()
    assert believing.predict(others)[1].max() < 0.9 * posterior.predict(others)[1].min()


def test_the_same_data_give_the_same_fit_and_more_rows_than_fit_points_are_all_used():
    rows, y, _ = problem(90)
    process = GaussianProcess(PROCESS.kernel, fit_points=30)
    one, other = process.fit(rows, y, 0), process.fit(rows, y, 1)
    assert np.array_equal(one.theta, other.theta)
    assert len(one.fitted()) == 90


def test_constant_targets_are_predicted():
    rows, _, _ = problem(12)
    mean, _ = PROCESS.fit(rows, np.full(12, 7.0), 0).predict(rows)
    assert mean == pytest.approx(7.0)


def test_a_singular_covariance_gets_the_jitter_it_needs():
    ones = np.ones((5, 5))
    factor = cholesky(ones)
    assert factor @ factor.T == pytest.approx(ones, abs=1e-6)
    with pytest.raises(np.linalg.LinAlgError):
        cholesky(np.array([[1.0, 2.0], [2.0, 1.0]]))


def test_repeated_rows_are_averaged():
    rows = np.repeat(problem(1)[0], 4, axis=0)
    others = problem(6, seed=3)[0]
    y = np.array([1.0, 2.0, 3.0, 4.0, 9.0, 9.0, 9.0, 9.0, 9.0, 9.0])
    theta = PROCESS.prior().mean
    posterior = PROCESS.given(theta, np.concatenate([rows, others]), y)
    assert posterior.fitted()[:4] == pytest.approx([posterior.fitted()[0]] * 4)
    assert posterior.fitted()[0] == pytest.approx(2.5, abs=0.6)
