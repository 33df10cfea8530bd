"""A scale on which a few collapsed models do not hide the differences between good ones.

One layer that no gradient passes leaves an accuracy of chance; on its own scale such a tail makes every model of the
response unsure everywhere. The distance to the best loss is therefore logged where that makes left-out results more
probable (a warped Gaussian process: Snelson, Rasmussen and Ghahramani 2004): good models lie apart, bad ones together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from searchitect.objectives import Objective

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Vector = npt.NDArray[np.float64]

__all__ = ["Warp", "log_warp"]

LONG_TAIL = 1.0
"""Skewness of losses from which a logarithm is worth trying; an exponential distribution has 2, a normal one 0."""


@dataclass(frozen=True, slots=True)
class Warp:
    """Values of an objective to what the model is fitted to, and back. Smaller is better on the warped scale.

    Attributes:
        origin, unit: z = log(1 + (loss − origin) / unit); without a unit z is the loss itself.
    """

    objective: Objective
    origin: float = 0.0
    unit: float | None = None

    def forth(self, values: Vector) -> Vector:
        """Values of the objective to the warped scale."""
        import numpy as np

        loss = self._sign * values
        return loss if self.unit is None else np.log1p((loss - self.origin) / self.unit)

    def back(self, warped: Vector) -> Vector:
        """The inverse of `forth`."""
        import numpy as np

        loss = warped if self.unit is None else self.origin + self.unit * np.expm1(warped)
        return np.asarray(self._sign * loss)

    def slope(self, warped: Vector) -> Vector:
        """How fast the value moves with z."""
        import numpy as np

        if self.unit is None:
            return np.full(len(warped), self._sign)
        return np.asarray(self._sign * self.unit * np.exp(warped))

    @property
    def _sign(self) -> float:
        return 1.0 if self.objective.direction == "minimize" else -1.0


def log_warp(values: Vector, objective: Objective) -> Warp | None:
    """Return the logarithmic warp of these values, or None where their bad side has no long tail."""
    import numpy as np

    loss = Warp(objective).forth(values)
    away = loss - loss.mean()
    if float((away**3).mean()) < LONG_TAIL * float((away**2).mean()) ** 1.5:
        return None
    unit = float(np.median(loss) - loss.min())
    return Warp(objective, float(loss.min()), unit) if unit > 0 else None
