"""ParEGO: every proposal weighs the objectives anew, at random, and improves on the weighted sum.

Knowles, "ParEGO: a hybrid algorithm with on-line landscape approximation for expensive multiobjective optimization
problems", IEEE TEC 2006. Each objective has its own Gaussian process, and the scalarisation is taken of what they
predict, as Daulton, Balandat & Bakshy (qParEGO, NeurIPS 2020) do; the paper models the scalarised values themselves.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from searchitect.errors import ConfigError
from searchitect.strategies.acquisition import log_expected_improvement
from searchitect.strategies.front_models import FrontModel
from searchitect.strategies.gaussian_front import GaussianFront
from searchitect.strategies.strategy import Setting

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from searchitect.predictors.kernels import Rows

    Vector = npt.NDArray[np.float64]
    Matrix = npt.NDArray[np.float64]

__all__ = ["ParEGO", "tchebycheff"]

DRAWS = 64
"""Draws of the objectives by which mean and spread of the scalarised value are told."""


class ParEGO(GaussianFront):
    """Improve on the augmented Tchebycheff value max λᵢfᵢ + ρ·Σ λᵢfᵢ, λ drawn evenly from the simplex for each ask.

    Objectives are scaled to the box of the believed front (`FrontModel.box`).

    Args:
        rho: ρ; keeps weakly dominated points from being as good as dominating ones.
        initial, refit_every, candidates, per_cost: see `GaussianFront`.

    Raises:
        ConfigError: ρ is negative, or the study has no model of cost for `per_cost`.
    """

    def __init__(
        self,
        setting: Setting,
        *,
        rho: float = 0.05,
        initial: int | None = None,
        refit_every: int = 5,
        candidates: int = 150,
        per_cost: bool = False,
    ) -> None:
        if rho < 0:
            raise ConfigError(f"rho is a number from 0 on, got {rho!r}")
        super().__init__(
            setting, "parego", initial=initial, refit_every=refit_every, candidates=candidates, per_cost=per_cost
        )
        self._rho = rho

    def _promise(self, model: FrontModel, rows: Rows, rng: random.Random) -> Vector:
        import numpy as np

        weights = _weights(model.means.shape[1], rng)
        low, span = model.box()
        best = tchebycheff((model.means[model.feasible] - low) / span, weights, self._rho).min()
        mean, deviation = model.predict(rows)
        luck = np.random.Generator(np.random.PCG64(rng.getrandbits(64))).standard_normal((DRAWS, 1, len(weights)))
        luck = np.concatenate([luck, -luck])
        values = tchebycheff((mean + deviation * luck - low) / span, weights, self._rho)
        return log_expected_improvement(values.mean(axis=0), np.maximum(values.std(axis=0), 1e-9), float(best))

    def _parents(self, model: FrontModel, rng: random.Random) -> list[int]:
        if not model.feasible:
            return list(range(len(model.trials)))
        low, span = model.box()
        values = tchebycheff((model.means - low) / span, _weights(model.means.shape[1], rng), self._rho)
        return sorted(model.feasible, key=lambda place: values[place])


def tchebycheff(losses: Matrix, weights: Vector, rho: float = 0.05) -> Vector:
    """Return the augmented Tchebycheff value of each row (equation 2): smaller is better; last axis: objectives."""
    import numpy as np

    weighted = losses * weights
    return np.asarray(weighted.max(axis=-1) + rho * weighted.sum(axis=-1))


def _weights(objectives: int, rng: random.Random) -> Vector:
    """An even draw from the simplex."""
    import numpy as np

    parts = np.array([rng.expovariate(1.0) for _ in range(objectives)])
    return np.asarray(parts / parts.sum())
