"""What differs between two architectures, as changes that carry along what hangs on them."""

from __future__ import annotations

from itertools import chain, combinations

import pytest

import searchitect as sa
from searchitect.errors import ConfigError
from searchitect.explain.searches.changes import changes_between, mixture
from searchitect.spaces.architecture import Architecture
from searchitect.spaces.search_space import SearchSpace


@sa.space
class Sized:
    size: int = sa.choice(2, 3)


@sa.space
class Plain:
    pass


@sa.space
class Block:
    pool: Sized | Plain = sa.choice(Plain, Sized)
    width: int = sa.choice(16, 32)


@sa.space
class Net:
    blocks: tuple[Block, ...] = sa.repeat(Block, 1, 3)
    stem: int = sa.choice(1, 2)
    head: Sized | Plain = sa.choice(Plain, Sized)


SPACE = SearchSpace.of(Net)
FIRST = Architecture.of(Net((Block(Sized(3), 16), Block(Plain(), 16)), 1, Sized(2)))
SECOND = Architecture.of(Net((Block(Plain(), 32), Block(Sized(2), 16), Block(Sized(2), 32)), 2, Sized(3)))


def test_a_decision_that_came_or_went_moves_with_the_nearest_change_above_it() -> None:
    found = {c.decision: c.along for c in changes_between(FIRST.decisions, SECOND.decisions).changes}
    assert found == {
        "blocks.length": ("blocks.2.pool", "blocks.2.pool.Sized.size", "blocks.2.width"),
        "blocks.0.pool": ("blocks.0.pool.Sized.size",),
        "blocks.0.width": (),
        "blocks.1.pool": ("blocks.1.pool.Sized.size",),
        "stem": (),
        "head.Sized.size": (),
    }


@pytest.mark.parametrize(("one", "other"), [(FIRST, SECOND), (SECOND, FIRST)])
def test_every_mixture_lies_in_the_space_and_none_and_all_are_the_two(one: Architecture, other: Architecture) -> None:
    changes = changes_between(one.decisions, other.decisions)
    places = range(len(changes))
    for made in chain.from_iterable(combinations(places, size) for size in range(len(changes) + 1)):
        architecture, inside = mixture(changes, made, SPACE, one.space)
        assert inside
        assert SPACE.contains(architecture)
    assert mixture(changes, (), SPACE, one.space)[0] == one
    assert mixture(changes, places, SPACE, one.space)[0] == other


def test_what_hangs_on_nothing_known_is_a_change_of_its_own() -> None:
    (change,) = changes_between({"a": 1}, {"a": 1, "b": (1, 2)}).changes
    assert change.text == "b: (not there) → {1, 2}"


def test_nothing_to_change_is_refused() -> None:
    with pytest.raises(ConfigError, match="are the same"):
        changes_between({"a": 1}, {"a": 1})
