"""A child of two architectures: uniform crossover over decisions, then mutation of one decision in D."""

from __future__ import annotations

import random

from searchitect.errors import SpaceError
from searchitect.spaces.architecture import Architecture
from searchitect.spaces.search_space import SearchSpace

__all__ = ["bred"]


def bred(
    space: SearchSpace,
    first: Architecture,
    second: Architecture,
    rng: random.Random,
    crossover: float = 0.9,
    mutations: float = 1.0,
) -> Architecture:
    """Return a child; it may equal a parent.

    Args:
        crossover: probability that it has two parents: each decision comes from either, evenly (Syswerda 1989).
        mutations: expected number of mutated decisions: each with probability `mutations`/D.
    """
    child = first
    if rng.random() < crossover:
        child = space.crossover(first, second, rng)
    chance = min(1.0, mutations / len(child)) if len(child) else 0.0
    try:
        for _ in range(sum(rng.random() < chance for _ in range(len(child)))):
            child = space.mutate(child, rng)
    except SpaceError:  # a space of one architecture only
        return child
    return child
