"""What the ranks of earlier tasks say of a new one: one smooth model per task, weighted by how well it has done so far.

Wistuba, Schilling, Schmidt-Thieme, "Two-stage transfer surrogate model for automatic hyperparameter optimization", ECML
2016; Feurer, Letham, Hutter, Bakshy, "Practical transfer learning for Bayesian optimization" (RGPE), 2018. As there,
each source has a model of its own and a weight that falls with every order it got wrong. Here the weight is a rank
correlation shrunk in Fisher's z, which is also the guard: a source that the new task contradicts has no weight at all.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from searchitect.predictors.targets import normal_scores, rank_correlation

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Vector = npt.NDArray[np.float64]
    Matrix = npt.NDArray[np.float64]

__all__ = ["RankTransfer", "Smooth", "smooth", "trust"]

EXPECTED = 0.5
"""Rank correlation with a source that is believed before anything was seen."""

WORTH = 4.0
"""How many observations that belief counts for."""

LEAST_TRUST = 0.2
"""A source that is believed to agree less than this is not followed."""

CALIBRATION = 5.0
"""Observations for which the slope 1 between pooled and observed scores counts."""


@dataclass(frozen=True)
class Smooth:
    """Fitted kernel ridge regression with k(x, y) = exp(−|x − y|² / 2ℓ²); on one-hot rows that is Hamming's kernel."""

    rows: Matrix
    coefficients: Vector
    centre: float
    width: float
    ridge: float

    def predict(self, features: Matrix) -> Vector:
        """Return the mean at each row, shape (n,)."""
        mean: Vector = self.centre + _kernel(features, self.rows, self.width) @ self.coefficients
        return mean


def smooth(features: Matrix, targets: Vector, fixed: tuple[float, float] | None = None) -> Smooth:
    """Fit; width ℓ² and ridge are those with the smallest leave-one-out error, or as `fixed`.

    The left-out residual of row i is (K⁻¹y)_i / (K⁻¹)_ii with K the kernel plus the ridge.
    """
    import numpy as np

    spread = 2.0 * float(features.var(axis=0).sum())  # the mean squared distance of two rows
    centre = float(targets.mean())
    best: tuple[float, Smooth] | None = None
    choices = [fixed] if fixed else [(w, r) for w in (0.25, 0.5, 1.0, 2.0) for r in (0.03, 0.1, 0.3, 1.0)]
    for relative, ridge in choices:
        width = max(1e-9, relative * spread)
        inverse = np.linalg.inv(_kernel(features, features, width) + ridge * np.eye(len(features)))
        coefficients = inverse @ (targets - centre)
        error = float(np.mean((coefficients / inverse.diagonal()) ** 2))
        if best is None or error < best[0]:
            best = (error, Smooth(features, coefficients, centre, width, ridge))
    assert best is not None
    return best[1]


def _kernel(first: Matrix, second: Matrix, width: float) -> Matrix:
    import numpy as np

    squared = (first**2).sum(axis=1)[:, None] + (second**2).sum(axis=1)[None, :] - 2.0 * first @ second.T
    near: Matrix = np.exp(-np.maximum(squared, 0.0) / (2.0 * width))
    return near


def trust(correlation: float | None, count: int) -> float:
    """Return the rank correlation to be believed after `count` pairs: the mean of Fisher's z, turned back.

    z is normal with variance 1/(count − 3); the belief beforehand counts as `WORTH` further pairs.
    """
    if correlation is None or count <= 3:
        return EXPECTED
    seen = math.atanh(min(max(correlation, -0.99), 0.99))
    return math.tanh((WORTH * math.atanh(EXPECTED) + (count - 3) * seen) / (WORTH + count - 3))


class RankTransfer:
    """The pooled opinion of several sources, and what the new task adds to it.

    Args:
        sources: per source its encoded architectures (n, d), their places (n,) where smaller is better, and the
            similarity of its task to the new one.
    """

    def __init__(self, sources: Sequence[tuple[Matrix, Vector, float]]) -> None:
        self._models = [smooth(rows, normal_scores(ranks)) for rows, ranks, _ in sources]
        self._similarity = [similarity for _, _, similarity in sources]

    def opinions(self, features: Matrix) -> Matrix:
        """Return the score that each source expects, smaller is better: (sources, n)."""
        import numpy as np

        return np.stack([model.predict(features) for model in self._models])

    def weights(self, opinions: Matrix, losses: Vector) -> list[float]:
        """Return the weight of each source after the losses (n,) at the columns of `opinions`; 0 where contradicted."""
        found = []
        for opinion, similarity in zip(opinions, self._similarity, strict=True):
            believed = trust(rank_correlation(opinion, losses), len(losses))
            found.append(similarity * believed**2 if believed >= LEAST_TRUST else 0.0)
        return found

    def score(self, features: Matrix, weights: Sequence[float], seen: Matrix, losses: Vector) -> Vector:
        """Return the expected score of each row of `features`: the pooled one, corrected by what was observed.

        The pooled scores are the mean of the new task's model: slope and residuals are learned from `seen` (n, d) and
        its `losses` (n,), both shrunk towards the sources while n is small.
        """
        pooled = _pooled(self.opinions(features), weights)
        if len(losses) < 5:
            return pooled
        expected, observed = _pooled(self.opinions(seen), weights), normal_scores(losses)
        one, other = expected - expected.mean(), observed - observed.mean()
        slope = max(0.0, float(one @ other) + CALIBRATION) / (float(one @ one) + CALIBRATION)
        residual = smooth(seen, other - slope * one, fixed=(1.0, 0.5))
        return slope * pooled + residual.predict(features)


def _pooled(opinions: Matrix, weights: Sequence[float]) -> Vector:
    import numpy as np

    share = np.array(weights) / sum(weights)
    pooled: Vector = share @ opinions
    return pooled
