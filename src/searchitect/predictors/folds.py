"""Held-out predictions by cross-validation, for predictors without a closed form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from searchitect.predictors.predictor import Predictor
from searchitect.seeding import derive, stream

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Vector = npt.NDArray[np.float64]

__all__ = ["held_out_by_folds"]


def held_out_by_folds(
    predictor: Predictor, features: npt.NDArray[Any], targets: Vector, seed: int, folds: int = 4
) -> Vector:
    """Return the prediction of each row by a model fitted on the other folds.

    Args:
        features, targets: (n, d) and (n,), n ≥ 4.
    """
    import numpy as np

    order = list(range(len(features)))
    stream(seed, "folds").shuffle(order)
    found: Vector = np.empty(len(features))
    for fold in range(folds):
        out = sorted(order[fold::folds])
        inside = np.setdiff1d(np.arange(len(features)), out)
        posterior = predictor.fit(features[inside], targets[inside], derive(seed, "fold", fold))
        found[out] = posterior.predict(features[out])[0]
    return found
