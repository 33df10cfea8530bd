"""The forest plot beside the verdict: every compared model with its spread, and the difference with its interval.

Places are percentages of the track, so that the page can draw it at any width without a script.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from searchitect.report.facts import Headline, Standing, finite
from searchitect.report.numbers import number, title

if TYPE_CHECKING:
    from searchitect.result import Result

__all__ = ["Plot", "Tick", "Whisker", "forest", "spoken"]

MAX_BASELINES = 4


@dataclass(frozen=True, slots=True)
class Whisker:
    """One row: a dot at `at` and a whisker from `low` over `span`, all in percent of the track.

    Attributes:
        low: None without a spread.
        ends: CSS classes for ends that lie outside the track.
    """

    name: str
    kind: str
    at: float
    low: float | None
    span: float
    text: str
    ends: str = ""


@dataclass(frozen=True, slots=True)
class Tick:
    """A number under the track."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Plot:
    """Rows on one axis; `zero` is the place of "no difference", where that is drawn."""

    rows: tuple[Whisker, ...]
    ticks: tuple[Tick, ...]
    caption: str
    zero: float | None = None


def forest(result: Result, headline: Headline | None) -> tuple[Plot, ...]:
    """The models on the headline metric, then the difference between search and random search."""
    if headline is None or not headline.standings:
        return ()
    return tuple(plot for plot in (_models(headline), _difference(result, headline)) if plot is not None)


def spoken(name: str) -> str:
    """The name of a compared model in words."""
    return {"search": "search", "random": "random search"}.get(name, name.replace("_", " "))


def _models(headline: Headline) -> Plot:
    shown = [s for s in headline.standings if s.name in ("search", "random")]
    shown += [s for s in headline.standings if s not in shown][:MAX_BASELINES]
    edges = [s.mean + sign * (s.std or 0.0) for s in shown for sign in (-1, 1)]
    if headline.own is not None:
        edges.append(headline.own)
    axis = _Axis.around(edges)
    rows = [_standing(s, axis, headline.metric) for s in shown]
    if headline.own is not None:
        own = Whisker("handed over", "own", axis.place(headline.own), None, 0.0, number(headline.own, headline.metric))
        rows.insert(0, own)
    better = "higher" if headline.maximize else "lower"
    words = f"{title(headline.metric)} on {headline.split} data, {better} is better"
    if any(s.std is not None for s in shown):
        words += "; whiskers are one standard deviation over seeds"
    return Plot(tuple(rows), axis.ticks(), words[:1].upper() + words[1:] + ".")


def _standing(standing: Standing, axis: _Axis, metric: str) -> Whisker:
    kind = standing.name if standing.name in ("search", "random") else "baseline"
    text = number(standing.mean, metric)
    if standing.std is None:
        return Whisker(spoken(standing.name), kind, axis.place(standing.mean), None, 0.0, text)
    low, high = axis.place(standing.mean - standing.std), axis.place(standing.mean + standing.std)
    text += f" ± {number(standing.std, metric)}"
    return Whisker(spoken(standing.name), kind, axis.place(standing.mean), low, round(high - low, 2), text)


def _difference(result: Result, headline: Headline) -> Plot | None:
    difference = finite(result.verdict.difference)
    if difference is None or result.verdict.interval is None:
        return None
    low, high = finite(result.verdict.interval[0]), finite(result.verdict.interval[1])
    axis = _Axis.around([0.0, difference, *(v for v in (low, high) if v is not None)])
    left = 0.0 if low is None else axis.place(low)
    right = 100.0 if high is None else axis.place(high)
    ends = (" open-left" if low is None else "") + (" open-right" if high is None else "")
    span = "unbounded" if low is None or high is None else f"{_signed(low)} to {_signed(high)}"
    text = f"{_signed(difference)} ({span})"
    row = Whisker("difference", "search", axis.place(difference), left, round(right - left, 2), text, ends)
    words = (
        "Search minus random search at equal cost with its 95 % confidence interval; right of the dashed line the "
        "search is better. An interval across the line shows no difference."
    )
    return Plot((row,), axis.ticks(signed=True), words, axis.place(0.0))


@dataclass(frozen=True, slots=True)
class _Axis:
    """A linear axis from `low` to `high`, with a margin left and right for the dots."""

    low: float
    high: float

    @classmethod
    def around(cls, values: Sequence[float]) -> _Axis:
        low, high = min(values), max(values)
        margin = 0.08 * (high - low) or 0.05 * abs(high) or 0.05
        return cls(low - margin, high + margin)

    def place(self, value: float) -> float:
        return round(100.0 * (value - self.low) / (self.high - self.low), 2)

    def ticks(self, *, signed: bool = False) -> tuple[Tick, ...]:
        """A few round numbers inside the axis."""
        raw = (self.high - self.low) / 5
        power = 10.0 ** math.floor(math.log10(raw))
        step = next((power * f for f in (1, 2, 2.5, 5, 10) if power * f >= raw * 0.999), power * 10)
        digits = next(d for d in range(12) if d == 11 or abs(round(step, d) - step) < step * 1e-6)
        first = math.ceil(self.low / step)
        found = []
        for i in range(first, first + 8):
            place = self.place(i * step)
            if 2 <= place <= 98:
                found.append(Tick(place, f"{i * step:{'+' if signed and i else ''},.{digits}f}".replace("-", "−")))
        return tuple(found)


def _signed(value: float) -> str:
    text = f"{value:+.4f}" if abs(value) < 100 else f"{value:+,.4g}"
    return text.replace("-", "−")
