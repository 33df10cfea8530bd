"""The architectures one move away from another: all of them, or a sample where there are too many."""

from __future__ import annotations

import random
from itertools import islice

from searchitect.errors import SpaceError
from searchitect.spaces.architecture import Architecture
from searchitect.spaces.search_space import SearchSpace

__all__ = ["changed_decision", "distance", "neighbourhood"]


def neighbourhood(space: SearchSpace, architecture: Architecture, rng: random.Random, limit: int) -> list[Architecture]:
    """Return all neighbours in random order, or `limit` different mutants where there are more or real numbers.

    Real numbers have a continuum of neighbours; a mutation moves them by a Gaussian.
    """
    if space.is_finite:
        found = list(islice(space.neighbours(architecture), limit + 1))
        if len(found) <= limit:
            rng.shuffle(found)
            return found
    mutants: dict[Architecture, None] = {}
    for _ in range(2 * limit):
        if len(mutants) == limit:
            break
        try:
            mutants[space.mutate(architecture, rng)] = None
        except SpaceError:  # a space of one architecture
            break
    return list(mutants)


def changed_decision(before: Architecture, after: Architecture) -> str:
    """Return the path of the decision in which a neighbour differs: the first, since what it activates follows it."""
    return next((path for path, value in before.items() if after.get(path) != value or path not in after), "")


def distance(first: Architecture, second: Architecture) -> int:
    """Hamming distance: decisions that differ or are active in one of the two only."""
    one, other = first.decisions, second.decisions
    shared = sum(path in other and other[path] == value for path, value in one.items())
    return len(one) + len(other) - shared - sum(path in other for path in one)
