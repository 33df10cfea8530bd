"""Architectures as sequences of tokens of fixed length, and back: every sequence of allowed tokens is an architecture.

There is one token per coordinate of the unit cube (`space.encode(…, "unit_cube")`): the cell in which it lies. A choice
has a cell per option, a real number `BINS` of them, each element of a subset two. What is not active has a token of its
own. Reading a sequence asks for active decisions only, so that a branch the sequence does not enter is of no account;
only a constraint of the space can refuse one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from searchitect.errors import SpaceError
from searchitect.spaces.architecture import Architecture
from searchitect.spaces.describing import Decision
from searchitect.spaces.search_space import SearchSpace

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Vector = npt.NDArray[np.float64]
    Codes = npt.NDArray[np.int64]

__all__ = ["BINS", "Tokens"]

BINS = 16
"""Cells of a real number, of an integer on a logarithmic scale and of an integer with more values than this."""


class Tokens:
    """The two ways between the architectures of a space and rows of small integers.

    Attributes:
        sizes: how many tokens each place of a row has, "not active" included.
    """

    def __init__(self, space: SearchSpace) -> None:
        import numpy as np

        self._space = space
        self._cells = np.array([cells for decision in space.decisions() for cells in _cells(decision)])
        self.sizes: tuple[int, ...] = tuple(int(cells) + 1 for cells in self._cells)

    def of(self, architectures: Sequence[Architecture]) -> Codes:
        """Return one row each, shape (n, places): 0 where a decision is not active, else its cell plus 1."""
        import numpy as np

        places = np.stack([self._space.encode(a, "unit_cube") for a in architectures])
        active = np.stack([self._space.mask(a, "unit_cube") for a in architectures])
        cells = np.clip((places * self._cells).astype(np.int64), 0, self._cells - 1)
        return np.where(active, cells + 1, 0)

    def architecture(self, row: Codes, near: Architecture) -> Architecture | None:
        """Return what a row says, or None where that breaks a constraint of the space.

        Args:
            near: where its own row agrees, its exact number is kept; elsewhere a cell stands for its middle. It also
                fills in a decision that is active although its token says otherwise.
        """
        import numpy as np

        own = self._space.encode(near, "unit_cube")
        middles = (row - 0.5) / self._cells
        kept = (row == self.of([near])[0]) | (row == 0)
        try:
            return self._space.decode(np.where(kept, own, middles))
        except SpaceError:
            return None


def _cells(decision: Decision) -> list[int]:
    """How many cells each coordinate of a decision has."""
    if decision.kind == "subset":
        return [2] * len(decision.options or ())
    if decision.options is not None:
        return [len(decision.options)]
    if decision.kind == "real" or decision.log or decision.low is None or decision.high is None:
        return [BINS]
    return [min(BINS, int(decision.high - decision.low) // (decision.step or 1) + 1)]
