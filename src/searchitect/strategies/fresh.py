"""Finding an architecture that is allowed and was not tried yet: the one thing that every strategy needs."""

from __future__ import annotations

from collections.abc import Callable, Container

from searchitect.spaces.architecture import Architecture
from searchitect.strategies.strategy import Setting

__all__ = ["ATTEMPTS", "first_fresh"]

ATTEMPTS = 2_000
"""Draws before a space counts as exhausted. Where one architecture in a hundred is allowed, all of so many fail once in
500 million; 500 would fail once in 150, and end a study."""


def first_fresh(
    setting: Setting,
    seen: Container[str],
    draw: Callable[[], Architecture],
    attempts: int = ATTEMPTS,
) -> Architecture | None:
    """Draw until an architecture is feasible and its canonical key is not in `seen`; None after `attempts` draws."""
    for _ in range(attempts):
        architecture = draw()
        if setting.space.key(architecture) not in seen and not setting.check(architecture):
            return architecture
    return None
