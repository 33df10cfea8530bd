"""`write_portfolio`: the page of a portfolio: scenarios and models, fronts per device, prices of limits, agreement."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from searchitect import __version__
from searchitect.portfolio.scenario import DEVICE_QUANTITIES
from searchitect.report.figures import ARMS, Figure, View, safe, thinned
from searchitect.report.numbers import measured, number, shortened, six, title
from searchitect.report.page import as_data, demand_extra, drawn, rendered

if TYPE_CHECKING:
    from searchitect.portfolio.record import Cell, Portfolio, Service
    from searchitect.portfolio.scenario import Scenario
    from searchitect.portfolio.trade_offs import TradeOff
    from searchitect.result import Result

__all__ = ["write_portfolio"]

Json = dict[str, Any]

MAX_POINTS = 400
MAX_FIGURES = 8
COLOURS = tuple(f"--row-{n}" for n in range(1, 9))


def write_portfolio(result: Result, portfolio: Portfolio, path: Path) -> Path:
    """Write one self-contained HTML page and return its path; parent folders are made.

    Raises:
        MissingExtraError: plotly or jinja2 is not installed.
        OSError: the file cannot be written.
    """
    demand_extra("the portfolio's page")
    figures = _fronts(result, portfolio)
    metric = result.objectives[0].name
    parts = {
        "version": __version__,
        "study": shortened(result.study, 120),
        "heading": _heading(portfolio, metric),
        "lead": _lead(portfolio, metric),
        "verdict": portfolio.verdict,
        "services": [
            _served(portfolio, s, one, metric) for s, one in zip(portfolio.scenarios, portfolio.services, strict=True)
        ],
        "metric": title(metric),
        "members": [_member(portfolio, label) for label in (m.label for m in portfolio.members)],
        "rows": [_row(portfolio, scenario, metric) for scenario in portfolio.scenarios],
        "prices": [_price(one) for one in portfolio.trade_offs],
        "figures": figures,
        "figure_data": as_data({f.name: drawn(f) for f in figures}),
        "decision_data": as_data({}),
        "pairs": _pairs(portfolio),
        "alike": _alike(portfolio),
        "random": _random(portfolio, metric),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(rendered("portfolio.html.j2", parts), "utf-8")
    return path


def _heading(portfolio: Portfolio, metric: str) -> str:
    places, models = len(portfolio.scenarios), len(portfolio.members)
    if not models:
        return "No scenario can be served: no model keeps its limits."
    left = [one.scenario for one in portfolio.services if one.member is None]
    text = f"{_count(models, 'model')} for {_count(places, 'scenario')}"
    return text + (f"; nothing serves {', '.join(left)}." if left else ".")


def _lead(portfolio: Portfolio, metric: str) -> str:
    if portfolio.expected_regret is None:
        return "Below: which limits collide, and by how much."
    loss = _regret(portfolio, portfolio.expected_regret, metric)
    how = "No other choice of as many models is better" if portfolio.exact else "The best choice that was found"
    bound = (
        ""
        if portfolio.exact or portfolio.bound is None
        else f" (none can be below {_regret(portfolio, portfolio.bound, metric)})"
    )
    return (
        f"Expected regret {loss}: what the scenarios, weighted by importance, lose against the best model known for "
        f"each of them, as the search saw it. {how}{bound}. Accuracies are means over fresh seeds."
    )


def _regret(portfolio: Portfolio, value: float, metric: str) -> str:
    if portfolio.unit is None:
        return f"{value:.3f} of the range of the objectives"
    return _points(value, metric)


def _quantity(name: str) -> str:
    """The quantity of a measurement that is of a device: `latency_ms` of `latency_ms_phone`."""
    return next((quantity for quantity in sorted(DEVICE_QUANTITIES) if name.startswith(f"{quantity}_")), name)


def _titled(name: str) -> str:
    """The name for an axis: "latency (ms) on phone"."""
    quantity = _quantity(name)
    return title(name) if quantity == name else f"{title(quantity)} on {name.removeprefix(f'{quantity}_')}"


def _points(value: float, metric: str) -> str:
    """A share as points, anything else as it is measured."""
    return f"{100 * value:.2f} points" if _is_share(metric) else measured(metric, value)


def _is_share(metric: str) -> bool:
    return any(word in metric for word in ("accuracy", "precision", "recall", "f1", "auroc"))


def _served(portfolio: Portfolio, scenario: Scenario, one: Service, metric: str) -> Json:
    own = [f"slice {scenario.slice}"] if scenario.slice else []
    own += [f"{scenario.corruption}, severity {scenario.severity}"] if scenario.corruption else []
    own += [f"tested on {Path(scenario.test).name}"] if scenario.test else []
    return {
        "name": scenario.name,
        "device": scenario.device or "any",
        "limits": [str(limit) for limit in scenario.constraints()],
        "own": own,
        "importance": f"{scenario.importance:g}",
        "member": one.member,
        "colour": _colour(portfolio, one.member),
        "problem": one.problem,
        "value": number(one.value, metric),
        "interval": None
        if one.interval is None
        else f"{number(one.interval[0], metric)} to {number(one.interval[1], metric)}",
        "regret": "–" if one.regret is None else _regret(portfolio, one.regret, metric),
        "test": number(one.test, metric),
        "test_interval": None
        if one.test_interval is None
        else f"{number(one.test_interval[0], metric)} to {number(one.test_interval[1], metric)}",
        "sure": [{"limit": sure.limit, "note": sure.note(), "holds": sure.holds} for sure in one.feasibility],
        "folder": one.folder,
    }


def _member(portfolio: Portfolio, label: str) -> Json:
    member = portfolio.member(label)
    names = [name for name in ("parameters", "flops") if name in member.mean]
    limited = {limit.name for s in portfolio.scenarios for limit in s.constraints()}
    names += sorted(name for name in limited if name in member.mean and name not in names)
    return {
        "label": label,
        "colour": _colour(portfolio, label),
        "serves": [one.scenario for one in portfolio.services if one.member == label],
        "facts": [(_titled(name), measured(_quantity(name), member.mean[name])) for name in names[:8]],
        "decisions": ", ".join(f"{path}={_plain(value)}" for path, value in list(member.architecture.items())[:40]),
    }


def _plain(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else shortened(str(value), 40)


def _row(portfolio: Portfolio, scenario: Scenario, metric: str) -> Json:
    service = portfolio[scenario.name]
    cells = [
        _cell(portfolio, portfolio.cells[scenario.slug, m.label], service.member == m.label, metric)
        for m in portfolio.members
    ]
    return {"name": scenario.name, "cells": cells}


def _cell(portfolio: Portfolio, cell: Cell, serves: bool, metric: str) -> Json:
    if cell.broken:
        return {"text": "✕", "note": "breaks " + ", ".join(cell.broken), "serves": False, "broken": True}
    note = "" if cell.regret is None else f"regret {_regret(portfolio, cell.regret, metric)}"
    return {"text": number(cell.value, metric), "note": note, "serves": serves, "broken": False}


def _price(one: TradeOff) -> Json:
    value = 100 * one.difference if _is_share(one.metric) else one.difference
    half = None if one.half_width is None else (100 * one.half_width if _is_share(one.metric) else one.half_width)
    unit = " points" if _is_share(one.metric) else ""
    spread = "" if half is None else f" ± {half:.2f}"
    return {
        "scenario": one.scenario,
        "limit": one.limit,
        "instead": one.instead_of,
        "difference": f"{value:+.2f}{spread}{unit}".replace("-", "−"),
    }


def _pairs(portfolio: Portfolio) -> list[Json]:
    """The matrix of agreement: rows and columns are members; below it the flips."""
    if not portfolio.agreement:
        return []
    rows = []
    for i, member in enumerate(portfolio.members):
        cells = [
            {
                "agree": f"{100 * portfolio.agreement[i][j]:.1f} %",
                "flips": "" if i == j else f"{100 * portfolio.negative_flips[i][j]:.1f} % lost",
                "own": i == j,
                "shade": round(portfolio.agreement[i][j], 3),
            }
            for j in range(len(portfolio.members))
        ]
        rows.append({"label": member.label, "cells": cells})
    return rows


def _alike(portfolio: Portfolio) -> str:
    if portfolio.diversity is None:
        return "One model serves everywhere: there is nothing to compare."
    return f"Two models differ in {100 * portfolio.diversity:.0f} % of their decisions, on average."


def _random(portfolio: Portfolio, metric: str) -> list[Json]:
    other = portfolio.random
    if other is None:
        return []
    rows = []
    for ours, theirs in zip(portfolio.services, other.services, strict=True):
        shown = [("value", ours.value, theirs.value), ("test", ours.test, theirs.test)]
        rows.append(
            {"scenario": ours.scenario} | {name: (number(a, metric), number(b, metric)) for name, a, b in shown}
        )
    return rows


def _fronts(result: Result, portfolio: Portfolio) -> list[Figure]:
    """One figure for each quantity that a limit is on: the metric against it, limits as lines, members as stars."""
    names: dict[str, list[tuple[str, float]]] = {}
    for scenario in portfolio.scenarios:
        for limit in scenario.constraints():
            names.setdefault(limit.name, []).append((scenario.name, limit.limit))
    figures = [_front(result, portfolio, name, limits) for name, limits in list(names.items())[:MAX_FIGURES]]
    return [figure for figure in figures if figure is not None]


def _front(result: Result, portfolio: Portfolio, name: str, limits: Sequence[tuple[str, float]]) -> Figure | None:
    metric = result.objectives[0]
    if name == metric.name:
        return None
    data: list[Json] = []
    for arm, colour, _, symbol in ARMS:
        points = [
            (t.measurements[name], t.measurements[metric.name], t.number)
            for t in result.trials
            if t.phase == arm and t.is_complete and t.reused is None and {name, metric.name} <= t.measurements.keys()
        ]
        if points:
            data.append(_cloud(points, "random search" if arm == "random" else arm, colour, symbol))
            if arm == "search":
                data.append(_staircase(points, metric.direction == "maximize", colour))
    if not data:
        return None
    for member in portfolio.members:
        if name in member.mean and metric.name in member.mean:
            data.append(
                _star(member.mean[name], member.mean[metric.name], member.label, _colour(portfolio, member.label))
            )
    xs = [x for trace in data for x in trace["x"] if isinstance(x, (int, float))] + [limit for _, limit in limits]
    wide = min(xs) > 0 and max(xs) / min(xs) > 20
    layout = {
        "xaxis": {"title": {"text": safe(_titled(name))}, "type": "log" if wide else "linear"},
        "yaxis": {"title": {"text": safe(title(metric.name))}},
        "shapes": [_line(limit) for _, limit in limits],
        "annotations": [_note(scenario, limit, wide, place) for place, (scenario, limit) in enumerate(limits)],
        "legend": {"y": -0.24, "yanchor": "top"},
        "margin": {"l": 60, "r": 14, "t": 24 + 15 * min(4, len(limits)), "b": 90},
    }
    heading = f"{title(metric.name)} against {_titled(name)}"
    caption = (
        "Marks: architectures, on validation data. The line joins those that no other beats in both. Dashed: limits. "
        "Letters: the models of the portfolio, means over fresh seeds."
    )
    return Figure(f"front-{name}", heading[:1].upper() + heading[1:], caption, (View("", data, layout),))


def _cloud(points: Sequence[tuple[float, float, int]], name: str, colour: str, symbol: str) -> Json:
    kept = thinned(list(points), MAX_POINTS)
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": [six(x) for x, _, _ in kept],
        "y": [six(y) for _, y, _ in kept],
        "text": [n for _, _, n in kept],
        "hovertemplate": "trial %{text}: %{y}<extra></extra>",
        "marker": {"color": colour, "symbol": symbol, "size": 7, "opacity": 0.5},
    }


def _staircase(points: Sequence[tuple[float, float, int]], upwards: bool, colour: str) -> Json:
    best: list[tuple[float, float]] = []
    for x, y, _ in sorted(points):
        if not best or (y > best[-1][1] if upwards else y < best[-1][1]):
            best.append((x, y))
    return {
        "type": "scatter",
        "mode": "lines",
        "name": "front",
        "x": [six(x) for x, _ in best],
        "y": [six(y) for _, y in best],
        "line": {"color": colour, "shape": "hv", "width": 2},
        "hoverinfo": "skip",
    }


def _star(x: float, y: float, label: str, colour: str | None) -> Json:
    return {
        "type": "scatter",
        "mode": "markers+text",
        "name": f"model {label}",
        "x": [six(x)],
        "y": [six(y)],
        "text": [label],
        "textposition": "middle right",
        "textfont": {"size": 15, "color": colour},
        "hovertemplate": f"model {label}: %{{y}}<extra></extra>",
        "marker": {"color": colour, "symbol": "star", "size": 13},
        "showlegend": False,
    }


def _line(limit: float) -> Json:
    return {
        "type": "line", "xref": "x", "yref": "paper", "x0": limit, "x1": limit, "y0": 0, "y1": 1,
        "line": {"color": "--muted", "dash": "dash", "width": 1.2},
    }  # fmt: skip


def _note(scenario: str, limit: float, wide: bool, place: int) -> Json:
    return {
        "x": math.log10(limit) if wide else limit, "y": 1, "yref": "paper", "yanchor": "bottom", "xanchor": "center",
        "yshift": 15 * (place % 4), "showarrow": False, "text": safe(scenario),
        "font": {"size": 12, "color": "--muted"},
    }  # fmt: skip


def _colour(portfolio: Portfolio, label: str | None) -> str | None:
    if label is None:
        return None
    place = [member.label for member in portfolio.members].index(label)
    return COLOURS[(place + 1) % len(COLOURS)]


def _count(count: int, noun: str) -> str:
    return f"{count} {noun}" + ("s" if count != 1 else "")
