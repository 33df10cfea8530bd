"""Rows of numbers for predictors: what `encode` gives, with real numbers spread over a few overlapping columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from searchitect.spaces.architecture import Architecture
from searchitect.spaces.describing import Decision
from searchitect.spaces.domains import WIDEST_HOT_RANGE
from searchitect.spaces.search_space import SearchSpace

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Matrix = npt.NDArray[np.float64]

__all__ = ["hot_columns", "soft_one_hot"]

TENTS = 5
"""Columns that a real number takes: tent functions around 0, ¼, ½, ¾, 1, of which at most two are above 0."""


def hot_columns(decision: Decision) -> int:
    """Return how many columns of the one-hot encoding a decision takes."""
    if decision.options is not None:
        return len(decision.options)
    if decision.kind == "real":
        return 1
    assert decision.low is not None
    assert decision.high is not None
    count = int(decision.high - decision.low) // (decision.step or 1) + 1
    return count if count <= WIDEST_HOT_RANGE else 1


def soft_one_hot(space: SearchSpace, architectures: Sequence[Architecture]) -> Matrix:
    """Return one row each: the one-hot encoding, where the one column of a real number or of a wide integer range
    becomes `TENTS` columns that sum to 1. A model that is linear in them follows any broken line, and tells an
    inactive decision (all zeros) from a low number.
    """
    import numpy as np

    hot = np.stack([space.encode(architecture) for architecture in architectures])
    numbers = _number_columns(space)
    if not len(numbers):
        return hot
    active = np.stack([space.mask(architecture)[numbers] for architecture in architectures])
    places = hot[:, numbers]
    centres = np.linspace(0.0, 1.0, TENTS)
    tents = np.maximum(0.0, 1.0 - np.abs(places[:, :, None] - centres) * (TENTS - 1)) * active[:, :, None]
    rest = np.delete(hot, numbers, axis=1)
    return np.concatenate([rest, tents.reshape(len(hot), -1)], axis=1)


def _number_columns(space: SearchSpace) -> npt.NDArray[np.intp]:
    import numpy as np

    start, found = 0, []
    for decision in space.decisions():
        width = hot_columns(decision)
        if decision.options is None and width == 1:
            found.append(start)
        start += width
    return np.array(found, dtype=np.intp)
