"""What every search space must keep. One call runs the laws:

def test_my_space_keeps_the_laws():
    check_space(MySpace)

A failure is an AssertionError that shows the architecture. Needs neither pytest nor torch.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from itertools import islice

import numpy as np

from searchitect.errors import SpaceError
from searchitect.spaces import Architecture, SearchSpace

__all__ = ["LAWS", "check_space"]

LISTED = 2_000
"""Spaces up to this size are enumerated and compared with `size`."""


def check_space(space: object, samples: int = 50, seed: int = 0) -> None:
    """Run all laws on a space class.

    Args:
        samples: how many random architectures each law is tried on.
        seed: of the random architectures; another seed tries others.

    Raises:
        AssertionError: a law is broken; the message names the law and the architecture.
        SpaceError: the space cannot be compiled or sampled.
    """
    search_space = SearchSpace.of(space)
    rng = random.Random(seed)
    assert search_space.contains(search_space.default()), f"default: {search_space.default()} is not in the space"
    for uniform in ("decisions", "architectures") if _is_counted(search_space) else ("decisions",):
        for _ in range(samples):
            architecture = search_space.sample(rng, uniform)
            for law in LAWS:
                assert law(search_space, architecture, rng), f"{law.__name__} is broken by {architecture}"
    _check_size(search_space)


def in_space(space: SearchSpace, a: Architecture, rng: random.Random) -> bool:
    """What is sampled belongs to the space, and `violations` agrees with `contains`."""
    return space.contains(a) and space.violations(a) == []


def json_round_trip(space: SearchSpace, a: Architecture, rng: random.Random) -> bool:
    """An architecture written as JSON text and read again is equal, and has the same key."""
    read = space.read(json.dumps(a.to_json()))
    return read == a and hash(read) == hash(a) and space.key(read) == space.key(a)


def instance_round_trip(space: SearchSpace, a: Architecture, rng: random.Random) -> bool:
    """The typed instance shows the same architecture, and equal architectures have equal instances."""
    instance = space.instance(a)
    return Architecture.of(instance) == a and instance == space.instance(a)


def neighbours_are_near(space: SearchSpace, a: Architecture, rng: random.Random) -> bool:
    """Neighbours belong to the space, differ from the architecture and from one another."""
    near = list(islice(space.neighbours(a), 200))
    return all(space.contains(n) and n != a for n in near) and len(set(near)) == len(near)


def mutation_moves(space: SearchSpace, a: Architecture, rng: random.Random) -> bool:
    """A mutation belongs to the space and is never the architecture itself. (A space of one has none.)"""
    if space.is_finite and _is_counted(space) and space.size() == 1:
        return True
    child = space.mutate(a, rng)
    return space.contains(child) and child != a


def crossover_inherits(space: SearchSpace, a: Architecture, rng: random.Random) -> bool:
    """A child belongs to the space, and each of its decisions is one of a parent's."""
    other = space.sample(rng)
    child = space.crossover(a, other, rng)
    inherited = all((path, value) in {*a.items(), *other.items()} for path, value in child.items())
    return space.contains(child) and inherited and space.crossover(a, a, rng) == a


def unit_cube_inverts(space: SearchSpace, a: Architecture, rng: random.Random) -> bool:
    """Decoding a unit-cube encoding gives the architecture back, exactly; all numbers lie in 0..1."""
    vector = space.encode(a, "unit_cube")
    return space.decode(vector) == a and bool(((vector >= 0) & (vector <= 1)).all())


def one_hot_is_masked(space: SearchSpace, a: Architecture, rng: random.Random) -> bool:
    """Columns of inactive decisions are zero, and the length is that of every other architecture."""
    vector, mask = space.encode(a, "one_hot"), space.mask(a, "one_hot")
    same_length = vector.shape == mask.shape == space.encode(space.default(), "one_hot").shape
    return same_length and not np.any(vector[~mask])


def canonical_is_stable(space: SearchSpace, a: Architecture, rng: random.Random) -> bool:
    """The canonical form of a canonical form is itself, and has the same key."""
    canonical = space.canonical(a)
    return space.canonical(canonical) == canonical and space.key(canonical) == space.key(a)


LAWS: tuple[Callable[[SearchSpace, Architecture, random.Random], bool], ...] = (
    in_space,
    json_round_trip,
    instance_round_trip,
    neighbours_are_near,
    mutation_moves,
    crossover_inherits,
    unit_cube_inverts,
    one_hot_is_masked,
    canonical_is_stable,
)
"""The laws of one architecture, in the order in which they are tried."""


def _is_counted(space: SearchSpace) -> bool:
    try:
        return space.size() > 0
    except SpaceError:
        return False


def _check_size(space: SearchSpace) -> None:
    """A small space lists exactly as many architectures as it counts, each once."""
    if not _is_counted(space) or space.size() > LISTED:
        return
    listed = list(space.enumerate())
    assert len(listed) == space.size(), f"size says {space.size()}, enumerate lists {len(listed)}"
    assert len(set(listed)) == len(listed), "enumerate lists an architecture twice"
    assert all(map(space.contains, listed)), "enumerate lists an architecture outside the space"
