"""Finding an architecture that is allowed and was not tried yet: the one thing that every strategy needs."""

from __future__ import annotations

from collections.abc import Callable, Container

from searchitect.spaces.architecture import Architecture
from searchitect.strategies.repair import repaired
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

    Once `attempts` draws were forbidden, and after as many again, one is repaired (`strategies.repair`).

    Returns:
        None after `attempts` draws of what is known, or ten times as many of what is forbidden.
    """
    left, forbidden = attempts * PATIENCE, 0
    while left > 0:
        architecture = draw()
        if setting.space.key(architecture) in seen:
            left -= PATIENCE
        elif not setting.check(architecture):
            return architecture
        else:
            left, forbidden = left - 1, forbidden + 1
            found = repaired(setting, architecture) if forbidden % attempts == 0 else None
            if found is not None and setting.space.key(found) not in seen:
                return found
    return None
