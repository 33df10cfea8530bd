import numpy as np
import pytest
from scipy.stats import spearmanr

from searchitect.predictors.few_shot import Factors, FewShot

COSTS = np.array([4.0, 1.0, 0.5, 3.0, 2.0, 0.2, 1.5, 0.1])


def networks(count, seed=0):
    return np.random.default_rng(seed).integers(0, 4, (count, 8)).astype(float)


def latencies(x, seed=0, noise=0.02):
    return (5 + x @ COSTS) * np.exp(noise * np.random.default_rng(seed).standard_normal(len(x)))


def test_an_additive_device_is_known_after_thirty_networks():
    seen, new = networks(30), networks(300, 1)
    posterior = FewShot([8]).fit(seen, latencies(seen))
    mean, sd = posterior.predict(new)
    truth = np.log(latencies(new, 2))
    assert posterior.check.passes
    assert posterior.check.r2 > 0.97
    assert spearmanr(mean, truth).statistic > 0.98
    assert np.abs(mean - truth).mean() < 0.04
    assert 0.88 < (np.abs(mean - truth) < 1.96 * sd).mean() <= 1.0


def test_a_device_that_is_not_additive_fails_the_check_and_the_table_has_no_say():
    x = networks(60)
    # The slowest of eight branches that run side by side, times the size of the first.
    slow = np.exp(2 * x[:, 0]) * (1 + (x[:, 1:] * COSTS[1:]).max(axis=1))
    posterior = FewShot([8]).fit(x, slow)
    assert not posterior.check.passes
    assert "additive" not in posterior.shares


def test_known_devices_help_where_few_networks_were_measured():
    seen, new = networks(6), networks(400, 1)
    secret = np.random.default_rng(9).uniform(0.1, 4, 8)

    def on(device, x):
        return 1 + x @ (secret + 0.2 * np.random.default_rng(device).uniform(-1, 1, 8).clip(-0.3, None))

    everyone = np.stack([on(device, np.concatenate([seen, new])) for device in (1, 2, 3)], axis=1)
    factors = Factors.of(everyone)
    target = on(4, np.concatenate([seen, new]))
    alone = FewShot([8]).fit(seen, target[:6]).predict(new)[0]
    helped = FewShot([8], factors).fit(seen, target[:6], everyone[:6]).predict(new, everyone[6:])[0]
    truth = target[6:]
    assert spearmanr(helped, truth).statistic > 0.98
    assert spearmanr(helped, truth).statistic > spearmanr(alone, truth).statistic


def test_factors_of_equal_devices_are_one():
    x = networks(50)
    first = latencies(x, noise=0.0)
    factors = Factors.of(np.stack([first, 3 * first, 10 * first], axis=1))
    assert factors.axes.shape == factors.log_axes.shape == (3, 1)


def test_every_prediction_is_positive_far_from_what_was_seen():
    seen = networks(30)
    posterior = FewShot([8]).fit(seen, latencies(seen))
    mean, sd = posterior.predict(np.full((1, 8), -50.0))
    assert np.isfinite(mean).all()
    assert (sd > 0).all()


def test_equal_arguments_give_equal_predictions():
    seen, new = networks(20), networks(5, 1)
    one, other = (FewShot([8]).fit(seen, latencies(seen)).predict(new) for _ in range(2))
    assert one[0] == pytest.approx(other[0], abs=0)
    assert one[1] == pytest.approx(other[1], abs=0)
