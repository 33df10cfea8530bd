"""What a limit costs: the best that keeps it, against the best that keeps a looser one in its place."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from searchitect.objectives import Constraint, Objective
from searchitect.portfolio.scenario import Scenario

__all__ = ["TradeOff", "trade_offs"]

LOOSER = 1.5
"""A limit is compared with one so many times as generous, and with none."""


@dataclass(frozen=True, slots=True)
class TradeOff:
    """The price of one limit of one scenario.

    Attributes:
        limit, instead_of: the limits, as text; "no limit" where it is left out.
        metric: what the difference is of.
        difference: value with the limit minus value with the looser one, in the unit of the metric.
        half_width: of its 95 % interval, from the spread between seeds, not from the luck of being chosen; None where
            that is not known.
    """

    scenario: str
    limit: str
    instead_of: str
    metric: str
    difference: float
    half_width: float | None

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


def trade_offs(
    scenarios: Sequence[Scenario],
    rows: Sequence[Mapping[str, float]],
    objectives: Sequence[Objective],
    deviation: float | None,
) -> tuple[TradeOff, ...]:
    """Compare every limit with a looser one, on what was measured.

    Args:
        rows: measurements of all candidates, one evaluation each.
        deviation: standard deviation of the metric between seeds.
    """
    first = objectives[0]
    found = []
    for scenario in scenarios:
        metric = Objective(scenario.metric(first.name), first.direction)
        limits = scenario.constraints()
        own = _best(rows, limits, metric)
        for place, limit in enumerate(limits):
            looser = dataclasses.replace(limit, limit=limit.limit * (LOOSER if limit.relation == "<=" else 1 / LOOSER))
            for instead in (looser, None):
                others = [*limits[:place], *([instead] if instead is not None else []), *limits[place + 1 :]]
                other = _best(rows, others, metric)
                if own is None or other is None:
                    continue
                half = None if deviation is None else 1.96 * deviation * math.sqrt(2)
                half = 0.0 if own[0] == other[0] and half is not None else half
                text = "no limit" if instead is None else str(instead)
                found.append(TradeOff(scenario.name, str(limit), text, metric.name, own[1] - other[1], half))
    return tuple(found)


def _best(
    rows: Sequence[Mapping[str, float]], limits: Sequence[Constraint], metric: Objective
) -> tuple[int, float] | None:
    """Place and value of the best that keeps the limits."""
    kept = [
        (metric.loss(row[metric.name]), place)
        for place, row in enumerate(rows)
        if math.isfinite(row.get(metric.name, math.nan)) and all(limit.holds(row) for limit in limits)
    ]
    if not kept:
        return None
    _, place = min(kept)
    return place, rows[place][metric.name]
