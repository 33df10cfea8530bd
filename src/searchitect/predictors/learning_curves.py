"""Where a learning curve will end: an ensemble of parametric curves, and the chance that the end beats a given value.

Domhan, Springenberg and Hutter, "Speeding up automatic hyperparameter optimization of deep neural networks by
extrapolation of learning curves", IJCAI 2015. Of their families four are kept, all of the form y = c − a·φ(t; θ) with
a ≥ 0 and φ falling to 0: pow3 t^−θ, exp3 e^−θt, log-power 1/(1 + (t/θ₁)^θ₂) and ilog2 1/log(t + 1). θ lies on a grid,
so that c and a are a weighted linear regression in closed form, and a bootstrap of hundreds of refits is one matrix
product instead of a Markov chain.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from searchitect.seeding import derive

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Vector = npt.NDArray[np.float64]
    Matrix = npt.NDArray[np.float64]

__all__ = ["FEWEST_POINTS", "Extrapolation", "extrapolate", "probability_of_beating"]

FEWEST_POINTS = 4
"""Of fewer points nothing is concluded."""

REFITS = 300
"""Bootstrap samples."""

PRIOR_FREEDOM = 1.0
"""Degrees of freedom of the prior of the noise: four points on a curve do not prove that there is none."""

PRIOR_NOISE = 0.08
"""Standard deviation of that prior, as a share of the curve's range."""

GAIN = 1.0
"""Standard deviation of the prior of what is still to be gained, as a share of what was: a curve that has only begun
to rise fits members that rise for ever."""

RECENT = 1.0
"""A point at step t counts as t to this power: what was learned last says most about what will be."""


@dataclass(frozen=True, slots=True)
class Extrapolation:
    """What the ensemble says of one curve.

    Attributes:
        means: the value at the horizon by each refit, shape (refits,).
        noise: standard deviation of a single value around the curve, for each refit.
    """

    means: Vector
    noise: Vector

    def probability_above(self, value: float) -> float:
        """The chance that a single evaluation at the horizon is above `value`."""
        from scipy.special import ndtr

        return float(ndtr((self.means - value) / self.noise).mean())


def probability_of_beating(
    curve: Sequence[tuple[float, float]], horizon: float, incumbent: float, *, seed: int
) -> float:
    """Return the chance, in 0..1, that the curve's value at `horizon` is above `incumbent`. Larger values are better.

    Where smaller is better give the negative of both. Where an evaluation keeps its best epoch give the best so far.
    A pure function of its arguments: the same seed, the same answer.

    Args:
        curve: (step, value) pairs in any order, steps in the unit of `horizon`; what is not finite is left out.
        horizon: the last step of the whole training.
        incumbent: the value to beat.

    Returns:
        1 or 0 where the horizon is reached, and 0.5 of fewer than `FEWEST_POINTS` points: nothing is known then.
    """
    points = _sound(curve)
    if points and points[-1][0] >= horizon:
        return float(points[-1][1] > incumbent)
    if len(points) < FEWEST_POINTS or not math.isfinite(incumbent):
        return 0.5
    return extrapolate(points, horizon, seed=seed).probability_above(incumbent)


def extrapolate(curve: Sequence[tuple[float, float]], horizon: float, *, seed: int) -> Extrapolation:
    """Fit the ensemble to a curve and to `REFITS` curves drawn around it, and return where each ends.

    A refit follows one member of the ensemble, drawn by its likelihood, so disagreement between the families widens
    the answer as noise does.

    Raises:
        ValueError: there are fewer than `FEWEST_POINTS` points before the horizon.
    """
    import numpy as np

    points = [(step, value) for step, value in _sound(curve) if step < horizon]
    if len(points) < FEWEST_POINTS:
        raise ValueError(f"a curve of {len(points)} points cannot be extrapolated, {FEWEST_POINTS} are needed")
    rng = np.random.default_rng(derive(seed, "learning curve"))
    steps, values = np.array(points, dtype=np.float64).T
    shift = max(0.0, 1.0 - float(steps[0]))  # steps that count from 0 begin at 1
    ensemble = _Ensemble(steps + shift, horizon + shift)
    scale = float(np.ptp(values)) or max(abs(float(values[-1])), 1.0) * 1e-3
    fitted, squares = ensemble.best_fit(values)
    freedom = max(ensemble.size - 3.0, 0.0) + PRIOR_FREEDOM
    spread = ensemble.size * squares + PRIOR_FREEDOM * (PRIOR_NOISE * scale) ** 2
    noise = np.sqrt(spread / rng.chisquare(freedom, REFITS))
    drawn = fitted + noise[:, None] * rng.standard_normal((REFITS, len(values)))
    return Extrapolation(ensemble.ends(drawn, noise, rng), noise)


class _Ensemble:
    """Every family at every place of its grid: weighted regressions on one column each.

    Attributes:
        size: how many equally weighted points the weighted ones are worth.
    """

    def __init__(self, steps: Vector, horizon: float) -> None:
        import numpy as np

        weights = steps**RECENT
        self._weights = weights / weights.sum()
        self.size = 1.0 / float((self._weights**2).sum())
        columns, log_prior = _falling(np.append(steps, horizon), horizon)
        self._centres = columns[:, :-1] @ self._weights
        self._columns = columns[:, :-1] - self._centres[:, None]
        self._beyond = columns[:, -1] - self._centres
        self._lengths = np.maximum((self._columns**2) @ self._weights, 1e-300)
        self._log_prior = log_prior

    def best_fit(self, values: Vector) -> tuple[Vector, float]:
        """The best member's curve at the steps, and its weighted mean square."""
        means, slopes, squares = self._fit(values[None, :])
        best = int(squares[0].argmin())
        return means[0] + slopes[0, best] * self._columns[best], float(squares[0, best])

    def ends(self, values: Matrix, noise: Vector, rng: np.random.Generator) -> Vector:
        """Of each curve, shape (refits, n): the value at the horizon by a member drawn by its likelihood."""
        import numpy as np

        means, slopes, squares = self._fit(values)
        ends = means[:, None] + slopes * self._beyond
        gain = (ends - values[:, -1:]) / (GAIN * np.ptp(values, axis=1)[:, None])
        logs = self._log_prior - 0.5 * self.size * squares / noise[:, None] ** 2 - 0.5 * gain**2
        # The largest of log-weights with Gumbel noise is a draw by the weights.
        chosen = (logs + rng.gumbel(size=logs.shape)).argmax(axis=1)
        found: Vector = ends[np.arange(len(values)), chosen]
        return found

    def _fit(self, values: Matrix) -> tuple[Vector, Matrix, Matrix]:
        """Weighted means (r,), slopes (r, members), never above 0 as a ≥ 0 demands, and mean squares (r, members)."""
        import numpy as np

        means = values @ self._weights
        apart = values - means[:, None]
        products = (apart * self._weights) @ self._columns.T
        slopes = np.minimum(products / self._lengths, 0.0)
        total = (apart**2) @ self._weights
        squares = np.maximum(total[:, None] - slopes**2 * self._lengths, 0.0)
        return means, slopes, squares


def _falling(steps: Vector, horizon: float) -> tuple[Matrix, Vector]:
    """φ of every member at the steps, shape (members, n), and log-priors that make the four families equally likely."""
    import numpy as np

    share = steps / horizon
    power = share ** -np.geomspace(0.1, 3.0, 12)[:, None]
    exponential = np.exp(-np.geomspace(2.0, 60.0, 12)[:, None] * share)
    halves, bends = (axis.reshape(-1, 1) for axis in np.meshgrid(np.geomspace(0.01, 0.6, 6), (1.0, 2.0, 4.0)))
    log_power = 1.0 / (1.0 + (share / halves) ** bends)
    logarithm = 1.0 / np.log(steps + 1.0)[None, :]
    families = (power, exponential, log_power, logarithm)
    prior = np.concatenate([np.full(len(family), -math.log(len(family))) for family in families])
    return np.concatenate(families), prior


def _sound(curve: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The finite points by step; of several at one step the last."""
    kept = {float(step): float(value) for step, value in curve if math.isfinite(step) and math.isfinite(value)}
    return sorted(kept.items())
