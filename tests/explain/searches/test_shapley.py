"""Shapley values: shares that sum to the whole, and are those of planted contributions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from searchitect.explain.searches.shapley import shapley_values

Subset = frozenset[int]


def interacting(weights: Sequence[float]) -> object:
    """Sum of weights, and twice the weight of the first where the second is there too."""

    def value(subsets: Sequence[Subset]) -> list[float]:
        return [sum(weights[i] for i in s) + 2 * weights[0] * ({0, 1} <= s) for s in subsets]

    return value


def test_of_an_additive_function_they_are_its_terms_and_a_pair_is_halved() -> None:
    found = shapley_values(interacting([0.1, -0.2, 0.3]), 3)  # type: ignore[arg-type]
    assert found.exact
    assert found.values == pytest.approx((0.2, -0.1, 0.3))


@pytest.mark.parametrize("count", [1, 4, 10, 13])
def test_they_sum_to_the_whole_difference_to_nine_digits(count: int) -> None:
    draw = np.random.default_rng(count)
    table: dict[Subset, float] = {}

    def value(subsets: Sequence[Subset]) -> list[float]:
        return [table.setdefault(s, float(draw.normal())) for s in subsets]

    found = shapley_values(value, count)
    assert found.exact == (count <= 10)
    assert abs(sum(found.values) - (table[frozenset(range(count))] - table[frozenset()])) < 1e-9


def test_drawn_orders_come_near_with_an_error_that_says_how_near() -> None:
    weights = [0.1 * (i + 1) for i in range(12)]
    found = shapley_values(interacting(weights), 12, orders=200)  # type: ignore[arg-type]
    truth = np.array(weights) + np.array([0.1, 0.1] + [0.0] * 10)
    errors = np.array(found.errors)
    assert found.orders == 200
    assert errors[2:] == pytest.approx(0, abs=1e-12)
    assert (np.abs(np.array(found.values) - truth) <= 3 * errors + 1e-12).all()


def test_changes_that_do_the_same_get_the_same() -> None:
    found = shapley_values(lambda subsets: [float(len(s) >= 2) for s in subsets], 4)
    assert found.values == pytest.approx((0.25,) * 4)
