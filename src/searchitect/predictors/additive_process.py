"""A Gaussian process that is a sum over groups of columns: f(x) = Σ_g f_g(x_g).

A straight group is linear in its columns (Bayesian ridge regression, an additive table of costs); a curved one is
smooth (squared exponential). How much each group counts, and the noise, maximise the posterior density (Rasmussen and
Williams 2006, equations 2.30 and 5.9; Duvenaud et al., "Additive Gaussian processes", NeurIPS 2011).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from searchitect.predictors.gaussian_process import cholesky
from searchitect.predictors.targets import standardized

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Vector = npt.NDArray[np.float64]
    Matrix = npt.NDArray[np.float64]

__all__ = ["AdditivePosterior", "AdditiveProcess", "Group"]

SHARE, NOISE = 0.5, 0.05
"""Prior medians: variance of a group, and of the noise, in units of the targets' variance."""

SPREADS = (2.0, 1.5)
"""Prior deviations of the logarithms of these."""


@dataclass(frozen=True, slots=True)
class Group:
    """Columns `start` to `stop` (exclusive), linear or smooth."""

    start: int
    stop: int
    curved: bool = False


@dataclass(frozen=True)
class AdditiveProcess:
    """See the module. A column that never varies contributes nothing.

    Args:
        groups: of columns; they may overlap.
        iterations: most steps of the quasi-Newton method.
    """

    groups: Sequence[Group]
    iterations: int = 40

    def fit(self, features: Matrix, targets: Vector, seed: int = 0) -> AdditivePosterior:
        """Learn the variances and condition on all rows; O(n³), nothing is random, the seed is not used."""
        import numpy as np
        from scipy.optimize import minimize

        y, mean, scale = standardized(targets)
        base = _Base.of(tuple(self.groups), features)
        parts = base.parts(features, features)
        start = np.array([*base.medians, np.log(NOISE)])
        spread = np.array([SPREADS[0]] * len(parts) + [SPREADS[1]])

        def loss(theta: Vector) -> tuple[float, Vector]:
            value, slope = _negative_likelihood(theta, parts, y)
            away = (theta - start) / spread
            return value + 0.5 * float(away @ away), slope + away / spread

        options = {"maxiter": self.iterations}
        found = minimize(
            loss, start, jac=True, method="L-BFGS-B", bounds=[(m - 7, m + 7) for m in start], options=options
        )
        return AdditivePosterior(base, features, y, np.asarray(found.x), mean, scale)


@dataclass(frozen=True)
class _Base:
    """Groups with the centre and the unit of their columns, as seen in training."""

    groups: tuple[Group, ...]
    centre: Vector
    unit: Vector
    medians: tuple[float, ...]

    @classmethod
    def of(cls, groups: tuple[Group, ...], features: Matrix) -> _Base:
        import numpy as np

        unit = features.std(axis=0)
        unit = np.where(unit > 1e-9 * np.maximum(1.0, np.abs(features).max(axis=0)), unit, np.inf)
        medians = []
        for group in groups:
            width = int(np.isfinite(unit[group.start : group.stop]).sum())
            medians.append(float(np.log(SHARE if group.curved else SHARE / max(1, width))))
        return cls(groups, features.mean(axis=0), unit, tuple(medians))

    def parts(self, first: Matrix, second: Matrix) -> list[Matrix]:
        """The kernel of each group, before its variance."""
        one, other = (first - self.centre) / self.unit, (second - self.centre) / self.unit
        return [_kernel(one[:, g.start : g.stop], other[:, g.start : g.stop], g.curved) for g in self.groups]

    def own(self, rows: Matrix) -> list[Vector]:
        """The kernel of each row with itself, for each group."""
        import numpy as np

        at = (rows - self.centre) / self.unit
        return [np.ones(len(rows)) if g.curved else np.square(at[:, g.start : g.stop]).sum(axis=1) for g in self.groups]


def _kernel(one: Matrix, other: Matrix, curved: bool) -> Matrix:
    import numpy as np

    inner: Matrix = one @ other.T
    if not curved:
        return inner
    apart = np.square(one).sum(axis=1)[:, None] + np.square(other).sum(axis=1)[None, :] - 2 * inner
    # Two rows of a group of d standardised columns lie √(2d) apart on average: exp(−1/2) there.
    result: Matrix = np.exp(-np.maximum(apart, 0.0) / (4 * max(1, one.shape[1])))
    return result


def _negative_likelihood(theta: Vector, parts: Sequence[Matrix], y: Vector) -> tuple[float, Vector]:
    import numpy as np
    from scipy.linalg import cho_solve

    covariance = _covariance(theta, parts, len(y))
    factor = cholesky(covariance)
    alpha = cho_solve((factor, True), y, check_finite=False)
    value = 0.5 * float(y @ alpha) + float(np.log(np.diag(factor)).sum())
    slope = 0.5 * (cho_solve((factor, True), np.eye(len(y)), check_finite=False) - np.outer(alpha, alpha))
    by_group = [float(np.exp(t) * (slope * part).sum()) for t, part in zip(theta, parts, strict=False)]
    return value, np.array([*by_group, float(np.exp(theta[-1]) * np.trace(slope))])


def _covariance(theta: Vector, parts: Sequence[Matrix], count: int) -> Matrix:
    import numpy as np

    total: Matrix = np.exp(theta[-1]) * np.eye(count) + np.full((count, count), 1e-6)
    for t, part in zip(theta, parts, strict=False):
        total = total + np.exp(t) * part
    return total


@dataclass(frozen=True)
class AdditivePosterior:
    """The process conditioned on rows; means and deviations in the unit of the targets."""

    base: _Base
    features: Matrix
    standard: Vector
    theta: Vector
    mean: float
    scale: float

    @property
    def noise(self) -> float:
        """Standard deviation of the noise, in the unit of the targets."""
        import numpy as np

        return float(np.exp(0.5 * self.theta[-1])) * self.scale

    def predict(self, features: Matrix) -> tuple[Vector, Vector]:
        """Return mean and deviation of each row, without noise (algorithm 2.1)."""
        import numpy as np
        from scipy.linalg import solve_triangular

        factor = cholesky(_covariance(self.theta, self.base.parts(self.features, self.features), len(self.features)))
        weights = np.exp(self.theta[:-1])
        across = sum(w * part for w, part in zip(weights, self.base.parts(self.features, features), strict=True))
        own = sum(w * part for w, part in zip(weights, self.base.own(features), strict=True))
        shrunk = solve_triangular(factor, across, lower=True, check_finite=False)
        half = solve_triangular(factor, self.standard, lower=True, check_finite=False)
        variance = np.maximum(own - np.square(shrunk).sum(axis=0), 1e-12)
        return self.mean + self.scale * (shrunk.T @ half), self.scale * np.sqrt(variance)

    def held_out(self) -> Vector:
        """Return the leave-one-out predictions of the training rows."""
        return self.left_out()[0]

    def left_out(self) -> tuple[Vector, Vector]:
        """Return mean and deviation, noise included, of each target given all others (equations 5.10–5.12)."""
        import numpy as np

        covariance = _covariance(self.theta, self.base.parts(self.features, self.features), len(self.features))
        inverse = np.linalg.inv(covariance)
        precision = np.maximum(np.diag(inverse), 1e-12)
        errors = (inverse @ self.standard) / precision
        return self.mean + self.scale * (self.standard - errors), self.scale / np.sqrt(precision)
