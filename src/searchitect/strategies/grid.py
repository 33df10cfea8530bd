"""Grid search: every architecture of a small space exactly once, in the order of its enumeration."""

from __future__ import annotations

from collections.abc import Iterator

from searchitect.errors import SpaceError
from searchitect.spaces.architecture import Architecture
from searchitect.strategies.strategy import Setting
from searchitect.trial import Proposal, Trial

__all__ = ["LARGEST_GRID", "Grid"]

LARGEST_GRID = 1_000_000
"""Spaces with more written architectures than this are refused."""


class Grid:
    """Walk through the enumeration; isomorphic and forbidden architectures are passed over.

    Raises:
        SpaceError: the space is not finite, or larger than `LARGEST_GRID`.
    """

    exhaustive = True
    """Nothing may be left out of it for the time being: the walk does not come back."""

    def __init__(self, setting: Setting) -> None:
        space = setting.space
        if not space.is_finite:
            raise SpaceError(
                f"grid search needs a finite space, and {space.name} has real-valued decisions",
                hint="replace sa.real(...) by sa.choice(...), or use --strategy random",
            )
        size = space.size()
        if size > LARGEST_GRID:
            raise SpaceError(
                f"grid search visits every architecture, and {space.name} has {size:,} (the limit is {LARGEST_GRID:,})",
                hint="use --strategy random or regularized_evolution",
            )
        self._setting = setting
        self._rest: Iterator[Architecture] = space.enumerate()
        self._next: Architecture | None = None
        self._seen: set[str] = set()

    def ask(self, number: int) -> Proposal | None:
        # Moving over what is known or forbidden is a cache, not a state: the walk has one order only.
        while self._next is None or self._is_settled(self._next):
            self._next = next(self._rest, None)
            if self._next is None:
                return None
        return Proposal(self._next, self._setting.fidelity)

    def tell(self, trial: Trial) -> None:
        self._seen.add(trial.key)

    def _is_settled(self, architecture: Architecture) -> bool:
        return self._setting.space.key(architecture) in self._seen or bool(self._setting.check(architecture))
