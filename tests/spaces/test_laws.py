"""The laws of every space, on spaces that nobody thought of."""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from searchitect.errors import SpaceError
from searchitect.spaces import SearchSpace
from searchitect.testing.spaces import check_space
from tests.spaces.families import EVERY_FAMILY, spaces

relaxed = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize("family", EVERY_FAMILY, ids=lambda family: family.__name__)
def test_the_laws_hold_for_every_family(family: type) -> None:
    check_space(family, samples=20)


def brute_force(description: dict) -> int:
    """Count from the description, by another road than the library takes."""
    kind = description["kind"]
    if kind == "space":
        total = 1
        for child in description["decisions"].values():
            total *= brute_force(child)
        return total
    if kind == "choice":
        return sum(brute_force(o) if isinstance(o, dict) else 1 for o in description["options"])
    if kind == "integer":
        return len(range(description["low"], description["high"] + 1, description["step"]))
    if kind == "repeat":
        item = brute_force(description["item"])
        return sum(item**n for n in range(description["low"], description["high"] + 1))
    if kind == "optional":
        return 1 + brute_force(description["item"])
    if kind == "subset":
        sizes = (bin(bits).count("1") for bits in range(2 ** len(description["options"])))
        return sum(description["low"] <= size <= description["high"] for size in sizes)
    return 1


@relaxed
@given(spaces())
def test_the_laws_hold_for_random_spaces(family: type) -> None:
    space = SearchSpace.of(family)
    try:
        space.mutate(space.default(), random.Random(0))
    except SpaceError:
        assert space.size() == 1
        return
    check_space(family, samples=3)


@relaxed
@given(spaces())
def test_size_agrees_with_counting_the_description(family: type) -> None:
    space = SearchSpace.of(family)
    assert space.size() == brute_force(space.describe())


@relaxed
@given(spaces(), st.integers(0, 2**32))
def test_any_point_of_the_unit_cube_is_an_architecture(family: type, seed: int) -> None:
    space = SearchSpace.of(family)
    rng = random.Random(seed)
    width = len(space.encode(space.default(), "unit_cube"))
    architecture = space.decode([rng.uniform(-0.2, 1.2) for _ in range(width)])
    assert space.violations(architecture) == []


@relaxed
@given(spaces(), st.integers(0, 2**32))
def test_a_mutation_changes_one_decision_and_keeps_the_others(family: type, seed: int) -> None:
    space = SearchSpace.of(family)
    rng = random.Random(seed)
    parent = space.sample(rng)
    if space.size() == 1:
        return
    try:
        child = space.mutate(parent, rng)
    except SpaceError:
        assert space.size() == 1
        return
    changed = [path for path, value in parent.items() if path in child and child[path] != value]
    assert len(changed) == 1
    # All else that appears or disappears lies below the decision that was changed.
    stem = changed[0].removesuffix("length").rstrip(".") if changed[0].endswith(".length") else changed[0]
    assert all(path.startswith(stem + ".") for path in {*parent} ^ {*child})


@relaxed
@given(spaces())
def test_the_default_comes_first_in_the_enumeration(family: type) -> None:
    space = SearchSpace.of(family)
    assert next(space.enumerate()) == space.default()


@relaxed
@given(spaces())
def test_a_decision_is_described_for_every_active_path(family: type) -> None:
    space = SearchSpace.of(family)
    static = {decision.path: decision for decision in space.decisions()}
    architecture = space.sample(random.Random(1))
    assert set(architecture) <= set(static)
    assert all(path in architecture for path, decision in static.items() if not decision.conditional)
