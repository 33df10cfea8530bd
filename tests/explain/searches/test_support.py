"""Sentences about what the trials cannot tell."""

from __future__ import annotations

import numpy as np
import pytest

from searchitect.explain.searches.evidence import Evidence, Factor
from searchitect.explain.searches.support import cramer, warnings_of
from searchitect.objectives import Objective


def evidence(codes: np.ndarray, free: int) -> Evidence:
    factors = tuple(Factor(f"x{d}", ("a", "b", "c"), (1 / 3,) * 3) for d in range(codes.shape[1]))
    count = len(codes)
    marks = np.arange(count) < free
    return Evidence(factors, codes, np.arange(count) * 1.0, Objective("y", "maximize"), marks, np.arange(count))


def drawn(count: int = 100) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 3, (count, 3))


def test_random_rows_that_hold_everything_need_no_warning() -> None:
    assert warnings_of(evidence(drawn(), 100), frozenset()) == ()


def test_too_few_random_rows_are_counted() -> None:
    (warning,) = warnings_of(evidence(drawn(), 4), frozenset())
    assert warning.startswith("Only 4 of 100 trials were drawn at random")


def test_an_option_that_was_hardly_tried_is_named_with_its_trials() -> None:
    codes = drawn()
    codes[:, 1] = np.where(codes[:, 1] == 2, 0, codes[:, 1])
    codes[0, 1] = 2
    (warning,) = warnings_of(evidence(codes, 100), frozenset())
    assert "x1 = c (1)" in warning


def test_decisions_that_changed_together_are_named_unless_they_must() -> None:
    codes = drawn()
    codes[:, 2] = codes[:, 0]
    (warning,) = warnings_of(evidence(codes, 100), frozenset())
    assert "x0 with x2" in warning
    assert warnings_of(evidence(codes, 100), frozenset({(0, 2)})) == ()


def test_a_second_opinion_that_disagrees_is_told() -> None:
    (warning,) = warnings_of(evidence(drawn(), 100), frozenset(), 0.1)
    assert "τ 0.10" in warning


def test_association_of_columns_is_one_where_one_tells_the_other_and_zero_for_a_constant() -> None:
    column = drawn()[:, 0]
    assert cramer(column, 2 - column) == pytest.approx(1)
    assert cramer(column, np.zeros_like(column)) == 0
    assert cramer(column, drawn()[:, 1]) < 0.2


def test_many_options_in_few_trials_are_no_association() -> None:
    random = np.random.default_rng(0)
    assert cramer(random.integers(0, 15, 20), random.integers(0, 15, 20)) < 0.6
