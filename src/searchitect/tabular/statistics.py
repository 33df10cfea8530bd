"""What a comparison says of paired searches: ranks, tests, effect sizes, quantiles of censored counts.

Rows are strategies, columns are seeds; two rows are paired by seed, because the noise of an evaluation depends on the
seed and the architecture alone. Losses: smaller is better.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

__all__ = [
    "average_ranks",
    "holm",
    "mean_and_std",
    "quantile",
    "rank_biserial",
    "ranks",
    "regret_area",
    "wilcoxon",
]

Row = Sequence[float]


def mean_and_std(values: Row) -> tuple[float, float]:
    """Return the mean and the sample standard deviation (n − 1; 0 for a single value)."""
    mean = math.fsum(values) / len(values)
    squares = math.fsum((value - mean) ** 2 for value in values)
    return mean, math.sqrt(squares / (len(values) - 1)) if len(values) > 1 else 0.0


def ranks(losses: Row) -> list[float]:
    """Return the rank of each value, 1 for the smallest; equal values share the mean of their ranks."""
    order = sorted(range(len(losses)), key=losses.__getitem__)
    shared = [0.0] * len(losses)
    begin = 0
    while begin < len(order):
        end = begin
        while end + 1 < len(order) and losses[order[end + 1]] == losses[order[begin]]:
            end += 1
        for place in order[begin : end + 1]:
            shared[place] = (begin + end) / 2 + 1
        begin = end + 1
    return shared


def average_ranks(rows: Sequence[Row]) -> list[float]:
    """Return each row's rank among the rows, averaged over the columns."""
    columns = [ranks(column) for column in zip(*rows, strict=True)]
    return [math.fsum(column[row] for column in columns) / len(columns) for row in range(len(rows))]


def regret_area(regrets: Row) -> float:
    """Return the area under the regret curve divided by its length: the mean regret over all evaluations."""
    return math.fsum(regrets) / len(regrets)


def quantile(counts: Sequence[float | None], share: float) -> float | None:
    """Return the smallest count that at least `share` of all stay within (nearest rank).

    None stands for a censored count, larger than any other; no interpolation could bridge it.
    """
    known = sorted(count for count in counts if count is not None)
    place = max(1, math.ceil(share * len(counts) - 1e-9))
    return known[place - 1] if place <= len(known) else None


def wilcoxon(first: Row, second: Row) -> float:
    """Return the two-sided p-value of the signed-rank test on paired losses (Wilcoxon 1945; pairs of equals left out).

    1.0 where all pairs are equal.
    """
    from scipy.stats import wilcoxon as signed_rank

    differences = [a - b for a, b in zip(first, second, strict=True) if a != b]
    if not differences:
        return 1.0
    return float(signed_rank(differences).pvalue)


def rank_biserial(first: Row, second: Row) -> float:
    """Return the effect size that belongs to the signed-rank test, in −1..1: positive where `first` is better.

    (W₊ − W₋) / (W₊ + W₋) of the ranks of the differences (Kerby 2014); 0 where all pairs are equal.
    """
    gains = [b - a for a, b in zip(first, second, strict=True) if a != b]
    if not gains:
        return 0.0
    weights = ranks([abs(gain) for gain in gains])
    return math.fsum(math.copysign(w, g) for w, g in zip(weights, gains, strict=True)) / math.fsum(weights)


def holm(p_values: Row) -> list[float]:
    """Return p-values adjusted for testing all of them (Holm 1979): step down, monotone, at most 1."""
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    adjusted, largest = [0.0] * len(p_values), 0.0
    for step, place in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - step) * p_values[place]))
        adjusted[place] = largest
    return adjusted
