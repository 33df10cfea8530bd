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
from statistics import fmean
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

OFFSET, SLOPE, MIXTURE, RESIDUAL, NOISE = 2.0, 0.5, 0.7, 1.0, 0.1
"""Prior deviations of a, b, √S·c_s and r, and the variance of an observation, for scores of variance 1."""


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


def smooth(features: Matrix, targets: Vector) -> Smooth:
    """Fit; width ℓ² and ridge are those with the smallest leave-one-out error.

    The left-out residual of row i is (K⁻¹y)_i / (K⁻¹)_ii with K the kernel plus the ridge.
    """
    import numpy as np

    spread = _spread(features)
    centre = float(targets.mean())
    best: tuple[float, Smooth] | None = None
    choices = [(w, r) for w in (0.25, 0.5, 1.0, 2.0) for r in (0.03, 0.1, 0.3, 1.0)]
    for relative, ridge in choices:
        width = relative * spread
        inverse = np.linalg.inv(_kernel(features, features, width) + ridge * np.eye(len(features)))
        coefficients = inverse @ (targets - centre)
        error = float(np.mean((coefficients / inverse.diagonal()) ** 2))
        if best is None or error < best[0]:
            best = (error, Smooth(features, coefficients, centre, width, ridge))
    assert best is not None
    return best[1]


def _spread(features: Matrix) -> float:
    """The mean squared distance of two rows; not quite 0 where all are equal."""
    return max(1e-9, 2.0 * float(features.var(axis=0).sum()))


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
        self._width = fmean(_spread(rows) for rows, _, _ in sources)

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

    def pooled(self, features: Matrix, weights: Sequence[float]) -> Vector:
        """Return the mean opinion of each row of `features`, shape (n,)."""
        return _pooled(self.opinions(features), weights)

    def predict(
        self, features: Matrix, weights: Sequence[float], seen: Matrix, losses: Vector
    ) -> tuple[Vector, Vector]:
        """Return mean and deviation of the score to be expected of each row of `features`, after the losses at `seen`.

        Bayesian regression of the observed normal scores on the opinions o_s and their pooled mean m:
        f(x) = a + (1 + b)·m(x) + Σ c_s·(o_s(x) − m(x)) + r(x), with normal a, b, c and a Gaussian process r for what no
        source knows. With few observations it is the pooled opinion; a source that explains them gains, one that
        does not loses, also where it was right elsewhere.

        Args:
            seen: encoded architectures of the new task (m, d), at least one; `losses` are theirs, (m,).
        """
        import numpy as np

        here, there = self.opinions(features), self.opinions(seen)
        expected = _pooled(there, weights)
        covariance = self._covariance(there, there, weights) + RESIDUAL**2 * self._near(seen, seen)
        covariance[np.diag_indices(len(losses))] += NOISE
        across = self._covariance(here, there, weights) + RESIDUAL**2 * self._near(features, seen)
        solved = np.linalg.solve(covariance, np.column_stack([normal_scores(losses) - expected, across.T]))
        pooled = _pooled(here, weights)
        mean: Vector = pooled + across @ solved[:, 0]
        apart = here - pooled
        before = OFFSET**2 + (SLOPE * pooled) ** 2 + MIXTURE**2 * (apart**2).mean(axis=0) + RESIDUAL**2
        variance = before - np.einsum("ij,ji->i", across, solved[:, 1:])
        return mean, np.sqrt(np.maximum(variance, 1e-12))

    def _covariance(self, first: Matrix, second: Matrix, weights: Sequence[float]) -> Matrix:
        """What a, b and the c_s contribute, from the opinions (sources, n) and (sources, m): shape (n, m)."""
        import numpy as np

        one, other = _pooled(first, weights), _pooled(second, weights)
        apart = (first - one).T @ (second - other) / len(first)
        return np.asarray(OFFSET**2 + SLOPE**2 * np.outer(one, other) + MIXTURE**2 * apart)

    def _near(self, first: Matrix, second: Matrix) -> Matrix:
        """The correlation of r: as far as the sources' architectures are apart."""
        return _kernel(first, second, self._width)


def _pooled(opinions: Matrix, weights: Sequence[float]) -> Vector:
    import numpy as np

    share = np.array(weights) / sum(weights)
    pooled: Vector = share @ opinions
    return pooled
