"""Decisions that are not always there, read from the rows."""

from __future__ import annotations

import numpy as np
import pytest

from searchitect.explain.searches.conditions import both_there, filled, inseparable
from searchitect.explain.searches.evidence import INACTIVE, Factor


def factor(name: str, levels: int, absent: float = 0.0) -> Factor:
    each = (1 - absent) / levels
    labels, shares = tuple(str(i) for i in range(levels)), (each,) * levels
    return Factor(name, (*labels, INACTIVE), (*shares, absent)) if absent else Factor(name, labels, shares)


FACTORS = (factor("depth", 3), factor("b.1", 2, 1 / 3), factor("b.2", 2, 2 / 3), factor("c", 2, 0.5), factor("d", 2))


def rows(count: int = 200) -> np.ndarray:
    """b.1 needs a depth of at least 1, b.2 of 2; c is there by some other condition; d always."""
    random = np.random.default_rng(0)
    depth, first, second, third, last = (random.integers(0, k, count) for k in (3, 2, 2, 2, 2))
    return np.stack(
        [
            depth,
            np.where(depth >= 1, first, 2),
            np.where(depth >= 2, second, 2),
            np.where(random.random(count) < 0.5, third, 2),
            last,
        ],
        axis=1,
    )


def test_what_decides_whether_another_is_there_has_no_joint_effect_with_it() -> None:
    assert inseparable(rows(), FACTORS) == {(0, 1), (0, 2)}


def test_two_that_are_never_there_together_have_no_joint_effect() -> None:
    codes = rows()
    codes[:, 3] = np.where(codes[:, 1] == 2, codes[:, 4], 2)
    assert (1, 3) in inseparable(codes, FACTORS)


def test_one_that_implies_the_other_is_there_as_often_as_both() -> None:
    assert both_there(rows(), FACTORS, 1, 2) == pytest.approx(1 / 3)
    assert both_there(rows(), FACTORS, 1, 3) == pytest.approx(1 / 3)
    assert both_there(rows(), FACTORS, 1, 4) == pytest.approx(2 / 3)


def test_levels_that_are_not_there_are_filled_at_random_and_others_kept() -> None:
    codes = rows()
    full = filled(codes, FACTORS, 0)
    there = codes[:, 1] != 2
    assert (full[there, 1] == codes[there, 1]).all()
    assert set(full[~there, 1]) == {0, 1}
    assert full.max() == 2
    assert (full[:, 0] == codes[:, 0]).all()
    assert (filled(codes, FACTORS, 0) == full).all()
