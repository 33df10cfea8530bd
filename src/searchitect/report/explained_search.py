"""What an explanation's page shows of the search: best so far, the map with its replay, lineage, outcomes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from searchitect.explain.searches.outcomes import ENDINGS
from searchitect.explain.sentences import there
from searchitect.report.figures import Figure, View, band, safe
from searchitect.report.numbers import number, six, title

if TYPE_CHECKING:
    from searchitect.explain.explanation import Explanation
    from searchitect.explain.searches.incumbents import BestSoFar
    from searchitect.explain.searches.lineage import Descendant, Success
    from searchitect.explain.searches.outcomes import OptionOutcomes
    from searchitect.explain.wording import Words

__all__ = ["search_figures", "search_rows"]

Json = dict[str, Any]

MOST_SUCCESSES, MOST_OPTIONS, MOST_DRIFTS = 12, 60, 12
SCALE = [[0, "--seq-1"], [0.25, "--seq-2"], [0.5, "--seq-3"], [0.75, "--seq-4"], [1, "--seq-5"]]


def search_figures(explanation: Explanation, say: Words) -> list[Figure]:
    """What plotly draws; empty for a table."""
    if explanation.search is None:
        return []
    figures = [make(explanation, say) for make in (_best, _map, _lineage, _drift)]
    return [figure for figure in figures if figure is not None]


def search_rows(explanation: Explanation, say: Words) -> Json | None:
    """What plain HTML shows: which changes paid, what options led to, where the time went."""
    found = explanation.search
    if found is None:
        return None
    successes = [*found.successes.by_count, *found.successes.by_decision][:MOST_SUCCESSES]
    options = [one for one in found.outcomes.options if one.tries][:MOST_OPTIONS]
    lost = any(one.lost or _reused(one) for one in options)
    return {
        "successes": [_success(one, say) for one in successes if one.tries],
        "options": _grouped(options, say) if lost else [],
        "outcomes_none": None if lost else say("search.outcomes_none", count=found.outcomes.trials),
        "left": say("search.outcomes_left", count=found.outcomes.left_out) if found.outcomes.left_out else "",
        "phases": [
            {
                "name": say(
                    "search.phase",
                    phase=say.table("search").get(f"phases_{one.phase}", one.phase),
                    ending=say.table("search").get(f"endings_{one.ending}", one.ending),
                ),
                "trials": say("page.trials", count=f"{one.trials:,}"),
                "seconds": say("search.seconds", seconds=f"{one.seconds:,.0f}"),
            }
            for one in found.outcomes.phases
        ],
        "no_lineage": None if found.lineage.related else say("search.no_lineage"),
    }


def _success(one: Success, say: Words) -> Json:
    return {
        "name": _kind(one.kind, say),
        "low": round(100 * one.low, 1),
        "span": round(100 * (one.high - one.low), 1),
        "at": round(100 * one.better / max(1, one.tries), 1),
        "text": say("search.success", better=one.better, tries=one.tries),
    }


def _kind(kind: str, say: Words) -> str:
    """ "2 changes" or "4 changes or more" in words; the path of a decision as it is."""
    count, _, rest = kind.partition(" ")
    if not count.isdigit() or not rest.startswith("change"):
        return kind
    return say("search.changes_or_more" if rest.endswith("or more") else "search.changes", count=count)


def _grouped(options: list[OptionOutcomes], say: Words) -> list[Json]:
    """The heat map: a row per decision, a cell per option; the shade is the share that did not complete."""
    rows: dict[str, list[Json]] = {}
    for one in options:
        share = one.lost / one.tries
        cell = {
            "option": there(one.option, say),
            "share": f"{100 * share:.0f} %",
            "tries": one.tries,
            "reused": _reused(one),
        }
        rows.setdefault(one.decision, []).append(cell | {"shade": round(share, 3), "notable": one.notable})
    return [{"name": name, "cells": cells} for name, cells in rows.items()]


def _reused(one: OptionOutcomes) -> int:
    """How many of them repeated an earlier architecture."""
    return one.counts[ENDINGS.index("reused")]


def _best(explanation: Explanation, say: Words) -> Figure | None:
    found, metric = explanation.search, explanation.objective.name
    assert found is not None
    curves = [("search", "--search", found.best), ("random", "--random", found.random)]
    drawn = [(phase, colour, curve) for phase, colour, curve in curves if curve is not None]
    if not drawn:
        return None
    data = [trace for phase, colour, curve in drawn for trace in _banded(say(f"page.{phase}"), colour, curve)]
    source = drawn[0][2]
    noise = "–" if source.noise is None else number(source.noise)
    layout = {
        "xaxis": {"title": {"text": say("search.evaluations")}, "rangemode": "tozero"},
        "yaxis": {"title": {"text": safe(title(metric))}, "range": _frame(drawn)},
    }
    caption = say(f"search.best_{source.source}", noise=noise)
    return Figure("best-band", say("search.best_title"), caption, (View("", data, layout),))


def _frame(drawn: list[tuple[str, str, BestSoFar]]) -> list[float]:
    """From what was best after a tenth of the evaluations: the first trials would flatten the rest."""
    values: list[float] = []
    for _, _, curve in drawn:
        late = len(curve.observed) // 10
        values += [*curve.observed[late:], *curve.low[late:], *curve.high[late:]]
    margin = 0.06 * (max(values) - min(values)) or 0.01
    return [six(min(values) - margin), six(max(values) + margin)]


def _banded(name: str, colour: str, curve: BestSoFar) -> list[Json]:
    x = list(curve.evaluations)
    line = {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": x,
        "y": [six(v) for v in curve.observed],
        "line": {"color": colour, "shape": "hv", "width": 2.5},
    }
    return [band(x, curve.low, curve.high, colour), line]


def _map(explanation: Explanation, say: Words) -> Figure | None:
    assert explanation.search is not None
    found, metric = explanation.search.map, explanation.objective.name
    if found is None:
        return None
    values = [place.value for place in found.places]
    sign = 1 if explanation.objective.direction == "maximize" else -1
    low, high = _quantiles(values)
    data: list[Json] = []
    for uniform, name, symbol in ((False, "search", "circle"), (True, "random", "diamond-open")):
        places = [place for place in found.places if place.uniform == uniform]
        if not places:
            continue
        marker = {"size": 9, "symbol": symbol, "color": [six(p.value) for p in places], "cmin": low, "cmax": high}
        scale = SCALE if sign > 0 else [[at, colour] for (at, _), (_, colour) in zip(SCALE, SCALE[::-1], strict=True)]
        bar = {"title": {"text": safe(title(metric)), "side": "right"}, "thickness": 12}
        data.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": say(f"page.{name}"),
                "x": [p.x for p in places],
                "y": [p.y for p in places],
                "customdata": [p.number for p in places],
                "text": [safe(f"{p.number}: {number(p.value, metric)}") for p in places],
                "hovertemplate": "%{text}<extra></extra>",
                "marker": {**marker, "colorscale": scale, "showscale": not data, "colorbar": bar, "line": {"width": 1}},
            }
        )
    layout = {"xaxis": {"showticklabels": False}, "yaxis": {"showticklabels": False}, "hovermode": "closest"}
    (right, left), (up, down) = (tuple(there(end, say) for end in axis) for axis in found.axes)
    caption = say(
        "search.map_caption",
        told=f"{100 * found.told:.0f}",
        metric=title(metric),
        right=right,
        left=left,
        up=up,
        down=down,
    )
    return Figure("exploration", say("search.map_title"), caption, (View("", data, layout),), height=460)


def _quantiles(values: list[float]) -> tuple[float, float]:
    """Ends of the colours: outliers share the last one."""
    ordered = sorted(values)
    low, high = ordered[len(ordered) // 20], ordered[-1 - len(ordered) // 20]
    return (six(low), six(high)) if high > low else (six(ordered[0]), six(ordered[-1] + 1e-9))


def _lineage(explanation: Explanation, say: Words) -> Figure | None:
    assert explanation.search is not None
    found, metric = explanation.search.lineage, explanation.objective.name
    known = {one.number: one for one in found.trials if one.value is not None}
    if not found.related or not known:
        return None
    data: list[Json] = []
    for winning, colour, width in ((False, "--line", 1), (True, "--best", 3)):
        xs, ys = _edges([one for one in known.values() if one.winning == winning], known)
        line = {"color": colour, "width": width}
        data.append(
            {
                "type": "scatter",
                "mode": "lines",
                "x": xs,
                "y": ys,
                "line": line,
                "hoverinfo": "skip",
                "showlegend": False,
            }
        )
    places = list(known.values())
    data.append(
        {
            "type": "scatter",
            "mode": "markers",
            "x": [one.generation for one in places],
            "y": [six(one.value or 0.0) for one in places],
            "customdata": [one.number for one in places],
            "text": [safe(f"{one.number}: " + there("; ".join(one.changes), say)) for one in places],
            "hovertemplate": "%{text}<br>%{y}<extra></extra>",
            "marker": {"size": 7, "color": ["--best" if one.winning else "--search" for one in places]},
            "showlegend": False,
        }
    )
    caption = say("search.lineage_caption", related=found.related, total=found.total, deepest=found.deepest)
    layout = {
        "xaxis": {"title": {"text": say("search.generation")}},
        "yaxis": {"title": {"text": safe(title(metric))}},
        "hovermode": "closest",
    }
    return Figure("lineage", say("search.lineage_title"), caption, (View("", data, layout),))


def _drift(explanation: Explanation, say: Words) -> Figure | None:
    """A view per decision: the probability of each option over the epochs."""
    found = explanation.drift
    if found is None:
        return None
    layout = {"xaxis": {"title": {"text": say("search.epochs")}}, "yaxis": {"range": [0, 1]}}
    views = []
    for one in found.decisions[:MOST_DRIFTS]:
        data = [
            {
                "type": "scatter",
                "mode": "lines",
                "name": safe(option),
                "x": list(found.times),
                "y": [six(share) for share in shares],
                "line": {"width": 3 if option == one.chosen else 1.4},
            }
            for option, shares in zip(one.options, one.shares, strict=True)
        ]
        views.append(View(one.decision, data, layout))
    return Figure("drift", say("search.drift_title"), say("search.drift_caption"), tuple(views))


def _edges(ends: list[Descendant], known: dict[int, Descendant]) -> tuple[list[Any], list[Any]]:
    xs: list[Any] = []
    ys: list[Any] = []
    for one in ends:
        parent = known.get(one.parent) if one.parent is not None else None
        if parent is not None:
            xs += [parent.generation, one.generation, None]
            ys += [six(parent.value or 0.0), six(one.value or 0.0), None]
    return xs, ys
