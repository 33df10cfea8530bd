from __future__ import annotations

import numpy as np
import pytest

from searchitect.errors import ConfigError
from searchitect.portfolio.agreement import agreement, architectural_distance, mean_off_diagonal, negative_flips
from searchitect.spaces.architecture import Architecture

FIRST, SECOND, TRUTH = [0, 1, 2, 2], [0, 2, 2, 1], [0, 1, 2, 1]


def test_agreement_is_the_share_of_equal_answers():
    assert agreement([FIRST, SECOND]).tolist() == [[1.0, 0.5], [0.5, 1.0]]


def test_negative_flips_go_from_right_to_wrong_in_their_direction_only():
    flips = negative_flips([FIRST, SECOND, TRUTH], TRUTH)
    # The first is right on 0, 1, 2; the second on 0, 2, 3; the last everywhere.
    assert flips.tolist() == [[0.0, 0.25, 0.0], [0.25, 0.0, 0.0], [0.25, 0.25, 0.0]]


def test_the_mean_leaves_the_diagonal_out():
    assert mean_off_diagonal(np.array([[1.0, 0.2], [0.4, 1.0]])) == pytest.approx(0.3)
    assert mean_off_diagonal([[1.0]]) is None


def test_answers_to_different_examples_are_refused():
    with pytest.raises(ConfigError):
        agreement([[1, 2], [1]])


def test_the_distance_counts_the_decisions_that_differ():
    a = Architecture("d", {"width": 8, "kernel": 3})
    b = Architecture("d", {"width": 8, "kernel": 5, "extra": 1})
    assert architectural_distance(a, a) == 0.0
    assert architectural_distance(a, b) == pytest.approx(2 / 3)
