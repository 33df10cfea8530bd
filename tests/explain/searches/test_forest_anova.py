"""The exact marginals of a forest, against brute force."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from sklearn.tree import DecisionTreeRegressor

from searchitect.explain.searches.forest_anova import forest_shares, tree_shares

LEVELS = (2, 3, 4)
SHARES = ((0.3, 0.7), (0.2, 0.3, 0.5), (0.25, 0.25, 0.4, 0.1))


def rows(count: int = 80) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    codes = np.stack([random.integers(0, k, count) for k in LEVELS], axis=1)
    targets = codes[:, 0] * codes[:, 1] + 0.5 * (codes[:, 2] == 2) + 0.1 * random.normal(size=count)
    return codes, targets


def test_the_shares_of_a_tree_equal_those_of_its_full_table() -> None:
    codes, targets = rows()
    tree = DecisionTreeRegressor(max_depth=5, random_state=0).fit(codes, targets)
    grid = np.array(list(product(*map(range, LEVELS))))
    value = tree.predict(grid).reshape(LEVELS)
    weights = np.einsum("i,j,k->ijk", *map(np.array, SHARES))
    mean = (weights * value).sum()
    variance = (weights * (value - mean) ** 2).sum()
    first = np.einsum("ijk,j,k->i", value, SHARES[1], SHARES[2]) - mean
    second = np.einsum("ijk,i,k->j", value, SHARES[0], SHARES[2]) - mean
    both = np.einsum("ijk,k->ij", value, SHARES[2]) - mean - first[:, None] - second
    found = tree_shares(tree.tree_, SHARES)
    assert found is not None
    assert found.mains[0] == pytest.approx(float(SHARES[0] @ first**2 / variance), rel=1e-9)
    assert found.mains[1] == pytest.approx(float(SHARES[1] @ second**2 / variance), rel=1e-9)
    wanted = float(np.einsum("i,j,ij->", SHARES[0], SHARES[1], both**2) / variance)
    assert found.pairs[0, 1] == pytest.approx(wanted, rel=1e-9)
    assert found.pairs[1, 0] == pytest.approx(wanted, rel=1e-9)
    assert found.pairs[2, 2] == 0


def test_main_effects_and_pairs_of_two_decisions_sum_to_one() -> None:
    codes, targets = rows()
    found = forest_shares(codes[:, :2], targets, SHARES[:2], trees=8)
    assert found.mains.sum() + found.pairs[0, 1] == pytest.approx(1)


def test_a_constant_tree_has_no_shares_and_a_constant_forest_zeros() -> None:
    codes, _ = rows()
    tree = DecisionTreeRegressor().fit(codes, np.ones(len(codes)))
    assert tree_shares(tree.tree_, SHARES) is None
    assert not forest_shares(codes, np.ones(len(codes)), SHARES, trees=2).mains.any()


def test_the_same_seed_gives_the_same_forest() -> None:
    codes, targets = rows()
    first, second, other = (forest_shares(codes, targets, SHARES, seed, 4).mains for seed in (1, 1, 2))
    assert list(first) == list(second)
    assert list(first) != list(other)
