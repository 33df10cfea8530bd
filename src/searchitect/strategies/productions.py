"""An architecture as a derivation of a grammar: how often each production was used.

A space is a tree grammar; a decision is a non-terminal, each of its values a production. Counting productions wherever
they occur gives recursive spaces of any size short rows, where an encoding of all places could not be written down.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from searchitect.spaces.architecture import Architecture
from searchitect.strategies.steps import Steps

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Matrix = npt.NDArray[np.float64]

__all__ = ["Productions"]

MOST = 1_000
"""Columns of a row."""

ORDERED = 8
"""A step of more values than this gets a column for the place of its value too: bins and long ranges are ordered."""


class Productions:
    """The productions that some examples use, as columns; others leave no trace in a row.

    A production counts at its own place ("cells.0.left.kernel") and for its context in the grammar ("left.kernel"),
    so that what was learned of one place is a first guess for all others.
    """

    def __init__(self, steps: Steps, examples: Sequence[Architecture]) -> None:
        self._steps = steps
        self._columns: dict[tuple[str, int], int] = {}
        self._contexts: dict[str, str] = {}
        for architecture in examples:
            for production in self._used(architecture):
                if len(self._columns) < MOST:
                    self._columns.setdefault(production, len(self._columns))

    def rows(self, architectures: Sequence[Architecture]) -> Matrix:
        """One row per architecture: log₂(1 + count) of each production, and of the length of the derivation."""
        import numpy as np

        rows = np.zeros((len(architectures), len(self._columns) + 1))
        for row, architecture in zip(rows, architectures, strict=True):
            for production, amount in self._used(architecture).items():
                column = self._columns.get(production)
                if column is not None:
                    row[column] = math.log2(1.0 + amount)
            row[-1] = math.log2(1.0 + len(architecture)) / 4.0
        return rows

    def _used(self, architecture: Architecture) -> dict[tuple[str, int], float]:
        used: dict[tuple[str, int], float] = {}
        for step, place in self._steps.read(architecture):
            name = step.name
            context = self._contexts.get(name)
            if context is None:
                context = self._contexts[name] = _context(name)
            used[name, place] = 1.0
            if context != name:
                used[context, place] = used.get((context, place), 0.0) + 1.0
            if len(step.prior) > ORDERED:
                used[name, -1] = place / (len(step.prior) - 1)
        return used


def _context(name: str) -> str:
    """The last two names of a path, without places of repeats: a field, and where it hangs."""
    return ".".join([part for part in name.split(".") if not part.isdigit()][-2:])
