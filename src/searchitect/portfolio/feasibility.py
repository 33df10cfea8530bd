"""Whether a limit holds, from repeated measurements, without assuming any distribution.

Of n independent repetitions, k of which keep the limit, Clopper and Pearson (Biometrika 1934) bound from below the
share of all passes that keep it. The largest of 59 bounds the 95th percentile with 95 % confidence, since 0.95^59 < 5 %
(Wilks, Annals of Mathematical Statistics 1941); further order statistics do so for larger n.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass

from searchitect.errors import ConfigError
from searchitect.objectives import Constraint, log_sd_name

__all__ = [
    "Feasibility",
    "measured_feasibility",
    "repetitions_needed",
    "share_bound",
    "single_feasibility",
    "upper_rank",
]


@dataclass(frozen=True, slots=True)
class Feasibility:
    """How sure it is that a model keeps a limit.

    Attributes:
        limit: as it was written.
        value: the measurement; the median of the repetitions where there are several.
        holds: at the confidence asked for.
        source: "measured" n times, "counted" (exact), "predicted" (a distribution), or "single" measurement.
        probability: that the limit holds: the share of the repetitions that keep it, or what the prediction says.
        at_least: lower bound of the share of passes that keep the limit; None where it was not measured repeatedly.
        percentile: upper bound of that percentile of the quantity which equals the coverage; None with too few
            repetitions, or where there are none.
        repetitions: how many there are.
        confidence: of both bounds.
    """

    limit: str
    value: float
    holds: bool
    source: str
    probability: float
    at_least: float | None = None
    percentile: float | None = None
    repetitions: int = 1
    confidence: float = 0.95

    def note(self) -> str:
        """What is known, for a reader; the limit itself is not repeated."""
        if self.source == "measured" and self.at_least is not None:
            within = round(self.probability * self.repetitions)
            return (
                f"{within} of {self.repetitions} passes keep it, so at least {100 * self.at_least:.1f} % of all do "
                f"under these conditions ({100 * self.confidence:g} % confidence)"
            )
        if self.source == "predicted":
            return f"predicted {self.value:.3g}, kept with probability {self.probability:.2f}"
        return f"{'counted' if self.source == 'counted' else 'measured'} {self.value:,.6g}"

    def sentence(self) -> str:
        """The limit and what is known."""
        return f"{self.limit}: {self.note()}" + ("" if self.holds else " (not sure)")


def repetitions_needed(coverage: float = 0.95, confidence: float = 0.95) -> int:
    """Fewest repetitions whose largest bounds the `coverage` percentile: 59 for 95 % and 95 %."""
    _check_shares(coverage, confidence)
    count = max(1, math.ceil(math.log(1 - confidence) / math.log(coverage) - 1e-12))
    while 1 - coverage**count < confidence:  # rounding of the logarithms
        count += 1
    return count


def upper_rank(count: int, coverage: float = 0.95, confidence: float = 0.95) -> int | None:
    """Smallest rank r, from 1, such that the r-th smallest of `count` values bounds the `coverage` percentile.

    P(X_(r) ≥ q) = P(Binomial(count, coverage) ≤ r − 1) ≥ confidence; None where even the largest value does not.
    """
    _check_shares(coverage, confidence)
    below = 0.0
    for r in range(1, count + 1):
        below += _binomial(count, r - 1, coverage)
        if below >= confidence - 1e-12:
            return r
    return None


def share_bound(within: int, count: int, confidence: float = 0.95) -> float:
    """Lower confidence bound of a share, of which `within` of `count` repetitions are an observation.

    The p for which seeing as many or more had a probability of 1 − confidence (Clopper–Pearson, one-sided).
    """
    if not 0 <= within <= count or count < 1:
        raise ConfigError(f"expected 0 to {count} repetitions within the limit, got {within}")
    _check_shares(0.5, confidence)
    if within == 0:
        return 0.0
    if within == count:
        return float((1 - confidence) ** (1 / count))
    from scipy.special import betaincinv

    return float(betaincinv(within, count - within + 1, 1 - confidence))


def measured_feasibility(
    limit: Constraint, repetitions: Sequence[float], *, coverage: float = 0.95, confidence: float = 0.95
) -> Feasibility:
    """Judge a limit by repetitions of its measurement: it holds where the percentile's bound keeps it.

    With too few repetitions for any bound it does not count as held.
    """
    values = sorted(float(v) for v in repetitions)
    if not values or not all(math.isfinite(v) for v in values):
        raise ConfigError(f"repetitions of {limit.name} must be finite numbers, at least one")
    within = sum(limit.holds({limit.name: v}) for v in values)
    towards = values if limit.relation == "<=" else values[::-1]
    rank = upper_rank(len(values), coverage, confidence)
    bound = None if rank is None else towards[rank - 1]
    holds = bound is not None and limit.holds({limit.name: bound})
    share = share_bound(within, len(values), confidence)
    return Feasibility(
        str(limit),
        statistics.median(values),
        holds,
        "measured",
        within / len(values),
        share,
        bound,
        len(values),
        confidence,
    )


def single_feasibility(limit: Constraint, measurements: Mapping[str, float], counted: Container[str]) -> Feasibility:
    """Judge a limit by one number: a count, a measurement, or a prediction, which comes with its deviation.

    Args:
        counted: names of measurements that are exact.
    """
    value = measurements.get(limit.name, math.nan)
    source = "counted" if limit.name in counted else "single"
    if measurements.get(log_sd_name(limit.name), 0.0) > 0.0:
        source = "predicted"
    probability = limit.probability(measurements)
    return Feasibility(str(limit), value, limit.holds(measurements), source, probability, confidence=limit.confidence)


def _binomial(count: int, k: int, share: float) -> float:
    log = math.lgamma(count + 1) - math.lgamma(k + 1) - math.lgamma(count - k + 1)
    return math.exp(log + k * math.log(share) + (count - k) * math.log1p(-share))


def _check_shares(coverage: float, confidence: float) -> None:
    for name, value in (("coverage", coverage), ("confidence", confidence)):
        if not 0 < value < 1:
            raise ConfigError(f"{name} must lie between 0 and 1, got {value!r}", hint="0.95")
