"""How alike models answer. A negative flip is an example that the model before answers correctly and the model after
does not (Yan et al., "Positive-congruent training", CVPR 2021, eq. 1): what a user sees who moves to another device.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from searchitect.errors import EvaluationError

__all__ = ["agreement", "negative_flips"]

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


def _table(predictions: Sequence[ArrayLike]) -> NDArray[np.int64]:
    rows = [np.asarray(row) for row in predictions]
    if not rows or any(row.ndim != 1 or row.shape != rows[0].shape or not row.size for row in rows):
        raise EvaluationError("agreement needs the class numbers of every model on the same examples, at least one")
    return np.stack(rows)
