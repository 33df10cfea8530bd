from __future__ import annotations

import numpy as np
import pytest

from searchitect.portfolio.diversity import architectural_distance, distances, mean_off_diagonal
from searchitect.spaces.architecture import Architecture


def test_the_mean_leaves_the_diagonal_out():
    assert mean_off_diagonal(np.array([[1.0, 0.2], [0.4, 1.0]])) == pytest.approx(0.3)
    assert mean_off_diagonal([[1.0]]) is None


def test_the_distance_counts_the_decisions_that_differ():
    a = Architecture("d", {"width": 8, "kernel": 3})
    b = Architecture("d", {"width": 8, "kernel": 5, "extra": 1})
    assert architectural_distance(a, a) == 0.0
    assert architectural_distance(a, b) == pytest.approx(2 / 3)
    assert distances([a, b])[0, 1] == pytest.approx(2 / 3)
