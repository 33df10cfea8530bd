"""A Gaussian process whose parts are the parts of functional ANOVA: main effects, pairs, and three decisions at once.

    y(x) = m + Σ_d f_d(x_d) + f₂(x) + f₃(x) + noise,   k = Σ_d σ_d² c_d + τ₂ e₂(w·c) + τ₃ e₃(w·c)

c_d is the covariance of independent level effects after their mean over the space's shares is taken out, so that a draw
of f_d is a main effect and nothing else (Durrande, Ginsbourger, Roustant and Carraro, "ANOVA kernels and RKHS of zero
mean functions", 2013, equation 10). e₂ and e₃ are elementary symmetric polynomials over decisions (Duvenaud,
Nickisch and Rasmussen 2011); each order has unit variance before τ. Decisions that matter interact more: w_d grows
with σ_d.

Levels that were seen seldom are shrunk, more levels than rows are no obstacle, and a searcher's preference for some
rows is no bias as long as the model is right: effects are those of one decision given all others, averaged over the
space's own shares and not over what was tried.

Where a decision is not there its effect is zero, and its effects average to zero where it is there: that it is there
at all belongs to the decision that brings it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from searchitect.predictors.gaussian_process import cholesky, evenly
from searchitect.predictors.targets import standardized

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from searchitect.explain.searches.evidence import Factor

    Vector = npt.NDArray[np.float64]
    Matrix = npt.NDArray[np.float64]
    Codes = npt.NDArray[np.int64]

    Loss = Callable[[Vector], tuple[float, Vector]]

__all__ = ["AnovaPosterior", "AnovaProcess", "Column", "Spread", "columns_of"]

MEDIANS = (0.5, 0.2, 0.1, 0.2)
"""Prior medians of Σ σ_d², τ₂, τ₃ and the noise, in units of the targets' variance."""

LOOSE = 3.0
"""Prior deviation of their logarithms."""

CENTRE = 10.0
"""Prior variance of the mean m, in the same unit."""

SPIKE_MAIN, SPIKE_PAIR = 0.5, 0.9
"""How likely a sceptic holds it, before seeing any row, that an effect is nothing at all."""


@dataclass(frozen=True, slots=True)
class Column:
    """One decision as the process sees it.

    Attributes:
        loading: (K, r) with loading·loadingᵀ the covariance of the K level effects; rows of unit mean square.
        shares: (K,) of the space.
        active: how likely the decision is there.
        inactive: code of the level at which it is not, or None.
    """

    loading: Matrix
    shares: Vector
    active: float
    inactive: int | None


def columns_of(factors: Sequence[Factor]) -> tuple[Column, ...]:
    """Return the column of each factor."""
    return tuple(_column(factor) for factor in factors)


def _column(factor: Factor) -> Column:
    import numpy as np

    shares = np.asarray(factor.shares)
    there = np.ones(len(shares), dtype=bool)
    if factor.inactive is not None:
        there[factor.inactive] = False
    active = float(shares[there].sum())
    centring = (np.eye(len(shares)) - np.where(there, shares, 0.0) / active) * np.outer(there, there)
    covariance = centring @ centring.T
    size = float(shares @ np.diag(covariance))
    values, vectors = np.linalg.eigh(covariance / size if size > 0 else covariance)
    kept = values > 1e-9
    return Column(vectors[:, kept] * np.sqrt(values[kept]), shares, active, factor.inactive)


@dataclass(frozen=True, slots=True)
class Spread:
    """What is believed of the variance that one effect brings, as draws, in units of the targets' variance.

    Attributes:
        sceptic: (draws,) where the effect may well be nothing.
        open: (draws,) where it is surely something: deviations of all sizes are alike beforehand.
        effects: (levels,) mean of the effect itself, in units of the targets' deviation, by the sceptic.
    """

    sceptic: Vector
    open: Vector
    effects: Vector


@dataclass(frozen=True)
class AnovaProcess:
    """See the module.

    Args:
        columns: of the d decisions.
        nested: pairs (a, b), a < b, one of which decides whether the other is there: they have no effect as a pair.
        iterations: most steps of the quasi-Newton method, twice.
        fit_rows: variances are learned from at most so many rows; the posterior rests on all.
    """

    columns: tuple[Column, ...]
    nested: frozenset[tuple[int, int]] = frozenset()
    iterations: int = 40
    fit_rows: int = 500

    def fit(self, codes: Codes, targets: Vector) -> AnovaPosterior:
        """Learn the variances (maximum a posteriori) and condition on all rows; O(n³), nothing is random.

        Args:
            codes, targets: (n, d) and (n,), the targets not all alike.
        """
        import numpy as np

        y, mean, scale = standardized(targets)
        chosen = evenly(len(y), self.fit_rows)
        count = len(self.columns)
        weights = np.array([float(column.loading.shape[1] > 0) for column in self.columns])
        start = np.log([*[MEDIANS[0] / count] * count, *MEDIANS[1 : 1 + len(self._orders(weights))], MEDIANS[3]])
        theta = self._learned(codes[chosen], y[chosen], weights, start, start, self.iterations)
        weights = weights * _heredity(theta[:count])
        theta = self._learned(codes[chosen], y[chosen], weights, start, theta, self.iterations // 2)
        return AnovaPosterior(self, codes, y, mean, scale, theta, weights)

    def _learned(self, codes: Codes, y: Vector, weights: Vector, prior: Vector, start: Vector, steps: int) -> Vector:
        return _minimized(_loss(self._covariances(codes, weights), y, prior), start, steps)

    def _orders(self, weights: Vector) -> tuple[float, ...]:
        """The mean variance of e₂ and e₃ before they are scaled to 1; orders that there cannot be are left out."""
        import numpy as np

        nested = np.array(sum(weights[a] * weights[b] for a, b in self.nested), dtype=np.float64)
        pairs, triples = (float(total) for total in _symmetric((np.array(w) for w in weights), nested))
        return tuple(size for size in ((pairs, triples) if pairs > 1e-12 else ()) if size > 1e-12)

    def _covariances(self, codes: Codes, weights: Vector, other: Codes | None = None) -> _Covariances:
        """Features of the main effects, and e₂ and e₃ between rows (and others)."""
        import numpy as np

        compared = codes if other is None else other
        features = [column.loading[codes[:, d]] for d, column in enumerate(self.columns)]
        across = features if other is None else [c.loading[other[:, d]] for d, c in enumerate(self.columns)]

        def agreement(d: int) -> Matrix:
            product: Matrix = weights[d] * (features[d] @ across[d].T)
            return product

        nested = sum((agreement(a) * agreement(b) for a, b in self.nested), np.zeros((len(codes), len(compared))))
        sums = _symmetric((agreement(d) for d in range(len(features))), nested)
        sizes = self._orders(weights)
        return _Covariances(features, across, [total / size for total, size in zip(sums, sizes, strict=False)])


def _symmetric(terms: Iterable[Matrix], nested: Matrix) -> tuple[Matrix, Matrix]:
    """e₂ without the products of nested pairs, and e₃, by Newton's identities."""
    import numpy as np

    first, second, third = (np.zeros_like(nested) for _ in range(3))  # power sums; in place, for they may be large
    for term in terms:
        first += term
        power = term * term
        second += power
        power *= term
        third += power
    square = first * first
    pairs: Matrix = (square - second) / 2 - nested
    triples: Matrix = (first * (square - 3 * second) + 2 * third) / 6
    return pairs, triples


def _heredity(main: Vector) -> Vector:
    """w_d: between 0.1 and more, mean about 1."""
    import numpy as np

    sizes = np.exp(main)
    weights: Vector = 0.1 + 0.9 * np.sqrt(sizes / sizes.mean())
    return np.asarray(weights / weights.mean())


@dataclass(frozen=True)
class _Covariances:
    """Main effects as features (one side, the other), interactions as matrices."""

    features: list[Matrix]
    across: list[Matrix]
    dense: list[Matrix]

    def total(self, theta: Vector) -> Matrix:
        """k between all rows, with the variance of the mean, without noise."""
        import numpy as np

        sizes = np.exp(theta)
        spread = np.repeat(sizes[: len(self.features)], [part.shape[1] for part in self.features])
        total: Matrix = CENTRE + (np.concatenate(self.features, 1) * spread) @ np.concatenate(self.across, 1).T
        for size, part in zip(sizes[len(self.features) :], self.dense, strict=False):
            total += size * part
        return total


def _inverse(covariance: Matrix) -> tuple[Matrix, float]:
    """The inverse, and half the logarithm of the determinant."""
    import numpy as np
    from scipy.linalg.lapack import dpotri

    factor = cholesky(covariance)
    lower, _ = dpotri(factor, lower=1)
    return np.tril(lower) + np.tril(lower, -1).T, float(np.log(np.diag(factor)).sum())


def _noisy(covariance: Matrix, theta: Vector) -> Matrix:
    import numpy as np

    covariance[np.diag_indices(len(covariance))] += np.exp(theta[-1]) + 1e-8
    return covariance


def _loss(parts: _Covariances, y: Vector, prior: Vector) -> Loss:
    """Negative log posterior of theta (Rasmussen and Williams 2006, equations 5.8 and 5.9) and its slope."""
    import numpy as np

    count = len(parts.features)
    joined = np.concatenate(parts.features, 1)
    owner = np.repeat(np.arange(count), [part.shape[1] for part in parts.features])

    def loss(theta: Vector) -> tuple[float, Vector]:
        inverse, logarithm = _inverse(_noisy(parts.total(theta), theta))
        alpha = inverse @ y
        score = np.einsum("ij,ij->j", joined, inverse @ joined) - (joined.T @ alpha) ** 2
        by_dense = [float((inverse * part).sum() - alpha @ part @ alpha) for part in parts.dense]
        by_noise = float(np.trace(inverse) - alpha @ alpha)
        slope = np.array([*np.bincount(owner, score, minlength=count), *by_dense, by_noise]) * np.exp(theta) / 2
        away = (theta - prior) / LOOSE
        return float(y @ alpha) / 2 + logarithm + float(away @ away) / 2, slope + away / LOOSE

    return loss


def _minimized(loss: Loss, start: Vector, steps: int) -> Vector:
    import numpy as np
    from scipy.optimize import minimize

    bounds = [(-12.0, 4.0)] * len(start)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": steps})
    return np.asarray(found.x)


class AnovaPosterior:
    """The process conditioned on rows. Variances are in units of the variance of the targets that were given."""

    def __init__(
        self, process: AnovaProcess, codes: Codes, y: Vector, mean: float, scale: float, theta: Vector, weights: Vector
    ) -> None:
        import numpy as np

        self.process, self._codes, self._theta, self._weights = process, codes, theta, weights
        self._mean, self._scale = mean, scale
        parts = process._covariances(codes, weights)
        self._features, self._sizes = parts.features, process._orders(weights)
        self._inverse, _ = _inverse(_noisy(parts.total(theta), theta))
        self._alpha: Vector = self._inverse @ y
        self._tau: Vector = np.exp(theta[len(parts.features) : -1])

    @property
    def noise(self) -> float:
        """Variance of what no effect explains."""
        import math

        return math.exp(self._theta[-1])

    def predict(self, codes: Codes) -> Vector:
        """Return the posterior mean of (m, d) codes, in the unit of the targets."""
        across = self.process._covariances(codes, self._weights, self._codes)
        return self._mean + self._scale * (across.total(self._theta) @ self._alpha)

    def main(self, place: int, random: np.random.Generator, draws: int) -> Spread:
        """What is believed of the main effect of one decision, given all others."""
        import math

        column = self.process.columns[place]
        effect = _Effect(column.loading, column.shares, math.exp(self._theta[place]), SPIKE_MAIN)
        return self._spread(effect, self._features[place], random, draws)

    def pair(self, first: int, second: int, both: float, random: np.random.Generator, draws: int) -> Spread:
        """What is believed of the joint effect of two decisions beyond their main effects.

        Args:
            both: how likely it is that both are there.
        """
        import numpy as np

        one, other = (self.process.columns[place] for place in (first, second))
        shares = np.kron(one.shares, other.shares) * (both / max(one.active * other.active, 1e-12))
        loading: Matrix = np.asarray(np.kron(one.loading, other.loading), dtype=np.float64)
        size = float(self._tau[0] * self._weights[first] * self._weights[second]) / self._sizes[0]
        effect = _Effect(loading, np.asarray(shares, dtype=np.float64), size, SPIKE_PAIR)
        return self._spread(effect, self._joint(first, second), random, draws)

    def pair_scores(self, pairs: Sequence[tuple[int, int]]) -> Vector:
        """Return for each pair how strongly the rows ask for it, per degree of freedom: a cheap first look."""
        import numpy as np

        lengths = [np.square(part).sum(axis=1) for part in self._features]
        weighted = [part * self._alpha[:, None] for part in self._features]
        asked = [float(np.square(weighted[a].T @ self._features[b]).sum()) for a, b in pairs]
        return np.array(
            [one / max(float(lengths[a] @ lengths[b]), 1e-12) for one, (a, b) in zip(asked, pairs, strict=True)]
        )

    def rest(self) -> tuple[float, ...]:
        """Return the posterior mean of the variances that all pairs, and all triples, bring together."""
        import numpy as np

        squares = []
        for d, column in enumerate(self.process.columns):
            covariance = column.loading @ column.loading.T
            integral = (covariance * column.shares) @ covariance  # ∫ c(x, a)·c(x, b) over the shares of x
            squares.append((self._weights[d] ** 2 * integral, self._codes[:, d]))
        terms = (table[np.ix_(rows, rows)] for table, rows in squares)
        nested = np.zeros_like(self._inverse)
        for a, b in self.process.nested:
            (one, i), (other, j) = squares[a], squares[b]
            nested += one[np.ix_(i, i)] * other[np.ix_(j, j)]
        found = []
        for tau, size, total in zip(self._tau, self._sizes, _symmetric(terms, nested), strict=False):
            part = total * (tau / size) ** 2
            learned = float(self._alpha @ part @ self._alpha - (self._inverse * part).sum())
            found.append(max(0.0, float(tau) + learned))
        return tuple(found)

    def _joint(self, first: int, second: int) -> Matrix:
        one, other = self._features[first], self._features[second]
        return (one[:, :, None] * other[:, None, :]).reshape(len(one), -1)

    def _spread(self, effect: _Effect, features: Matrix, random: np.random.Generator, draws: int) -> Spread:
        return effect.spread(features.T @ (self._inverse @ features), features.T @ self._alpha, random, draws)


@dataclass(frozen=True)
class _Effect:
    """One group of features with its variance taken out of the covariance and put on a grid instead."""

    loading: Matrix
    shares: Vector
    size: float
    spike: float

    def spread(self, inner: Matrix, score: Vector, random: np.random.Generator, draws: int) -> Spread:
        """Draw the variance of the effect.

        With M = ZᵀK⁻¹Z and v = ZᵀK⁻¹y, where K holds size·ZZᵀ, the same without that part are M(1 − size·M)⁻¹ and
        (1 − size·M)⁻¹v (Woodbury); the likelihood of every other variance follows in closed form.
        """
        import numpy as np

        if not len(score):
            nothing = np.zeros(draws)
            return Spread(nothing, nothing, np.zeros(len(self.shares)))
        without = np.eye(len(score)) - self.size * inner
        precision = np.linalg.solve(without.T, inner.T).T
        values, vectors = np.linalg.eigh((precision + precision.T) / 2)
        values = np.maximum(values, 0.0)
        turned = vectors.T @ np.linalg.solve(without, score)
        grid = np.concatenate([[0.0], np.geomspace(1e-5, 3.0, 50)])
        at = grid[:, None]
        likelihood = (at * turned**2 / (1 + at * values) - np.log1p(at * values)).sum(axis=1) / 2
        sceptic = np.log([self.spike, *[(1 - self.spike) / (len(grid) - 1)] * (len(grid) - 1)])
        # On the logarithmic grid, √s is the density that is flat in the deviation.
        unbiased = np.concatenate([[-np.inf], np.log(grid[1:]) / 2 - grid[1:]])
        made = []
        for prior in (sceptic, unbiased):
            belief = np.exp(likelihood + prior - (likelihood + prior).max())
            size = grid[random.choice(len(grid), draws, p=belief / belief.sum())][:, None]
            shrunk = size / (1 + size * values)
            own = shrunk * turned + np.sqrt(shrunk) * random.standard_normal((draws, len(values)))
            made.append(own @ (self.loading @ vectors).T)
        return Spread(made[0] ** 2 @ self.shares, made[1] ** 2 @ self.shares, made[0].mean(axis=0))
