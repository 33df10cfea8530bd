"""Permutation importance on held-out rows."""

from __future__ import annotations

import numpy as np
import pytest

from searchitect.explain.searches.permutation import permutation_shares


def test_it_tells_the_variance_that_a_decision_brings_alone_and_with_others() -> None:
    random = np.random.default_rng(0)
    codes = random.integers(0, 2, (300, 4))
    signs = 2.0 * codes - 1
    found = permutation_shares(codes, 2 * signs[:, 0] + signs[:, 1] * signs[:, 2])
    assert found == pytest.approx([0.8, 0.2, 0.2, 0], abs=0.06)


def test_noise_that_a_forest_could_learn_by_heart_is_no_importance() -> None:
    random = np.random.default_rng(0)
    codes = random.integers(0, 6, (60, 3))
    assert permutation_shares(codes, random.normal(size=60)).max() < 0.15
