"""From zero-cost scores to one vote, and how far the vote is to be trusted.

Scores have no unit, so only their ranks count: the vote of an architecture is the mean over proxies of log(rank / n),
the rule of AZ-NAS (Lee and Ham, CVPR 2024, eq. 9). One bad rank weighs more than one good one helps. Trainings teach
better weights: ridge regression on the log-ranks, shrunk towards equal ones.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from searchitect.predictors.targets import normal_scores, rank_correlation

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Vector = npt.NDArray[np.float64]
    Matrix = npt.NDArray[np.float64]

__all__ = [
    "FEWEST_TO_LEARN",
    "Trust",
    "bands_of",
    "learned_weights",
    "log_ranks",
    "score_matrix",
    "trust_card",
    "votes",
]

FEWEST_TO_LEARN = 20
"""Complete trials from which on the weights of the proxies are learned."""

FEWEST_FOR_TRUST = 5
"""Complete trials below which nothing is said of a proxy."""

WIDTH = 1.96
"""Standard errors on each side of an interval: 95 %."""

RIDGES = (0.3, 1.0, 3.0, 10.0, 30.0, 100.0)


@dataclass(frozen=True, slots=True)
class Trust:
    """How well one proxy has ranked the finished trials.

    Attributes:
        correlation: Spearman's ρ of score and result, where higher is better for both; None with too few pairs or
            where one side is constant.
        low, high: its 95 % interval; −1 and 1 where there is no correlation.
        count: finished trials that have both.
    """

    correlation: float | None
    low: float
    high: float
    count: int

    @property
    def is_off(self) -> bool:
        """Whether the whole interval lies below zero: the proxy misleads here."""
        return self.high < 0.0


def score_matrix(scores: Sequence[Mapping[str, float]], names: Sequence[str]) -> Matrix:
    """Return one row for each architecture, one column for each proxy; NaN where a score is missing."""
    import numpy as np

    rows = [[one.get(name, math.nan) for name in names] for one in scores]
    return np.array(rows, dtype=np.float64).reshape(len(scores), len(names))


def log_ranks(matrix: Matrix, bands: Sequence[int] | None = None) -> Matrix:
    """Return log(rank / n) of each score within its column, and band; 0 is the best, NaN where there is no score.

    rank counts from 1 for the worst, equal scores share their mean rank, and n is the number of scores in the column.

    Args:
        bands: the band of each row; rows are ranked among those of their own band.
    """
    import numpy as np
    from scipy.stats import rankdata

    found = np.full(matrix.shape, math.nan)
    places = np.zeros(len(matrix), dtype=int) if bands is None else np.asarray(bands)
    for band in np.unique(places):
        for column in range(matrix.shape[1]):
            held = (places == band) & np.isfinite(matrix[:, column])
            if held.any():
                found[held, column] = np.log(rankdata(matrix[held, column]) / held.sum())
    return found


def bands_of(sizes: Sequence[float], count: int) -> list[int]:
    """Return the band of each architecture: `count` bands of as many architectures each, by size; unknown is small."""
    import numpy as np
    from scipy.stats import rankdata

    known = np.nan_to_num(np.asarray(sizes, dtype=np.float64), nan=-np.inf, neginf=-np.inf)
    ranks = rankdata(known, method="ordinal") - 1
    return [int(rank * count // max(1, len(ranks))) for rank in ranks]


def votes(ranks: Matrix, weights: Vector | None = None) -> Vector:
    """Return the weighted mean of each row's log-ranks; NaN where fewer than half of the weight has a score.

    A proxy that failed on an architecture is left out for that one.
    """
    import numpy as np

    share = np.ones(ranks.shape[1]) if weights is None else weights
    held = np.isfinite(ranks)
    weight = (held * share).sum(axis=1)
    total = (np.where(held, ranks, 0.0) * share).sum(axis=1)
    enough = weight >= max(1e-12, 0.5 * float(share.sum()))
    mean: Vector = np.where(enough, total / np.where(enough, weight, 1.0), math.nan)
    return mean


def trust_card(matrix: Matrix, losses: Vector, names: Sequence[str]) -> dict[str, Trust]:
    """Return how well each proxy ranks the trials of these losses (smaller is better), with an interval.

    The interval is that of Fisher's z with the variance (1 + ρ²/2) / (n − 3) of Bonett and Wright, "Sample size
    requirements for estimating Pearson, Kendall and Spearman correlations", Psychometrika 2000.
    """
    import numpy as np

    return {
        name: _trust(matrix[held, column], losses[held])
        for column, name in enumerate(names)
        for held in [np.isfinite(matrix[:, column])]
    }


def _trust(scores: Vector, losses: Vector) -> Trust:
    count = len(losses)
    found = rank_correlation(scores, -losses)
    if found is None or count < FEWEST_FOR_TRUST:
        return Trust(None, -1.0, 1.0, count)
    middle = math.atanh(min(max(found, -0.999), 0.999))
    half = WIDTH * math.sqrt((1.0 + found**2 / 2.0) / (count - 3))
    return Trust(found, math.tanh(middle - half), math.tanh(middle + half), count)


def learned_weights(ranks: Matrix, losses: Vector) -> Vector:
    """Return the weight of each proxy after these trials; none is below 0, and they sum to 1.

    Ridge regression of the results' normal scores on standardised log-ranks, shrunk towards the equal vote instead of
    towards nothing: with few trials, or proxies that say the same, the equal vote stays. How far it is shrunk is chosen
    by the leave-one-out error. A missing score counts as an average one.
    """
    import numpy as np

    columns = ranks.shape[1]
    spread = np.nanstd(ranks, axis=0)
    scale = np.where(spread > 1e-12, spread, 1.0)
    rows = np.nan_to_num((ranks - np.nanmean(ranks, axis=0)) / scale)
    targets = normal_scores(-losses)
    together = rows.mean(axis=1)
    slope = max(0.0, float(together @ targets) / max(1e-12, float(together @ together)))
    start = np.full(columns, slope / columns)
    best = min((_shrunk(rows, targets, start, ridge) for ridge in RIDGES), key=lambda found: found[0])[1]
    weights = np.maximum(best, 0.0) / scale
    total = float(weights.sum())
    return weights / total if total > 0 else np.full(columns, 1.0 / columns)


def _shrunk(rows: Matrix, targets: Vector, start: Vector, ridge: float) -> tuple[float, Vector]:
    """The leave-one-out error and the coefficients of ridge regression around `start`."""
    import numpy as np

    left = targets - rows @ start
    inverse = np.linalg.inv(rows.T @ rows + ridge * np.eye(rows.shape[1]))
    change = inverse @ rows.T @ left
    leverage = np.einsum("ij,jk,ik->i", rows, inverse, rows)
    error = float(np.mean(((left - rows @ change) / np.maximum(1e-6, 1.0 - leverage)) ** 2))
    return error, start + change
