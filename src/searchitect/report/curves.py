"""The figure of a comparison: means with their intervals, as plotly's JSON made by hand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from searchitect.report.figures import Figure, View, band, safe, thinned
from searchitect.report.numbers import six, title

if TYPE_CHECKING:
    from searchitect.tabular.comparison import Comparison, Row

__all__ = ["COLOURS", "DASHES", "curves"]

Json = dict[str, Any]

COLOURS = tuple(f"--row-{n}" for n in range(1, 9))
DASHES = ("solid", "dash", "dot", "dashdot")
"""Beyond eight strategies colours come again, with another dash."""

MAX_POINTS = 150
BAND = 1.96
"""Half width of the band in standard errors: 95 % for a normal mean."""
MAX_BANDS = 5
"""Of more strategies, random search and the best ones have a band: more of them hide one another."""


def curves(comparison: Comparison) -> Figure:
    """The true value of the best observed against evaluations and cost, and its distance to the optimum."""
    name, heading = "curves", "The best observed, evaluation by evaluation"
    rows = [(place, row) for place, row in enumerate(comparison.rows) if row.error is None]
    if not rows:
        return Figure(name, heading, "No strategy finished its searches.")
    lines = [_Line(comparison, place, row) for place, row in rows]
    spent = "simulated time" if comparison.terms.workers > 1 else "cost of the search"
    views = (
        View("value", _traces(lines, "value", "evaluations"), _layout(comparison, lines, "value", "evaluations")),
        View("distance", _traces(lines, "regret", "evaluations"), _layout(comparison, lines, "regret", "evaluations")),
        View("cost", _traces(lines, "value", "cost"), _layout(comparison, lines, "value", spent)),
    )
    fewer = "" if len(lines) <= MAX_BANDS else f", for random search and the {MAX_BANDS - 1} best"
    caption = (
        f"Lines: means over {comparison.seeds} seeds of the true value of the best observed. Bands: 95 % intervals of "
        f"the mean{fewer}. Dotted: the best in the table. Click on a name to hide it, twice to see it alone."
    )
    return Figure(name, heading, caption, views, height=430 + 24 * math.ceil(len(rows) / 4))


class _Line:
    """One strategy, thinned: evaluations, costs, means and half widths of the bands."""

    def __init__(self, comparison: Comparison, place: int, row: Row) -> None:
        self.label = safe(row.entry.label)
        self.is_baseline = row is comparison.baseline
        self.colour, self.dash = COLOURS[place % len(COLOURS)], DASHES[place // len(COLOURS) % 4]
        points = list(enumerate(zip(comparison.curve(row), comparison.times(row), strict=True), 1))
        kept = thinned(points, MAX_POINTS)
        self.evaluations = [float(n) for n, _ in kept]
        self.cost = [time for _, (_, time) in kept]
        self.value = [mean for _, ((mean, _), _) in kept]
        self.half = [BAND * std / math.sqrt(comparison.seeds) for _, ((_, std), _) in kept]
        self.regret = [abs(comparison.terms.optimum - mean) for mean in self.value]

    def axis(self, name: str) -> list[float]:
        return self.evaluations if name == "evaluations" else self.cost

    def heights(self, name: str) -> list[float]:
        return self.value if name == "value" else self.regret


def _traces(lines: Sequence[_Line], y: str, x: str) -> list[Json]:
    floor = _floor(lines)
    return [_band(line, y, x, floor) for line in _banded(lines)] + [_mean(line, y, x) for line in lines]


def _banded(lines: Sequence[_Line]) -> Sequence[_Line]:
    by_end = sorted(lines, key=lambda line: (not line.is_baseline, line.regret[-1]))
    return lines if len(lines) <= MAX_BANDS else by_end[:MAX_BANDS]


def _mean(line: _Line, y: str, x: str) -> Json:
    heights = [value if y == "value" or value > 0 else None for value in line.heights(y)]
    return {
        "type": "scatter",
        "mode": "lines",
        "name": line.label,
        "legendgroup": line.label,
        "x": [six(value) for value in line.axis(x)],
        "y": [None if value is None else six(value) for value in heights],
        "hovertemplate": f"{line.label}: %{{y}}<extra></extra>",
        "line": {"color": line.colour, "dash": line.dash, "width": 2.2},
    }


def _band(line: _Line, y: str, x: str, floor: float) -> Json:
    upper = [value + half for value, half in zip(line.heights(y), line.half, strict=True)]
    lower = [value - half for value, half in zip(line.heights(y), line.half, strict=True)]
    if y == "regret":  # a logarithmic axis ends somewhere
        upper, lower = [max(value, floor) for value in upper], [max(value, floor) for value in lower]
    drawn = band([six(value) for value in line.axis(x)], lower, upper, line.colour)
    return {**drawn, "legendgroup": line.label}


def _floor(lines: Sequence[_Line]) -> float:
    """The lower end of the logarithmic axis."""
    return 0.5 * min((value for line in lines for value in line.regret if value > 0), default=1e-6)


def _layout(comparison: Comparison, lines: Sequence[_Line], y: str, x: str) -> Json:
    words = x if x in ("evaluations", "simulated time") else "cost of the search"
    unit = "" if x == "evaluations" else f" ({safe(comparison.cost_unit)})"
    layout: Json = {"xaxis": {"title": {"text": words + unit}, "rangemode": "tozero"}, "hovermode": "closest"}
    layout["legend"] = {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "traceorder": "normal"}
    if y == "regret":
        top = max(line.regret[_settled(line)] for line in lines)
        span = [math.log10(_floor(lines)), math.log10(max(top, 2 * _floor(lines)) * 1.3)]
        text = f"distance to the best {title(comparison.truth.name)}"
        layout["yaxis"] = {"title": {"text": safe(text)}, "type": "log", "range": span}
        return layout
    optimum = comparison.terms.optimum
    layout["yaxis"] = {"title": {"text": safe(title(comparison.truth.name))}, "range": _frame(lines, optimum)}
    rule = {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": optimum, "y1": optimum}
    layout["shapes"] = [rule | {"line": {"color": "--muted", "width": 1, "dash": "dot"}}]
    return layout


def _frame(lines: Sequence[_Line], optimum: float) -> list[float]:
    """The range of values: from where the lines have left their steep beginning to just beyond the optimum."""
    furthest = max((line.value[_settled(line)] for line in lines), key=lambda value: abs(value - optimum))
    margin = 0.06 * (optimum - furthest) or 0.05 * abs(optimum) or 0.05
    return sorted([furthest - margin, optimum + margin])


def _settled(line: _Line) -> int:
    """Place of the first point beyond the steep beginning: a fifteenth of the search, at least five evaluations."""
    begun = max(5.0, line.evaluations[-1] / 15)
    return next((place for place, n in enumerate(line.evaluations) if n >= begun), len(line.evaluations) - 1)
