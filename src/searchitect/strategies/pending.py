"""What a Gaussian process makes of trials that still run, so that parallel asks do not all propose the same.

Ginsbourger, Le Riche and Carraro, "Kriging is well-suited to parallelize optimization", 2010 (kriging believer and
constant liar); González, Dai, Hennig and Lawrence, "Batch Bayesian optimization via local penalization", AISTATS 2016.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from searchitect.predictors.gaussian_process import evenly

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from searchitect.predictors.gaussian_process import GaussianPosterior
    from searchitect.predictors.kernels import Rows

    Vector = npt.NDArray[np.float64]

__all__ = ["PENDING", "Pending", "assumed", "log_penalty", "steepest"]

Pending = Literal["believer", "liar", "penalize"]
PENDING = ("believer", "liar", "penalize")

STEEPEST_POINTS = 200
"""Rows between which the steepest slope is looked for."""


def assumed(posterior: GaussianPosterior, running: Rows, best: float, how: Pending) -> GaussianPosterior:
    """Return the posterior that takes running trials for observed: at its own mean, or (the liar) as good as the best.

    Args:
        running: one row per running trial.
        best: the best posterior mean.
        how: "penalize" leaves the posterior as it is: `log_penalty` keeps the asks apart.
    """
    import numpy as np

    if how == "penalize" or not len(running):
        return posterior
    return posterior.believing(running, None if how == "believer" else np.full(len(running), best))


def log_penalty(posterior: GaussianPosterior, rows: Rows, running: Rows, best: float) -> Vector:
    """Return Σⱼ log φ(x; xⱼ) over the running trials (eq. 8): how likely x lies outside the ball that xⱼ rules out.

    A value μ ± σ at xⱼ and a slope of at most L keep the optimum away from xⱼ by at least (μ − best) / L, hence
    φ = Φ((L·|x − xⱼ| + best − μ) / σ). Distances are those of the kernel, √(2 − 2k), so that choices, numbers and
    graphs all have one.

    Args:
        rows: candidates (n); the result has shape (n,) and is at most 0.
        running: one row per running trial.
        best: the best posterior mean; smaller is better.
    """
    from scipy.special import log_ndtr

    means, deviations = posterior.predict(running)
    reach = steepest(posterior) * posterior.distances(rows, running)
    penalty: Vector = log_ndtr((reach + best - means) / deviations).sum(axis=1)
    return penalty


def steepest(posterior: GaussianPosterior) -> float:
    """Return L: the largest slope between the posterior means of observed architectures, per unit of distance."""
    import numpy as np

    places = evenly(len(posterior.features), STEEPEST_POINTS)
    means, rows = posterior.fitted()[places], posterior.features[places]
    apart = posterior.distances(rows, rows)
    slopes = np.abs(means[:, None] - means[None, :])[apart > 1e-6] / apart[apart > 1e-6]
    return float(slopes.max(initial=0.0))
