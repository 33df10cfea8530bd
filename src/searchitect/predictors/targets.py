"""What a predictor learns: measurements made comparable, and how well two orders agree."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Vector = npt.NDArray[np.float64]

__all__ = ["from_normal_scores", "normal_scores", "rank_agreement", "rank_correlation", "standardized"]


def normal_scores(values: Vector) -> Vector:
    """Return the normal quantile of each value's rank: one collapsed model cannot stretch the scale of all others.

    Blom's positions, (rank − 3/8) / (n + 1/4); equal values share their mean rank. Order is kept.
    """
    from scipy.special import ndtri
    from scipy.stats import rankdata

    scores: Vector = ndtri((rankdata(values) - 0.375) / (len(values) + 0.25))
    return scores


def from_normal_scores(scores: Vector, values: Vector) -> Vector:
    """Return the values whose normal scores among these values would be the given ones.

    Linear between the values, and beyond the outermost as steep as their tenth is.
    """
    import numpy as np

    known, places = np.unique(values, return_index=True)
    at = normal_scores(values)[places]
    found: Vector = np.interp(scores, at, known)
    if len(known) > 1:
        inner = max(1, len(known) // 10)
        for beyond, end, other in ((scores < at[0], 0, inner), (scores > at[-1], -1, -1 - inner)):
            slope = (known[other] - known[end]) / (at[other] - at[end])
            found = np.where(beyond, known[end] + slope * (scores - at[end]), found)
    return found


def standardized(values: Vector) -> tuple[Vector, float, float]:
    """Return the values with mean 0 and standard deviation 1, and the mean and deviation taken out (never 0)."""
    mean, deviation = float(values.mean()), float(values.std())
    scale = deviation if deviation > 1e-12 else 1.0
    return (values - mean) / scale, mean, scale


def rank_correlation(first: Vector, second: Vector) -> float | None:
    """Return Spearman's ρ, or None for fewer than five pairs or where one side is constant."""
    from scipy.stats import rankdata

    if len(first) < 5:
        return None
    one, other = rankdata(first), rankdata(second)
    one, other = one - one.mean(), other - other.mean()
    size = float((one @ one) * (other @ other)) ** 0.5
    return float(one @ other) / size if size > 0 else None


def rank_agreement(first: npt.NDArray[np.float64], second: npt.NDArray[np.float64]) -> Vector:
    """(n,) Spearman's ρ of n pairs of rows or maps, (n, …); 0 where one of a pair is constant: it says nothing."""
    import numpy as np
    from scipy.stats import rankdata

    one, other = (rankdata(rows.reshape(len(rows), -1), axis=1) for rows in (first, second))
    one, other = (ranks - ranks.mean(axis=1, keepdims=True) for ranks in (one, other))
    size = np.sqrt((one**2).sum(axis=1) * (other**2).sum(axis=1))
    agreed: Vector = (one * other).sum(axis=1) / np.where(size > 0, size, np.inf)
    return agreed
