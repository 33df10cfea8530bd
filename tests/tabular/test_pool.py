"""A pool hands out its members and nothing else, however few they are among what could be written."""

from __future__ import annotations

import random
import time

import numpy as np
import pytest

import searchitect as sa
from searchitect.errors import SpaceError
from searchitect.spaces import Architecture, SearchSpace, make_space
from searchitect.tabular.pool import NEAREST, PoolSpace
from searchitect.testing.spaces import check_space


def pool(members: int, decisions: int = 20) -> tuple[type, list[Architecture]]:
    """So many of 4^20 architectures."""
    made = make_space("Wide", {f"x{i}": sa.choice(*range(4)) for i in range(decisions)})
    whole = SearchSpace(made)
    rng = random.Random(0)
    found = list({whole.sample(rng): None for _ in range(members)})
    PoolSpace.of(made).adopt(found)
    return made, found


def test_the_class_itself_knows_its_pool() -> None:
    made, members = pool(50)
    assert isinstance(SearchSpace.of(made), PoolSpace)
    assert SearchSpace.of(made).size() == 50
    assert list(SearchSpace.of(made).enumerate()) == members


def test_a_pool_keeps_the_laws_of_spaces() -> None:
    check_space(pool(300)[0])


def test_every_member_is_drawn_as_often() -> None:
    made, members = pool(10)
    rng = random.Random(1)
    drawn = [SearchSpace.of(made).sample(rng) for _ in range(5_000)]
    counts = [drawn.count(member) for member in members]
    assert sum(counts) == 5_000
    assert 400 < min(counts) <= max(counts) < 600


def test_moves_end_on_near_members() -> None:
    made, members = pool(1_000)
    space, rng = SearchSpace.of(made), random.Random(2)

    def differing(first: Architecture, second: Architecture) -> int:
        return sum(first[path] != second[path] for path in first)

    start = members[0]
    near = list(space.neighbours(start))
    assert len(near) == NEAREST
    farthest = max(differing(start, n) for n in near)
    assert sum(differing(start, m) < farthest for m in members if m != start) < NEAREST
    assert {space.mutate(start, rng) for _ in range(200)} == set(near)
    child = space.crossover(start, near[0], rng)
    assert child in set(members)


def test_a_child_takes_each_decision_from_a_parent() -> None:
    made, members = pool(150, decisions=4)  # of 256
    space, rng = SearchSpace.of(made), random.Random(3)
    children = set()
    for _ in range(100):
        first, second = rng.sample(members, 2)
        child = space.crossover(first, second, rng)
        assert child in set(members)
        assert all(child[path] in (first[path], second[path]) for path in child)
        children.add(child not in (first, second))
    assert children == {True, False}


def test_any_point_of_the_cube_is_a_member() -> None:
    made, members = pool(100)
    space, rng = SearchSpace.of(made), np.random.default_rng(0)
    known = set(members)
    for _ in range(50):
        assert space.decode(rng.random(20)) in known
    assert space.decode(space.encode(members[3], "unit_cube")) == members[3]


def test_violations_say_why() -> None:
    made, members = pool(10)
    space = SearchSpace.of(made)
    other = Architecture(space.digest, {f"x{i}": 0 for i in range(20)})
    assert space.violations(other) == ["the table does not hold this architecture"]
    assert not space.contains(other)
    assert space.violations(members[0]) == []
    with pytest.raises(SpaceError):
        space.sample(random.Random(0), "other")  # type: ignore[arg-type]


def test_sampling_takes_microseconds() -> None:
    made, _ = pool(1_000)
    space, rng = SearchSpace.of(made), random.Random(0)
    start = time.process_time()
    for _ in range(10_000):
        space.sample(rng)
    assert time.process_time() - start < 0.5
