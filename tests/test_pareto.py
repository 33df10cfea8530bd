import itertools
import math

import numpy as np
import pytest
from hypothesis import given, strategies as st

from searchitect.pareto import constrained_ranks, crowding_distance, dominates, front, hypervolume, non_dominated_ranks

POINTS = st.lists(st.tuples(*[st.integers(0, 9)] * 3), min_size=1, max_size=14)


def brute_volume(points, reference):
    """Unit cubes below the reference that some point dominates."""
    cubes = itertools.product(*(range(bound) for bound in reference))
    return sum(any(all(p <= c for p, c in zip(point, cube, strict=True)) for point in points) for cube in cubes)


def test_dominating_is_nowhere_worse_and_somewhere_better():
    assert dominates([1, 2], [1, 3])
    assert not dominates([1, 2], [1, 2])
    assert not dominates([0, 9], [1, 2])


@given(POINTS)
def test_the_front_is_what_no_other_point_dominates(points):
    kept = front(points)
    for index, point in enumerate(points):
        assert (index in kept) == (not any(dominates(other, point) for other in points))


@given(POINTS)
def test_ranks_peel_fronts_off(points):
    ranks = non_dominated_ranks(points)
    for level in range(max(ranks) + 1):
        rest = [p for p, r in zip(points, ranks, strict=True) if r >= level]
        own = [p for p, r in zip(points, ranks, strict=True) if r == level]
        assert sorted(own) == sorted(rest[i] for i in front(rest))


@given(POINTS)
def test_hypervolume_counts_the_dominated_cubes(points):
    assert hypervolume(points, [10, 10, 10]) == pytest.approx(brute_volume(points, (10, 10, 10)))


def test_points_beyond_the_reference_add_nothing():
    assert hypervolume([[5, 5]], [5, 9]) == 0.0
    assert hypervolume(np.empty((0, 2)), [1, 1]) == 0.0


def test_crowding_is_infinite_at_the_ends_and_sums_the_gaps_between():
    distance = crowding_distance([[0, 4], [1, 2], [4, 0]])
    assert math.isinf(distance[0])
    assert math.isinf(distance[2])
    assert distance[1] == pytest.approx(4 / 4 + 4 / 4)


@given(POINTS, st.lists(st.integers(0, 3), min_size=14, max_size=14))
def test_constrained_ranks_put_what_keeps_limits_first_then_what_breaks_them_least(points, violations):
    broken = violations[: len(points)]
    ranks = constrained_ranks(points, broken)
    for (one, mine, rank), (other, theirs, second) in itertools.combinations(
        zip(points, broken, ranks, strict=True), 2
    ):
        if mine != theirs:
            assert (rank < second) == (mine < theirs)
        elif dominates(one, other):
            assert rank < second
    kept = [p for p, b in zip(points, broken, strict=True) if b == 0]
    assert [r for r, b in zip(ranks, broken, strict=True) if b == 0] == non_dominated_ranks(kept)


@given(st.integers(1, 4).flatmap(lambda m: st.lists(st.lists(st.integers(0, 4), min_size=m, max_size=m), max_size=30)))
def test_the_front_is_what_comparing_all_pairs_finds(points: list[list[int]]) -> None:
    slow = [i for i, p in enumerate(points) if not any(dominates(q, p) for q in points)]
    assert front(points) == slow
