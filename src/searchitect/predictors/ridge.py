"""Ridge regression on features and all their pairwise products, as a Bayesian linear model with exact uncertainty.

The products are never written out: their inner product is (s² − d) / 2, where s = x·x' and d = x²·x'², so that spaces
of hundreds of columns cost no more than small ones. What other code approximates by an ensemble of ridge models on
resampled data is here its limit in closed form: the posterior of the weights under a Gaussian prior.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from searchitect.predictors.targets import standardized

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Vector = npt.NDArray[np.float64]
    Matrix = npt.NDArray[np.float64]

__all__ = ["Ridge", "RidgePosterior"]

PENALTIES = (0.01, 0.03, 0.1, 0.3, 1.0)
"""λ in units of the kernel's mean diagonal."""

PAIRS = 0.5
"""Share of the prior variance that the pairwise products take; the rest is that of the features themselves."""


class Ridge:
    """min_w |y − Φw|² + λ|w|², Φ the features and their pairwise products; λ by the smallest leave-one-out error.

    Args:
        pairs: share of the prior variance given to the products, 0..1; 0 is a linear model.
        penalties: values of λ that are tried, relative to the mean of |φ|².
    """

    def __init__(self, pairs: float = PAIRS, penalties: Sequence[float] = PENALTIES) -> None:
        self._pairs, self._penalties = pairs, tuple(penalties)

    def fit(self, features: Matrix, targets: Vector, seed: int) -> RidgePosterior:
        """Fit in O(n³ + n² d); nothing in it is random.

        Args:
            features: (n, d); one-hot columns and numbers in 0..1.
        """
        return RidgePosterior(features, targets, self._pairs, self._penalties)


class RidgePosterior:
    """The fitted model. Kernel form: f(x) = Σ α_i k(x_i, x), α = (K + λI)⁻¹ y."""

    def __init__(self, features: Matrix, targets: Vector, pairs: float, penalties: tuple[float, ...]) -> None:
        import numpy as np

        self._rows = features
        linear, product = _parts(features, features)
        self._scale = (
            (1.0 - pairs) / max(float(np.trace(linear)) / len(features), 1e-12),
            pairs / max(float(np.trace(product)) / len(features), 1e-12),
        )
        self._targets, self._mean, self._unit = standardized(targets)
        values, self._basis = np.linalg.eigh(self._scale[0] * linear + self._scale[1] * product + 1.0)
        self._values = np.maximum(values, 0.0)
        self._projected = self._basis.T @ self._targets
        self._penalty = min(penalties, key=lambda penalty: float(np.square(self._left_out(penalty)).mean()))
        shrunk = 1.0 / (self._values + self._penalty)
        self._alpha = self._basis @ (shrunk * self._projected)
        self._root = self._basis * np.sqrt(shrunk)
        # The prior variance of the weights that makes the data most likely, given λ.
        self._variance = float(self._targets @ self._alpha) / len(features)

    def predict(self, features: Matrix) -> tuple[Vector, Vector]:
        """Return mean and deviation of each row, shape (n,)."""
        import numpy as np

        linear, product = _parts(features, self._rows)
        kernel = self._scale[0] * linear + self._scale[1] * product + 1.0
        squares = np.square(features)
        own = np.square(features).sum(axis=1)
        pairs = (np.square(own) - np.square(squares).sum(axis=1)) / 2
        prior = self._scale[0] * own + self._scale[1] * pairs + 1.0
        left = np.maximum(prior - np.square(kernel @ self._root).sum(axis=1), 0.0)
        deviation = np.sqrt(self._variance * left)
        return self._mean + self._unit * (kernel @ self._alpha), self._unit * deviation

    def held_out(self) -> Vector:
        """Return leave-one-out predictions in closed form: y_i − α_i / (K + λI)⁻¹_ii.

        Where nothing can be learned they run against the targets, since the mean of the others is lower for a high one.
        """
        return self._mean + self._unit * (self._targets - self._left_out(self._penalty))

    def _left_out(self, penalty: float) -> Vector:
        """Errors of each row when it is left out."""
        import numpy as np

        shrunk = 1.0 / (self._values + penalty)
        errors: Vector = (self._basis @ (shrunk * self._projected)) / (np.square(self._basis) @ shrunk)
        return errors


def _parts(first: Matrix, second: Matrix) -> tuple[Matrix, Matrix]:
    """Inner products of the rows, and of their pairwise products of different columns."""
    import numpy as np

    linear = first @ second.T
    product = (np.square(linear) - np.square(first) @ np.square(second).T) / 2
    return linear, product
