"""How much each decision matters, judged by what was observed: cheap main effects, for ordering moves."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from searchitect.spaces.architecture import Architecture, Value

__all__ = ["importances"]

BINS = 4
"""Numbers with more values than this are compared by quartile."""


def importances(observed: Sequence[tuple[Architecture, float]], paths: Sequence[str]) -> dict[str, float]:
    """Return for each decision the variance of the mean rank between its values (fANOVA's main effect).

    Args:
        observed: architectures with their losses.

    Ranks instead of losses: one collapsed model would otherwise decide alone. Architectures in which a decision is
    not active form a group of their own.
    """
    order = sorted(range(len(observed)), key=lambda i: observed[i][1])
    rank = {index: place / max(1, len(order) - 1) - 0.5 for place, index in enumerate(order)}
    found = {}
    for path in paths:
        values = _grouped([architecture.get(path) for architecture, _ in observed])
        totals: dict[Value, tuple[int, float]] = {}
        for index, value in enumerate(values):
            count, total = totals.get(value, (0, 0.0))
            totals[value] = count + 1, total + rank[index]
        found[path] = sum(total * total / count for count, total in totals.values()) / max(1, len(observed))
    return found


def _grouped(values: Sequence[Value]) -> Sequence[Value]:
    numbers = sorted({v for v in values if isinstance(v, (int, float)) and not isinstance(v, bool)})
    if len(numbers) <= BINS:
        return values
    edges = [numbers[len(numbers) * part // BINS] for part in range(1, BINS)]
    return [bisect_right(edges, v) if isinstance(v, (int, float)) and not isinstance(v, bool) else v for v in values]
