"""Candidates for a model to judge: small changes of good architectures, and random ones. None of them is evaluated.

Most of what Bayesian optimisation of architectures gains it gains by minimally mutating the incumbent (Ru et al. 2021,
White et al. 2021). A child is made of its parent anew each time: published code that mutates its own child wanders off.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Container, Sequence
from typing import TYPE_CHECKING

from searchitect.errors import SpaceError
from searchitect.spaces.architecture import Architecture
from searchitect.spaces.search_space import SearchSpace
from searchitect.strategies.strategy import Setting

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Vector = npt.NDArray[np.float64]

__all__ = ["best_fresh", "draw_candidates"]

EDITS = (1, 1, 2)
"""How many decisions a mutated candidate changes; drawn evenly."""

ROUNDS = 4
"""Most times that candidates are drawn where limits forbid nearly all."""


def draw_candidates(
    space: SearchSpace, parents: Sequence[Architecture], rng: random.Random, count: int
) -> list[Architecture]:
    """Return up to `count` different architectures: half of them mutated from the parents in turn, half random.

    They may have been tried before, or be forbidden: `best_fresh` asks for that only where it matters.
    """
    found: dict[Architecture, None] = {}
    for place in range(count // 2 if parents else 0):
        found[_mutated(space, parents[place % len(parents)], rng)] = None
    for _ in range(count - len(found)):
        found[space.sample(rng)] = None
    return list(found)


def _mutated(space: SearchSpace, parent: Architecture, rng: random.Random) -> Architecture:
    child = parent
    try:
        for _ in range(rng.choice(EDITS)):
            child = space.mutate(child, rng)
    except SpaceError:  # the space holds one architecture only
        return parent
    return child


def best_fresh(
    setting: Setting,
    seen: Container[str],
    score: Callable[[Sequence[Architecture]], Vector],
    draw: Callable[[], Sequence[Architecture]],
) -> Architecture | None:
    """Return the candidate of the lowest score that is new and allowed, or None.

    Limits may cost milliseconds each, so they are asked in the order of the scores. Where they forbid most leaders,
    more candidates are drawn, so that the best stays a choice among many.

    Args:
        score: smaller is better; called once for every candidate.
        draw: returns the candidates of one round; each call returns others.
    """
    waiting: dict[Architecture, float] = {}
    closed: set[Architecture] = set()
    for _ in range(ROUNDS):
        drawn = [a for a in draw() if a not in waiting and a not in closed]
        if drawn:
            waiting.update(zip(drawn, score(drawn).tolist(), strict=True))
        forbidden = 0
        for architecture in sorted(waiting, key=waiting.__getitem__):
            fresh = setting.space.key(architecture) not in seen
            if fresh and not setting.check(architecture):
                break
            forbidden += fresh
            closed.add(architecture)
            del waiting[architecture]
        if waiting and forbidden * 10 < len(drawn):
            break
    return min(waiting, key=waiting.__getitem__, default=None)
