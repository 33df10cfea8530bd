"""Exact Gaussian process regression.

Rasmussen and Williams, "Gaussian Processes for Machine Learning", 2006: algorithm 2.1 (posterior by Cholesky), equation
5.9 (gradient of the marginal likelihood), equations 5.10–5.12 (leave-one-out without refitting).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from searchitect.predictors.kernels import Comparison, Kernel, Prior
from searchitect.predictors.targets import standardized

if TYPE_CHECKING:
    import random

    import numpy as np
    import numpy.typing as npt

    Vector = npt.NDArray[np.float64]
    Matrix = npt.NDArray[np.float64]
    Rows = npt.NDArray[Any]

__all__ = ["GaussianPosterior", "GaussianProcess", "cholesky", "evenly"]

BLOCK = 256
"""Rows compared at once, which bounds the memory of a kernel with many decisions."""


FIRST_NOISE = 0.1
"""Prior median of σ², in units of the targets' variance."""


def evenly(count: int, most: int) -> list[int]:
    """Return all places below `count`, or `most` of them at even distances."""
    if count <= most:
        return list(range(count))
    return [round(i * (count - 1) / (most - 1)) for i in range(most)]


def cholesky(matrix: Matrix) -> Matrix:
    """Return the lower Cholesky factor, adding 1e-10, 1e-9, … of the mean diagonal until it exists.

    Raises:
        numpy.linalg.LinAlgError: not even with 1e-2 of it.
    """
    import numpy as np
    from scipy.linalg.lapack import dpotrf

    mean = float(np.trace(matrix)) / len(matrix)
    for jitter in (0.0, *(10.0**power for power in range(-10, -1))):
        factor, failed = dpotrf(matrix + jitter * mean * np.eye(len(matrix)), lower=1, clean=1)
        if not failed:
            return np.asarray(factor)
    raise np.linalg.LinAlgError("the covariance is not positive definite, even with 1 % added to its diagonal")


@dataclass(frozen=True)
class GaussianProcess:
    """Zero mean after standardisation, covariance s²·k + σ²·1.

    Args:
        kernel: the correlation k.
        noise_floor: least σ², in units of the targets' variance: two trainings of one architecture never agree.
        fit_points: hyper-parameters are learned from at most so many rows, spread evenly over those given; this bounds
            the time of a fit. The posterior rests on all rows.
        iterations: most steps of the quasi-Newton method.
    """

    kernel: Kernel
    noise_floor: float = 1e-3
    fit_points: int = 200
    iterations: int = 30

    def fit(self, features: Rows, targets: Vector, seed: int) -> GaussianPosterior:
        """Learn the hyper-parameters and condition on all rows. Nothing is random, the seed is not used."""
        return self.given(self.learned(features, targets), features, targets)

    def prior(self) -> Prior:
        """Return the prior of all hyper-parameters: the kernel's, log s², log σ². Its mean is where learning starts."""
        import numpy as np

        kernel = self.kernel.prior()
        return Prior(
            np.append(kernel.mean, [0.0, np.log(FIRST_NOISE)]),
            np.append(kernel.deviation, [1.0, 1.5]),
            np.append(kernel.low, [np.log(0.05), np.log(self.noise_floor)]),
            np.append(kernel.high, [np.log(20.0), 0.0]),
        )

    def learned(self, features: Rows, targets: Vector) -> Vector:
        """Return the hyper-parameters of largest posterior density: the kernel's, log s², log σ².

        L-BFGS-B from the prior's mean, so that the same rows always give the same answer.
        """
        import numpy as np
        from scipy.optimize import minimize

        if len(features) > self.fit_points:
            chosen = evenly(len(features), self.fit_points)
            features, targets = features[chosen], targets[chosen]
        y, _, _ = standardized(targets)
        compared = self.kernel.compare(features, features)
        prior = self.prior()

        def loss(theta: Vector) -> tuple[float, Vector]:
            value, gradient = self.likelihood(theta, compared, y)
            away = (theta - prior.mean) / prior.deviation
            return -value + 0.5 * float(away @ away), -gradient + away / prior.deviation

        bounds = list(zip(prior.low, prior.high, strict=True))
        options = {"maxiter": self.iterations, "ftol": 1e-6, "gtol": 1e-3}
        found = minimize(loss, prior.mean, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
        return np.asarray(found.x, dtype=np.float64)

    def likelihood(self, theta: Vector, compared: Comparison, y: Vector) -> tuple[float, Vector]:
        """Return log p(y | X, theta) and its gradient (equations 2.30 and 5.9)."""
        import numpy as np
        from scipy.linalg import cho_solve
        from scipy.linalg.lapack import dpotri

        scale, noise = np.exp(theta[-2:])
        correlation = compared.correlation(theta[:-2])
        factor = cholesky(scale * correlation + noise * np.eye(len(y)))
        alpha = cho_solve((factor, True), y, check_finite=False)
        half_log_determinant = float(np.log(np.diag(factor)).sum())
        value = -0.5 * float(y @ alpha) - half_log_determinant - 0.5 * len(y) * float(np.log(2 * np.pi))
        lower, _ = dpotri(factor, lower=1)
        inverse = np.tril(lower) + np.tril(lower, -1).T
        slope = 0.5 * (np.outer(alpha, alpha) - inverse)
        by_scale = scale * float((slope * correlation).sum())
        by_noise = noise * float(np.trace(slope))
        by_kernel = compared.slopes(theta[:-2], scale * slope)
        return value, np.append(by_kernel, [by_scale, by_noise])

    def given(self, theta: Vector, features: Rows, targets: Vector) -> GaussianPosterior:
        """Condition on all rows with these hyper-parameters."""
        _, mean, scale = standardized(targets)
        return GaussianPosterior(self.kernel, theta, features, targets, mean, scale)


@dataclass(frozen=True)
class GaussianPosterior:
    """A Gaussian process conditioned on rows. Means and deviations are in the unit of the targets, without noise.

    Attributes:
        theta: hyper-parameters of the kernel, log s², log σ²; the last two for standardised targets.
        mean, scale: what was taken out of the targets and what they were divided by.
    """

    kernel: Kernel
    theta: Vector
    features: Rows
    targets: Vector
    mean: float
    scale: float

    @cached_property
    def _standard(self) -> Vector:
        standard: Vector = (self.targets - self.mean) / self.scale
        return standard

    @cached_property
    def _factor(self) -> Matrix:
        import numpy as np

        covariance = self._covariance(self.features, self.features)
        covariance[np.diag_indices(len(covariance))] += np.exp(self.theta[-1])
        return cholesky(covariance)

    @cached_property
    def alpha(self) -> Vector:
        """K⁻¹y: how much each standardised target weighs in the posterior mean."""
        from scipy.linalg import cho_solve

        found: Vector = cho_solve((self._factor, True), self._standard, check_finite=False)
        return found

    @property
    def noise(self) -> float:
        """Standard deviation σ of the noise, in the unit of the targets."""
        import numpy as np

        return float(np.exp(0.5 * self.theta[-1])) * self.scale

    def predict(self, features: Rows) -> tuple[Vector, Vector]:
        """Return posterior mean and deviation of each row (algorithm 2.1)."""
        import numpy as np
        from scipy.linalg import solve_triangular

        across = self._covariance(self.features, features)
        shrunk = solve_triangular(self._factor, across, lower=True, check_finite=False)
        variance = np.exp(self.theta[-2]) - np.einsum("ij,ij->j", shrunk, shrunk)
        return self.mean + self.scale * (across.T @ self.alpha), self.scale * np.sqrt(np.maximum(variance, 1e-12))

    def fitted(self) -> Vector:
        """Return the posterior mean at the training rows: y − σ²·K⁻¹y."""
        import numpy as np

        y = self._standard
        return np.asarray(self.mean + self.scale * (y - np.exp(self.theta[-1]) * self.alpha))

    def held_out(self) -> Vector:
        """Return the leave-one-out predictions of the training rows."""
        return self.left_out()[0]

    def left_out(self) -> tuple[Vector, Vector]:
        """Return mean and deviation, noise included, of each target given all others (equations 5.10–5.12)."""
        import numpy as np
        from scipy.linalg.lapack import dpotri

        y = self._standard
        precision = np.diag(dpotri(self._factor, lower=1)[0])
        return self.mean + self.scale * (y - self.alpha / precision), self.scale / np.sqrt(precision)

    def joint(self, features: Rows) -> tuple[Vector, Matrix]:
        """Return the mean of each row and the covariance between all of them, shape (n, n), without noise."""
        from scipy.linalg import solve_triangular

        across = self._covariance(self.features, features)
        shrunk = solve_triangular(self._factor, across, lower=True, check_finite=False)
        covariance = self._covariance(features, features) - shrunk.T @ shrunk
        return self.mean + self.scale * (across.T @ self.alpha), self.scale**2 * covariance

    def sample(self, features: Rows, rng: random.Random) -> Vector:
        """Return one function drawn from the posterior, at each row, without noise."""
        import numpy as np

        mean, covariance = self.joint(features)
        luck = np.array([rng.gauss(0.0, 1.0) for _ in range(len(features))])
        return np.asarray(mean + cholesky(covariance) @ luck)

    def distances(self, first: Rows, second: Rows) -> Matrix:
        """Return √(2 − 2k) between all rows: 0 for equal ones, √2 for those that have nothing to do with another."""
        import numpy as np

        correlation = self._covariance(first, second) / np.exp(self.theta[-2])
        return np.asarray(np.sqrt(np.maximum(2.0 - 2.0 * correlation, 0.0)))

    def believing(self, features: Rows, values: Vector | None = None) -> GaussianPosterior:
        """Return the posterior that takes these rows for observed: at `values`, or at its own mean."""
        import numpy as np

        if not len(features):
            return self
        if values is None:
            values, _ = self.predict(features)
        rows = np.concatenate([self.features, features])
        return replace(self, features=rows, targets=np.concatenate([self.targets, values]))

    def _covariance(self, first: Rows, second: Rows) -> Matrix:
        import numpy as np

        theta, scale = self.theta[:-2], np.exp(self.theta[-2])
        starts = range(0, len(first), BLOCK)
        blocks = [self.kernel.compare(first[i : i + BLOCK], second).correlation(theta) for i in starts]
        return np.asarray(scale * np.concatenate(blocks))
