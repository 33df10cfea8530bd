"""The seam of every predictor: fitted once on features and targets, it answers with a mean and an uncertainty."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Vector = npt.NDArray[np.float64]
    Matrix = npt.NDArray[np.float64]

__all__ = ["Posterior", "Predictor"]


class Posterior(Protocol):
    """A fitted predictor."""

    def predict(self, features: Matrix) -> tuple[Vector, Vector]:
        """Return mean and deviation of each row, shape (n,): of the value without noise, in the targets' unit."""
        ...

    def held_out(self) -> Vector:
        """Return the prediction of each training row by a model that had not seen it (leave-one-out or folds)."""
        ...


class Predictor(Protocol):
    """Learns a score from examples. Starts cold each time: the same arguments give the same posterior."""

    def fit(self, features: Matrix, targets: Vector, seed: int) -> Posterior:
        """Fit.

        Args:
            features: (n, d), finite, n ≥ 2.
            targets: (n,), finite; smaller is better.
            seed: the only source of randomness.
        """
        ...
