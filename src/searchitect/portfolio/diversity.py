"""How differently the models of a portfolio are built."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from searchitect.spaces.architecture import Architecture

__all__ = ["architectural_distance", "distances", "mean_off_diagonal"]


def architectural_distance(first: Architecture, second: Architecture) -> float:
    """Share of all decisions that either architecture makes in which they differ, in 0..1."""
    a, b = dict(first.items()), dict(second.items())
    paths = a.keys() | b.keys()
    missing = object()
    return sum(a.get(path, missing) != b.get(path, missing) for path in paths) / max(1, len(paths))


def distances(architectures: Sequence[Architecture]) -> NDArray[np.float64]:
    """Architectural distances, (models, models)."""
    return np.asarray([[architectural_distance(a, b) for b in architectures] for a in architectures], dtype=float)


def mean_off_diagonal(matrix: ArrayLike) -> float | None:
    """Mean over all pairs of different models; None for one model."""
    table = np.asarray(matrix, dtype=np.float64)
    if len(table) < 2:
        return None
    return float((table.sum() - np.trace(table)) / (table.size - len(table)))
