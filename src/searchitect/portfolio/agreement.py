"""How alike the models of a portfolio are: in what they answer, and in how they are built.

A negative flip is an example that the model before answers correctly and the model after does not (Yan et al.,
"Positive-congruent training", CVPR 2021, eq. 1): what a user sees who moves from one device to the other.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from searchitect.errors import ConfigError
from searchitect.spaces.architecture import Architecture

__all__ = ["agreement", "architectural_distance", "distances", "mean_off_diagonal", "negative_flips"]

Floats = NDArray[np.float64]


def agreement(predictions: Sequence[ArrayLike]) -> Floats:
    """Share of examples to which two models give the same answer, (models, models), ones on the diagonal.

    Args:
        predictions: class numbers, one array (n,) for each model, on the same examples.
    """
    table = _table(predictions)
    return np.asarray([[np.mean(a == b) for b in table] for a in table])


def negative_flips(predictions: Sequence[ArrayLike], targets: ArrayLike) -> Floats:
    """Share of examples that the model of the row answers correctly and that of the column does not."""
    right = _table(predictions) == np.asarray(targets)[None, :]
    return np.asarray([[np.mean(a & ~b) for b in right] for a in right])


def architectural_distance(first: Architecture, second: Architecture) -> float:
    """Share of all decisions that either architecture makes in which they differ, in 0..1."""
    a, b = dict(first.items()), dict(second.items())
    paths = a.keys() | b.keys()
    if not paths:
        return 0.0
    missing = object()
    return sum(a.get(path, missing) != b.get(path, missing) for path in paths) / len(paths)


def distances(architectures: Sequence[Architecture]) -> Floats:
    """Architectural distances, (models, models)."""
    return np.asarray([[architectural_distance(a, b) for b in architectures] for a in architectures], dtype=float)


def mean_off_diagonal(matrix: ArrayLike) -> float | None:
    """Mean over all pairs of different models; None for one model."""
    table = np.asarray(matrix, dtype=np.float64)
    if len(table) < 2:
        return None
    return float((table.sum() - np.trace(table)) / (table.size - len(table)))


def _table(predictions: Sequence[ArrayLike]) -> NDArray[np.int64]:
    rows = [np.asarray(row) for row in predictions]
    if not rows or any(row.ndim != 1 or row.shape != rows[0].shape or not row.size for row in rows):
        raise ConfigError("agreement needs the class numbers of every model on the same examples, at least one")
    return np.stack(rows)
