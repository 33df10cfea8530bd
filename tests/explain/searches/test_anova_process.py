"""The process whose parts are the parts of functional ANOVA."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from searchitect.explain.searches.anova_process import AnovaProcess, columns_of
from searchitect.explain.searches.evidence import INACTIVE, Factor

FACTORS = (
    Factor("a", ("0", "1"), (0.3, 0.7)),
    Factor("b", ("0", "1", "2"), (0.2, 0.3, 0.5)),
    Factor("c", ("0", "1", INACTIVE), (0.25, 0.25, 0.5)),
)


def test_every_effect_has_mean_zero_under_the_shares_and_unit_variance() -> None:
    for factor, column in zip(FACTORS, columns_of(FACTORS), strict=True):
        shares = np.array(factor.shares)
        assert shares @ column.loading == pytest.approx(np.zeros(column.loading.shape[1]), abs=1e-12)
        assert shares @ np.square(column.loading).sum(axis=1) == pytest.approx(1)


def test_a_decision_that_is_not_there_has_no_effect() -> None:
    column = columns_of(FACTORS)[2]
    assert not column.loading[2].any()
    assert column.active == 0.5


def grid() -> tuple[np.ndarray, np.ndarray]:
    codes = np.array(list(product(range(2), range(3), range(2))) * 6)
    targets = 2.0 * codes[:, 0] - codes[:, 1] + 3.0 * codes[:, 0] * (codes[:, 1] == 2)
    return codes, targets + 0.01 * np.random.default_rng(0).normal(size=len(codes))


def test_predictions_and_effects_are_those_of_the_function() -> None:
    codes, targets = grid()
    factors = (*FACTORS[:2], Factor("c", ("0", "1"), (0.5, 0.5)))
    posterior = AnovaProcess(columns_of(factors)).fit(codes, targets)
    assert posterior.predict(codes[:12]) == pytest.approx(targets[:12], abs=0.05)
    # by hand, with P(a = 1) = 0.7 and P(b = 2) = 0.5: the effect of a is (2 + 1.5)(a − 0.7).
    random = np.random.default_rng(0)
    spread = posterior.main(0, random, 500)
    assert spread.effects * targets.std() == pytest.approx([-2.45, 1.05], abs=0.05)
    assert spread.sceptic.mean() * targets.var() == pytest.approx(3.5**2 * 0.21, rel=0.05)
    joint = posterior.pair(0, 1, 1.0, random, 500)
    assert joint.sceptic.mean() * targets.var() == pytest.approx(9 * 0.21 * 0.25, rel=0.1)
    assert posterior.main(2, random, 500).sceptic.mean() < 1e-3


def test_variances_of_the_orders_are_those_of_the_function() -> None:
    codes, targets = grid()
    factors = (*FACTORS[:2], Factor("c", ("0", "1"), (0.5, 0.5)))
    posterior = AnovaProcess(columns_of(factors)).fit(codes, targets)
    pairs, triples = posterior.rest()
    assert pairs * targets.var() == pytest.approx(9 * 0.21 * 0.25, rel=0.15)
    assert triples < 0.01


def test_the_slope_of_the_loss_is_its_derivative() -> None:
    from searchitect.explain.searches.anova_process import _loss

    codes, targets = grid()
    process = AnovaProcess(columns_of(FACTORS), frozenset({(0, 2)}))
    parts = process._covariances(codes[::3], np.ones(3))
    theta = np.array([-1.0, -2.0, -3.0, -1.5, -2.5, -2.0])
    loss = _loss(parts, targets[::3] - targets[::3].mean(), theta * 0.5)
    _, slope = loss(theta)
    for place in range(len(theta)):
        step = np.zeros(len(theta))
        step[place] = 1e-5
        assert slope[place] == pytest.approx((loss(theta + step)[0] - loss(theta - step)[0]) / 2e-5, rel=1e-4, abs=1e-6)
