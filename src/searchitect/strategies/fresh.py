"""Finding an architecture that is allowed and was not tried yet: the one thing that every strategy needs."""

from __future__ import annotations

from collections.abc import Callable, Container

from searchitect.spaces.architecture import Architecture
from searchitect.strategies.strategy import Setting

__all__ = ["first_fresh"]

PATIENCE = 10
"""Forbidden draws count this much less than known ones: where 99 % is infeasible there is still much to find, while a
search that draws nothing but what it knows is at its end."""


def first_fresh(
    setting: Setting,
    seen: Container[str],
    draw: Callable[[], Architecture],
    attempts: int = 500,
) -> Architecture | None:
    """Draw until an architecture is feasible and its canonical key is not in `seen`.

    Returns:
        None after `attempts` draws of what is known, or ten times as many of what is forbidden.
    """
    left = attempts * PATIENCE
    while left > 0:
        architecture = draw()
        if setting.space.key(architecture) in seen:
            left -= PATIENCE
        elif setting.check(architecture):
            left -= 1
        else:
            return architecture
    return None
