"""Recursion is unrolled to its limit; names are found where people expect them."""

from __future__ import annotations

import random
from typing import Any

import pytest

import searchitect as sa
from searchitect.errors import SpaceError
from searchitect.testing.spaces import check_space
from tests.spaces.families import Leaf, Tree


def test_depth_counts_the_outermost_too() -> None:
    # A tree of depth 1 has two leaves of 3 values; each level more allows a leaf or a tree on both sides.
    one = 3 * 3
    two = (3 + one) ** 2
    three = (3 + two) ** 2
    assert sa.SearchSpace.of(Tree).size() == three
    deepest = max(path.count("Tree") for path in (d.path for d in sa.SearchSpace.of(Tree).decisions()))
    assert deepest == 2


def test_a_recursive_instance_reads_back() -> None:
    tree = Tree(Leaf(2), Tree(Leaf(1), Leaf(3)))
    architecture = sa.Architecture.of(tree)
    assert architecture["right.Tree.right.Leaf.value"] == 3
    assert sa.SearchSpace.of(Tree).instance(architecture) == tree


def test_deeper_than_the_limit_is_refused() -> None:
    leaf = Leaf(1)
    deep = Tree(Tree(Tree(Tree(leaf, leaf), leaf), leaf), leaf)
    with pytest.raises(SpaceError, match=r"left\.Tree\.left\.Tree\.left: expected one of 'Leaf'"):
        sa.Architecture.of(deep)


def test_recursion_through_optional_and_repeat_ends_in_nothing() -> None:
    @sa.space
    class Chain:
        value: int = sa.choice(1, 2)
        rest: Chain | None = sa.optional(sa.recursive("Chain", depth=3))

    @sa.space
    class Bush:
        value: int = sa.choice(1, 2)
        parts: tuple[Bush, ...] = sa.repeat(sa.recursive("Bush", depth=2), 0, 2)

    assert sa.SearchSpace.of(Chain).size() == 2 + 4 + 8
    assert sa.SearchSpace.of(Bush).size() == 2 * (1 + 2 + 4)
    check_space(Chain)
    check_space(Bush)


def test_two_spaces_may_call_each_other() -> None:
    @sa.space
    class Inner:
        size: int = sa.choice(1, 2)
        around: Any = sa.choice("end", sa.recursive("Outer", depth=2))

    @sa.space
    class Outer:
        inner: Inner = sa.nested(Inner)

    assert sa.SearchSpace.of(Outer).size() == 2 * (1 + 2)
    with pytest.raises(SpaceError, match=r"(?s)no space called 'Outer' encloses.*lambda: Outer"):
        sa.SearchSpace.of(Inner)


def test_a_recursion_without_way_out_is_refused() -> None:
    @sa.space
    class Endless:
        again: Endless = sa.nested(sa.recursive(lambda: Endless, depth=3))

    with pytest.raises(SpaceError, match=r"Endless\.again: the recursion never ends"):
        sa.SearchSpace.of(Endless)


def test_an_option_known_only_now_may_not_stand_twice() -> None:
    @sa.space
    class Net:
        part: Any = sa.choice(Leaf, sa.recursive(lambda: Leaf, depth=2))

    with pytest.raises(SpaceError, match="'Leaf' stands twice"):
        sa.SearchSpace.of(Net)


def test_deep_binary_recursion_compiles_and_counts_at_once() -> None:
    @sa.space
    class Deep:
        left: Any = sa.choice("leaf", sa.recursive("Deep", depth=18))
        right: Any = sa.choice("leaf", sa.recursive("Deep", depth=18))

    space = sa.SearchSpace.of(Deep)
    assert space.size() > 10**18
    assert space.contains(space.sample(random.Random(0)))
    assert len(str(space.describe())) < 1_000
    with pytest.raises(SpaceError, match="unrolls to more than"):
        space.decisions()


def test_a_size_beyond_memory_is_refused_and_the_space_still_works() -> None:
    @sa.space
    class Deep:
        left: Any = sa.choice("leaf", sa.recursive("Deep", depth=60))
        right: Any = sa.choice("leaf", sa.recursive("Deep", depth=60))

    space = sa.SearchSpace.of(Deep)
    with pytest.raises(SpaceError, match="too large to count"):
        space.size()
    rng = random.Random(0)
    assert all(space.contains(space.mutate(space.sample(rng), rng)) for _ in range(20))
