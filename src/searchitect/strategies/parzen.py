"""Parzen windows over the unit cube of a space: categories, numbers, and decisions that are not always there.

One component per architecture and one for the prior, all equally heavy. A component is a product of kernels down the
tree of decisions: a decision that is active there is drawn near its value, one that is not follows the prior. So a
conditional decision is judged by the architectures that have it, and jointly with all others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from searchitect.spaces.describing import Decision
from searchitect.spaces.search_space import SearchSpace

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Vector = npt.NDArray[np.float64]
    Matrix = npt.NDArray[np.float64]
    Mask = npt.NDArray[np.bool_]

__all__ = ["Column", "Parzen", "columns_of"]

WIDTH = 0.2
"""Bandwidth of a number is this times n^(-1/(d+4)) of its range (Scott's rule)."""

POINT = 1e-4
"""Half the width of the interval that stands for a real number."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the unit cube.

    Attributes:
        prior: probability of each category; empty for a number.
        half: of a number: half the width of the interval that one value owns.
    """

    prior: tuple[float, ...] = ()
    half: float = POINT


def columns_of(space: SearchSpace) -> list[Column]:
    """Describe every column of `space.encode(…, "unit_cube")`."""
    return [column for decision in space.decisions() for column in _columns(decision)]


def _columns(decision: Decision) -> list[Column]:
    if decision.kind == "subset":
        assert decision.options is not None
        return [Column((0.5, 0.5))] * len(decision.options)
    if decision.options is not None:
        count = len(decision.options)
        weights = decision.weights or (1.0,) * count
        return [Column(tuple(weight / sum(weights) for weight in weights))]
    if decision.kind == "real" or decision.log:
        return [Column()]
    assert decision.low is not None
    assert decision.high is not None
    return [Column(half=0.5 / ((decision.high - decision.low) // (decision.step or 1) + 1))]


class Parzen:
    """A mixture of product kernels.

    Args:
        centres: the architectures, shape (n, columns).
        active: which of their columns count, the same shape.
    """

    def __init__(self, columns: list[Column], centres: Matrix, active: Mask) -> None:
        self._columns, self._centres, self._active = columns, centres, active
        self._kernels = len(centres) + 1
        width = WIDTH * self._kernels ** (-1 / (len(columns) + 4))
        self._bandwidth = max(width, 1 / min(100, self._kernels))

    def draw(self, rng: np.random.Generator, count: int) -> Matrix:
        """Return points of the unit cube, shape (count, columns)."""
        import numpy as np

        points = rng.random((count, len(self._columns)))  # the prior of numbers
        chosen = rng.integers(self._kernels, size=count)
        near = np.nonzero(chosen < len(self._centres))[0]
        for place, column in enumerate(self._columns):
            if column.prior:
                points[:, place] = _places(column, rng.choice(len(column.prior), size=count, p=column.prior))
            rows = near[self._active[chosen[near], place]]
            centres = self._centres[chosen[rows], place]
            if column.prior:
                # (1[v = centre] + c·prior(v)/K) / (1 + c/K): the centre, or once in a while another draw
                stays = rng.random(len(rows)) < 1 / (1 + len(column.prior) / self._kernels)
                points[rows[stays], place] = centres[stays]
            else:
                points[rows, place] = _truncated(centres, self._bandwidth, rng.random(len(rows)))
        return points

    def log_density(self, points: Matrix, active: Mask) -> Vector:
        """Return the logarithm of the probability of each point, shape (m,)."""
        import numpy as np
        from scipy.special import logsumexp

        logs = np.zeros((len(points), self._kernels))
        for place, column in enumerate(self._columns):
            there = active[:, place]
            if there.any():
                logs[there] += self._log_kernels(place, column, points[there, place])
        total: Vector = logsumexp(logs, axis=1) - np.log(self._kernels)
        return total

    def _log_kernels(self, place: int, column: Column, values: Vector) -> Matrix:
        """One column: values against all components, the prior last."""
        import numpy as np

        centres, active = self._centres[:, place], self._active[:, place]
        if column.prior:
            prior, kernels = _categorical(column, values, centres, self._kernels)
        else:
            prior, kernels = _numeric(column, values, centres, self._bandwidth)
        kernels = np.where(active, kernels, prior[:, None])
        return np.log(np.maximum(np.hstack([kernels, prior[:, None]]), 1e-300))


def _categorical(column: Column, values: Vector, centres: Vector, kernels: int) -> tuple[Vector, Matrix]:
    import numpy as np

    count = len(column.prior)
    cells, own = _cells(column, values), _cells(column, centres)
    prior = np.array(column.prior)[cells]
    weight = count / kernels
    return prior, ((cells[:, None] == own) + weight * prior[:, None]) / (1 + weight)


def _numeric(column: Column, values: Vector, centres: Vector, bandwidth: float) -> tuple[Vector, Matrix]:
    import numpy as np
    from scipy.special import ndtr

    low, high = np.maximum(values - column.half, 0.0), np.minimum(values + column.half, 1.0)
    inside = ndtr((1.0 - centres) / bandwidth) - ndtr(-centres / bandwidth)
    mass = ndtr((high[:, None] - centres) / bandwidth) - ndtr((low[:, None] - centres) / bandwidth)
    return high - low, mass / inside


def _truncated(centres: Vector, bandwidth: float, quantiles: Vector) -> Vector:
    from scipy.special import ndtr, ndtri

    low, high = ndtr(-centres / bandwidth), ndtr((1.0 - centres) / bandwidth)
    drawn: Vector = centres + bandwidth * ndtri(low + quantiles * (high - low))
    return drawn.clip(0.0, 1.0)


def _cells(column: Column, values: Vector) -> npt.NDArray[np.int64]:
    count = len(column.prior)
    return (values * count).astype("int64").clip(0, count - 1)


def _places(column: Column, cells: npt.NDArray[np.int64]) -> Vector:
    return (cells + 0.5) / len(column.prior)
