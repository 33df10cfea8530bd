"""Two small pieces of statistics."""

from __future__ import annotations

import pytest

from searchitect.explain.searches.intervals import evenly_with, wilson


def test_the_interval_of_a_share_is_that_of_the_books() -> None:
    assert wilson(10, 20) == pytest.approx((0.2993, 0.7007), abs=1e-4)
    assert wilson(0, 10) == pytest.approx((0.0, 0.2775), abs=1e-4)
    assert wilson(0, 0) == (0.0, 1.0)


@pytest.mark.parametrize(("count", "most"), [(10, 20), (100, 7), (5, 1), (1000, 200)])
def test_thinning_keeps_what_is_wanted_within_the_bound(count: int, most: int) -> None:
    kept = evenly_with(count, most, [3])
    assert 3 in kept
    assert len(kept) == min(count, most)
    assert kept == sorted(set(kept))


def test_what_is_not_wanted_is_kept_at_even_distances() -> None:
    assert evenly_with(9, 3, [4]) == [0, 4, 8]
    assert evenly_with(101, 3) == [0, 50, 100]
