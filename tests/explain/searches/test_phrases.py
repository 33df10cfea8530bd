"""A set of levels in words: true of exactly those levels."""

from __future__ import annotations

import pytest

from searchitect.explain.searches.evidence import INACTIVE, Factor
from searchitect.explain.searches.phrases import phrase

DEPTH = Factor("depth", ("1", "2", "3", "4"), (0.25,) * 4, True, (1, 2, 3, 4))
KERNEL = Factor("kernel", ("a", "b", "c", "d", INACTIVE), (0.2,) * 5)
RATE = Factor("rate", ("0.1 to 0.2", "0.2 to 0.3", "0.3 to 0.4"), (0.3,) * 3, True, (), (0.2, 0.3))
WIRED = Factor("inputs∋2", ("out", "in"), (0.5, 0.5), False, (False, True))


@pytest.mark.parametrize(
    ("factor", "codes", "said"),
    [
        (DEPTH, {2, 3}, "depth ≥ 3"),
        (DEPTH, {0, 1}, "depth ≤ 2"),
        (DEPTH, {1, 2}, "depth is 2 to 3"),
        (DEPTH, {2}, "depth = 3"),
        (DEPTH, {0, 2}, "depth is 1 or 3"),
        (DEPTH, {0, 1, 3}, "depth is not 3"),
        (DEPTH, {0, 1, 2, 3}, "depth is anything"),
        (KERNEL, {0, 2}, "kernel is a or c"),
        (KERNEL, {0, 1, 4}, "kernel is a or b or not there"),
        (KERNEL, {4}, "kernel is not there"),
        (KERNEL, {0, 1, 2, 3}, "kernel is there"),
        (KERNEL, {0, 1, 2}, "kernel is not d"),
        (RATE, {1, 2}, "rate ≥ 0.2"),
        (RATE, {1}, "0.2 ≤ rate < 0.3"),
        (RATE, {0}, "rate < 0.2"),
        (WIRED, {1}, "inputs has 2"),
        (WIRED, {0}, "inputs is without 2"),
    ],
)
def test_levels_read_as_a_person_would_say_them(factor: Factor, codes: set[int], said: str) -> None:
    assert phrase(factor, codes) == said
