"""What each candidate would cost each scenario: the matrix that the portfolio is chosen on."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from searchitect.objectives import Constraint, Objective
from searchitect.pareto import front
from searchitect.portfolio.scenario import Scenario

__all__ = ["Regrets", "broken", "collision", "regrets_of"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Regrets:
    """The matrix.

    Attributes:
        values: (scenarios, candidates): how much worse than the best known for this scenario; infinity where a limit is
            broken or something is not measured.
        best: per scenario the candidate with regret 0; None where none is feasible.
        unit: the measurement in whose unit the regrets are; None where objectives are weighed against each other, each
            divided by its range over the front.
    """

    values: Floats
    best: tuple[int | None, ...]
    unit: str | None


def regrets_of(
    scenarios: Sequence[Scenario],
    candidates: Sequence[Mapping[str, float]],
    objectives: Sequence[Objective],
    known: Sequence[Mapping[str, float]] | None = None,
) -> Regrets:
    """Return what each candidate would cost each scenario.

    Args:
        candidates: measurements of each.
        objectives: of the study, the metric first; `objectives_of` makes them.
        known: measurements that "best known" and the ranges are taken from, where these are more than the candidates.
    """
    first = objectives[0].name
    direction = {objective.name: objective for objective in objectives}
    everything = [*candidates, *(known or ())]
    wanted = [scenario.wanted(first) for scenario in scenarios]
    single = all(list(w) == [s.metric(first)] for s, w in zip(scenarios, wanted, strict=True))
    scales = {} if single else _scales(everything, objectives, scenarios, first)
    losses = np.array(
        [
            [_loss(scenario, weights, row, direction, scales) for row in everything]
            for scenario, weights in zip(scenarios, wanted, strict=True)
        ]
    ).reshape(len(scenarios), len(everything))
    least = losses.min(axis=1, initial=math.inf)
    with np.errstate(invalid="ignore"):
        values = np.where(np.isfinite(losses), losses - least[:, None], np.inf)[:, : len(candidates)]
    best = [int(row.argmin()) if row.size and np.isfinite(row).any() else None for row in values]
    return Regrets(np.maximum(values, 0.0), tuple(best), first if single else None)


def broken(scenario: Scenario, measurements: Mapping[str, float]) -> list[Constraint]:
    """The limits of a scenario that are not kept; one on something that was not measured is among them."""
    return [limit for limit in scenario.constraints() if not limit.holds(measurements)]


def collision(scenario: Scenario, candidates: Sequence[Mapping[str, float]]) -> str:
    """Say why no candidate keeps a scenario's limits: which collide, and by how much."""
    limits = scenario.constraints()
    alone = {limit: sum(limit.holds(row) for row in candidates) for limit in limits}
    never = [limit for limit, count in alone.items() if not count]
    if not candidates:
        return "nothing was measured yet"
    if never:
        parts = [f"{limit} is kept by none of {len(candidates)}: {_nearest(limit, candidates)}" for limit in never]
        return "; ".join(parts)
    row = min(candidates, key=lambda row: sum(limit.excess(row) for limit in limits))
    short = [
        f"{limit} is broken at {row[limit.name]:.6g} ({_relative(limit, row[limit.name]):+.1%})"
        for limit in limits
        if not limit.holds(row)
    ]
    kept = [str(limit) for limit in limits if limit.holds(row)]
    nearest = f"the nearest keeps {', '.join(kept) or 'none'}"
    return f"each limit alone can be kept, but not together: {nearest}; {', '.join(short)}"


def _loss(
    scenario: Scenario,
    weights: Mapping[str, float],
    row: Mapping[str, float],
    direction: Mapping[str, Objective],
    scales: Mapping[str, float],
) -> float:
    if broken(scenario, row) or any(not math.isfinite(row.get(name, math.nan)) for name in weights):
        return math.inf
    return sum(weight * direction[name].loss(row[name]) / scales.get(name, 1.0) for name, weight in weights.items())


def _scales(
    rows: Sequence[Mapping[str, float]], objectives: Sequence[Objective], scenarios: Sequence[Scenario], first: str
) -> dict[str, float]:
    """Range of each objective over the front (ideal to nadir); the metric on own data shares that of the metric."""
    names = [o.name for o in objectives]
    full = [row for row in rows if all(math.isfinite(row.get(name, math.nan)) for name in names)]
    if not full:
        return dict.fromkeys(names, 1.0)
    losses = np.array([[o.loss(row[o.name]) for o in objectives] for row in full])
    kept = losses[front(losses)]
    spans = kept.max(axis=0) - kept.min(axis=0)
    fallback = losses.max(axis=0) - losses.min(axis=0)
    spans = np.where(spans > 0, spans, np.where(fallback > 0, fallback, 1.0))
    scales = dict(zip(names, spans.tolist(), strict=True))
    return scales | {scenario.metric(first): scales[first] for scenario in scenarios}


def _relative(limit: Constraint, value: float) -> float:
    return (value - limit.limit) / max(abs(limit.limit), 1e-12)


def _nearest(limit: Constraint, rows: Sequence[Mapping[str, float]]) -> str:
    values = [row[limit.name] for row in rows if math.isfinite(row.get(limit.name, math.nan))]
    if not values:
        return f"{limit.name} was not measured"
    value = min(values) if limit.relation == "<=" else max(values)
    word = "smallest" if limit.relation == "<=" else "largest"
    return f"the {word} is {value:.6g} ({_relative(limit, value):+.1%})"
