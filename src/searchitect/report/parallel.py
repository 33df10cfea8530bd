"""The two figures that need their own arithmetic: decisions as parallel coordinates, and the confusion matrix.

Parallel coordinates are drawn as ordinary lines instead of plotly's own type: that one needs WebGL, cannot print, and
has no place for a decision that is not active.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from searchitect.report.facts import finite
from searchitect.report.figures import Figure, View, safe, thinned
from searchitect.report.numbers import number, title
from searchitect.report.tables import ranked

if TYPE_CHECKING:
    from searchitect.objectives import Objective
    from searchitect.result import Result
    from searchitect.spaces.architecture import Value
    from searchitect.trial import Trial

__all__ = ["confusion_matrix", "parallel_coordinates"]

Json = dict[str, Any]

MAX_LINES = 160
MAX_AXES = 11
MAX_MARKS = 8
"""A decision with more distinct numbers than this gets a continuous axis."""
MAX_CLASSES = 30
BINS = ("--seq-1", "--seq-2", "--seq-3", "--seq-4", "--seq-5")
INACTIVE = -0.14
_ABSENT = object()


@dataclass(frozen=True, slots=True)
class _Axis:
    """One decision: where each value stands between 0 and 1, and the marks beside the axis."""

    title: str
    places: dict[Any, float]
    marks: tuple[tuple[float, str], ...]

    def place(self, value: Any) -> float:
        return self.places.get(value, INACTIVE)


def parallel_coordinates(result: Result) -> Figure:
    """Every architecture as a line through its decisions, coloured by the first objective."""
    name, heading = "decisions", "Decisions and what came of them"
    done = [t for t in ranked(result.trials, result) if t.phase != "confirm" and t.reused is None]
    trials = thinned(done, MAX_LINES)
    paths, differing = _paths(trials)
    if len(trials) < 2 or not paths:
        return Figure(name, heading, "Fewer than two complete trials differ in a decision.")
    objective = result.objectives[0]
    axes = [_axis(path, [_value(t, path) for t in trials]) for path in paths]
    axes.append(_axis(objective.name, [t.measurements[objective.name] for t in trials], objective))
    wanted = len(axes) * 84
    caption = (
        "Each line is one architecture; the fifth with the best values is darkest (brightest on a dark page) and "
        "drawn on top. Lines that leave an axis at the bottom do not have that decision."
    )
    if differing > len(paths):
        caption += f" {len(paths)} of the {differing} decisions that differ are drawn: those most often active."
    if len(done) > len(trials):
        caption += f" {len(trials)} of {len(done):,} trials are drawn, evenly over the ranks."
    view = View("", _lines(trials, paths, axes, objective), _layout(axes))
    return Figure(name, heading, caption, (view,), height=430, width=wanted)


def _paths(trials: Sequence[Trial]) -> tuple[list[str], int]:
    """The decisions that differ between trials and are active most often, in the order of the space."""
    values: dict[str, set[Value]] = {}
    active: Counter[str] = Counter()
    for trial in trials:
        for path, value in trial.architecture.items():
            values.setdefault(path, set()).add(value)
            active[path] += 1
    differing = [p for p, seen in values.items() if len(seen) > 1 or active[p] < len(trials)]
    often = set(sorted(differing, key=lambda p: (-active[p], len(p)))[:MAX_AXES])
    return [path for path in differing if path in often], len(differing)


def _value(trial: Trial, path: str) -> Any:
    return trial.architecture.decisions.get(path, _ABSENT)


def _axis(path: str, values: Sequence[Any], objective: Objective | None = None) -> _Axis:
    present = [v for v in values if v is not _ABSENT]
    numeric = all(isinstance(v, (int, float)) and not isinstance(v, bool) and math.isfinite(v) for v in present)
    distinct = sorted(set(present)) if numeric else sorted(set(present), key=str)
    heading = title(path) if objective is not None else path
    if numeric and (len(distinct) > MAX_MARKS or objective is not None):
        return _continuous(heading, distinct)
    last = max(1, len(distinct) - 1)
    places = {v: (i / last if len(distinct) > 1 else 0.5) for i, v in enumerate(distinct)}
    stride = math.ceil(len(distinct) / 14)
    return _Axis(heading, places, tuple((places[v], _mark(v)) for v in distinct[::stride]))


def _continuous(heading: str, distinct: Sequence[float]) -> _Axis:
    low, high = distinct[0], distinct[-1]
    logarithmic = low > 0 and high / low > 30
    scale = math.log if logarithmic else float
    span = scale(high) - scale(low) or 1.0
    places = {v: (scale(v) - scale(low)) / span for v in distinct}
    ends = ((0.0, number(low)), (1.0, number(high))) if high > low else ((0.0, number(low)),)
    return _Axis(heading, places, ends)


def _mark(value: Any) -> str:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return number(value) if isinstance(value, float) else str(value)
    return "–".join(str(v) for v in value) if isinstance(value, tuple) else str(value)


def _lines(trials: Sequence[Trial], paths: Sequence[str], axes: Sequence[_Axis], objective: Objective) -> list[Json]:
    """One trace per fifth of the ranks, the best fifth last, and dots that can be pointed at on the last axis."""
    data: list[Json] = []
    size = math.ceil(len(trials) / len(BINS))
    for fifth in reversed(range(len(BINS))):
        chosen = list(enumerate(trials))[fifth * size : (fifth + 1) * size]
        x: list[float | None] = []
        y: list[float | None] = []
        for rank, trial in chosen:
            spread = 0.05 * (rank / max(1, len(trials) - 1) - 0.5)  # lines through one value stay apart
            values = [_value(trial, path) for path in paths]
            y += [round(a.place(v) + spread, 4) for a, v in zip(axes, values, strict=False)]
            y += [round(axes[-1].place(trial.measurements[objective.name]), 4), None]
            x += [*range(len(axes)), None]
        if chosen:
            colour = BINS[len(BINS) - 1 - fifth]
            data.append(_line(x, y, colour, best=fifth == 0))
    last = len(axes) - 1
    data.append(
        {
            "type": "scatter",
            "mode": "markers",
            "x": [last] * len(trials),
            "y": [round(axes[-1].place(t.measurements[objective.name]), 4) for t in trials],
            "text": [f"trial {t.number}: {number(t.measurements[objective.name], objective.name)}" for t in trials],
            "hovertemplate": "%{text}<extra></extra>",
            "marker": {"color": "--muted", "size": 4},
        }
    )
    return data


def _line(x: list[float | None], y: list[float | None], colour: str, *, best: bool) -> Json:
    line = {"color": colour, "width": 1.8 if best else 1.1, "shape": "spline", "smoothing": 0.45}
    return {
        "type": "scatter",
        "mode": "lines",
        "x": x,
        "y": y,
        "line": line,
        "opacity": 0.9 if best else 0.55,
        "hoverinfo": "skip",
    }


def _layout(axes: Sequence[_Axis]) -> Json:
    marks = [
        {
            "x": i,
            "y": y,
            "text": safe(text, 16),
            "showarrow": False,
            "xanchor": "left",
            "xshift": 6,
            "font": {"size": 11, "color": "--ink"},
            "bgcolor": "--label",
            "borderpad": 1,
        }
        for i, axis in enumerate(axes)
        for y, text in axis.marks
    ]
    heads = [
        {
            "x": i,
            "y": 1.06 if i % 2 else 1.13,
            "text": safe(_short_path(axis.title), 24),
            "hovertext": safe(axis.title, 120),
            "showarrow": False,
            "xanchor": "left" if i == 0 else "center",
            "font": {"size": 11.5, "color": "--ink"},
        }
        for i, axis in enumerate(axes)
    ]
    posts = [
        {"type": "line", "x0": i, "x1": i, "y0": INACTIVE, "y1": 1, "line": {"color": "--line", "width": 1.5}}
        for i in range(len(axes))
    ]
    return {
        "annotations": heads + marks,
        "shapes": posts,
        "showlegend": False,
        "margin": {"l": 16, "r": 16, "t": 12, "b": 8},
        "xaxis": {"visible": False, "range": [-0.08, len(axes) - 0.45], "fixedrange": True},
        "yaxis": {"visible": False, "range": [INACTIVE - 0.05, 1.2], "fixedrange": True},
    }


def _short_path(path: str) -> str:
    """The end of a path, which tells decisions apart: "stages.0.blocks.1.kernel" is "…blocks.1.kernel"."""
    parts = path.split(".")
    while len(parts) > 2 and len(".".join(parts)) > 20:
        parts.pop(0)
    return ("…" if len(parts) < path.count(".") + 1 else "") + ".".join(parts)


def confusion_matrix(result: Result) -> Figure:
    """Counts per true and predicted class, shaded by the share of the true class."""
    heading = "Confusion matrix"
    counts = [[finite(v) or 0.0 for v in row] for row in result.confusion]
    if not counts or any(len(row) != len(counts) for row in counts):
        why = "A classification task with an opened test split has one; this study has none."
        return Figure("confusion", heading, why)
    names = [result.labels[i] if i < len(result.labels) else str(i) for i in range(len(counts))]
    caption = "The handed-over model on the test split: rows are true classes, columns what was predicted."
    if len(counts) > MAX_CLASSES:
        wrong = [sum(row) - row[i] + sum(r[i] for r in counts) - row[i] for i, row in enumerate(counts)]
        kept = sorted(sorted(range(len(counts)), key=lambda i: -wrong[i])[:MAX_CLASSES])
        caption += f" The {MAX_CLASSES} of {len(counts):,} classes with the most errors are shown."
        counts, names = [[counts[i][j] for j in kept] for i in kept], [names[i] for i in kept]
    ticks = [f"{safe(name, 18)}" for name in names]
    places = list(range(len(ticks)))
    heat = {
        "type": "heatmap",
        "x": places,
        "y": places,
        "z": [[round(v / (sum(row) or 1.0), 4) for v in row] for row in counts],
        "text": [[f"{v:,.0f}" if v else "" for v in row] for row in counts],
        "texttemplate": "%{text}" if len(counts) <= 20 else "",
        "customdata": [[[a, b] for b in ticks] for a in ticks],
        "hovertemplate": "true %{customdata[0]}, predicted %{customdata[1]}: %{text}<extra></extra>",
        "colorscale": [[0, "--panel"], [0.02, "--heat"], [1, "--search"]],
        "showscale": False,
        "zmin": 0,
        "zmax": 1,
        "xgap": 1,
        "ygap": 1,
    }
    axis = {"tickvals": places, "ticktext": ticks, "showgrid": False, "zeroline": False, "automargin": True}
    layout = {
        "xaxis": axis | {"title": {"text": "predicted class"}, "side": "bottom"},
        "yaxis": axis | {"title": {"text": "true class"}, "autorange": "reversed"},
    }
    height = min(720, 150 + 30 * len(counts))
    return Figure("confusion", heading, caption, (View("", [heat], layout),), height=max(300, height))
