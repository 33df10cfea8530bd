"""A covariance of three parts: what each decision adds by itself, what pairs of decisions add, and everything else.

    k = π₁·e₁ + π₂·e₂ + π₃·∏     e₁ = mean over decisions of c_d,   e₂ = mean over pairs of decisions of c_d·c_d'

c_d is 1 where two architectures agree in decision d and 0 where they do not; for numbers it is Matérn-5/2; a decision
that is inactive in both agrees. e₁ and e₂ are the first two elementary symmetric polynomials (Duvenaud, Nickisch and
Rasmussen, "Additive Gaussian processes", NeurIPS 2011, equations 3 to 5), ∏ is the product of `DecisionKernel`. The
shares π sum to 1 and are learned.

The product alone forgets with distance: after a few trials in a good region it knows nothing of what lies two decisions
away. The first two parts carry what was learned of an option to wherever else it occurs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from searchitect.predictors.kernels import Columns, DecisionComparison, DecisionKernel, Prior, matern

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from searchitect.predictors.kernels import Rows

    Vector = npt.NDArray[np.float64]
    Matrix = npt.NDArray[np.float64]

__all__ = ["EffectsKernel"]

SMOOTH = 1.5
"""λ of numbers in e₁ and e₂: the two ends of a range agree by 0.4."""

SHARES = 1.5
"""Prior deviation of log π₁/π₃ and log π₂/π₃; their prior mean is 0."""


@dataclass(frozen=True)
class EffectsKernel:
    """The mixture that is described above.

    Hyper-parameters theta: those of `DecisionKernel`, then log π₁/π₃ and log π₂/π₃.
    """

    columns: Columns

    def prior(self) -> Prior:
        import numpy as np

        inner = DecisionKernel(self.columns).prior()
        return Prior(
            np.append(inner.mean, [0.0, 0.0]),
            np.append(inner.deviation, [SHARES, SHARES]),
            np.append(inner.low, [-6.0, -6.0]),
            np.append(inner.high, [6.0, 6.0]),
        )

    def compare(self, first: Rows, second: Rows) -> _Compared:
        compared = DecisionKernel(self.columns).compare(first, second)
        return _Compared(compared, *_effects(compared, len(self.columns.scale)))


def _effects(compared: DecisionComparison, count: int) -> tuple[Matrix, Matrix]:
    """e₁ and e₂. A column that is inactive everywhere is not among those compared: it agrees."""
    import numpy as np

    agree: Matrix = count - len(compared.apart) - compared.unequal.sum(axis=0)
    if compared.lone is not None:
        agree -= compared.lone  # numbers too: they count as agreeing below
    squares = agree.copy()
    for _, distance, both in compared.apart:
        base, _ = matern(SMOOTH * distance)
        agree += base if both is None else np.where(both > 0, base, 1.0)
        squares += base**2 if both is None else np.where(both > 0, base**2, 1.0)
    if count < 2:
        return agree / max(1, count), agree / max(1, count)
    return agree / count, (agree**2 - squares) / (count * (count - 1))


@dataclass(frozen=True)
class _Compared:
    """Differences of two sets of rows, and their e₁ and e₂."""

    product: DecisionComparison
    single: Matrix
    pairs: Matrix

    def correlation(self, theta: Vector) -> Matrix:
        return self._mixed(_shares(theta), self.product.correlation(theta[:-2]))

    def slopes(self, theta: Vector, weights: Matrix) -> Vector:
        import numpy as np

        shares = _shares(theta)
        mixed = self._mixed(shares, self.product.correlation(theta[:-2]))
        # ∂k/∂log π₁/π₃ = π₁·(e₁ − k), likewise the second.
        parts = enumerate((self.single, self.pairs))
        by_share = [shares[i] * float((weights * (part - mixed)).sum()) for i, part in parts]
        return np.append(self.product.slopes(theta[:-2], shares[2] * weights), by_share)

    def _mixed(self, shares: Vector, product: Matrix) -> Matrix:
        mixed: Matrix = shares[0] * self.single + shares[1] * self.pairs + shares[2] * product
        return mixed


def _shares(theta: Vector) -> Vector:
    """π₁, π₂, π₃."""
    import numpy as np

    sizes: Vector = np.exp(np.append(theta[-2:], 0.0))
    shares: Vector = sizes / sizes.sum()
    return shares
