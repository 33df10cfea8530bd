import random

import numpy as np
import pytest

from searchitect.predictors.averaged_process import averaged, precision
from searchitect.predictors.targets import standardized
from tests.predictors.test_gaussian_process import PROCESS, problem


def both(count, seed=0, new=200):
    """The plain posterior and the averaged one of the same rows, and rows and answers that neither has seen."""
    rows, y, _ = problem(count + new, seed=seed)
    theta = PROCESS.learned(rows[:count], y[:count])
    data = rows[:count], y[:count]
    return (
        PROCESS.given(theta, *data), averaged(PROCESS, theta, data, data, random.Random(seed)), rows[count:], y[count:]
    )  # fmt: skip


def share_inside(mean, deviation, y):
    return float((abs(y - mean) <= 1.645 * deviation).mean())


def test_the_precision_is_minus_the_second_derivative_of_the_density():
    rows, y, _ = problem(40)
    theta, (standard, _, _), prior = PROCESS.learned(rows, y), standardized(y), PROCESS.prior()
    compared = PROCESS.kernel.compare(rows, rows)

    def density(at):
        away = (at - prior.mean) / prior.deviation
        return PROCESS.likelihood(at, compared, standard)[0] - 0.5 * float(away @ away)

    found, step = precision(PROCESS, theta, rows, y), 1e-2
    assert found == pytest.approx(found.T)
    assert np.linalg.eigvalsh(found).min() > 0
    for place in (0, len(theta) - 2, len(theta) - 1):  # a scale, that of all, the noise
        move = step * np.eye(len(theta))[place]
        second = (density(theta + move) - 2 * density(theta) + density(theta - move)) / step**2
        assert found[place, place] == pytest.approx(-second, rel=0.05)


def test_after_a_few_trials_it_is_less_sure_than_the_likeliest_hyper_parameters():
    plain, mixed = [], []
    for seed in range(8):
        posterior, mixture, rows, y = both(25, seed)
        mean, deviation = posterior.predict(rows)
        plain.append(share_inside(mean, np.hypot(deviation, posterior.noise), y))
        mixed.append(share_inside(*mixture.predict(rows), y))
    assert 0.85 <= np.mean(mixed) <= 0.97
    assert np.mean(mixed) > np.mean(plain) + 0.02


def test_after_many_trials_there_is_nothing_left_to_average():
    posterior, mixture, rows, _ = both(400)
    mean, deviation = mixture.predict(rows)
    alone, sure = posterior.predict(rows)
    assert mean == pytest.approx(alone, abs=0.15 * posterior.noise)
    assert deviation == pytest.approx(np.hypot(sure, posterior.noise), rel=0.1)


def test_the_same_draws_give_the_same_answer():
    _, first, rows, _ = both(30)
    _, again, _, _ = both(30)
    assert np.array_equal(first.predict(rows), again.predict(rows))
