"""The interactive figures, as plotly's JSON made by hand: plain dictionaries, no plotly needed to make them.

Colours are tokens such as "--search"; the page puts in the value of that CSS variable, so that one figure serves
light and dark. Every string that comes from a journal is escaped, because plotly reads a little HTML. The size is
bounded whatever the study: points are thinned, curves downsampled, numbers kept to six digits.
"""

from __future__ import annotations

import html
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from searchitect.report.facts import finite
from searchitect.report.numbers import shortened, six, title
from searchitect.report.tables import is_feasible, ranked, seconds_of
from searchitect.trial import Fidelity, TrialState

if TYPE_CHECKING:
    from searchitect.objectives import Objective
    from searchitect.result import Result
    from searchitect.trial import Trial

__all__ = ["ARMS", "Figure", "View", "band", "best_so_far", "learning_curves", "safe", "thinned", "trade_off"]

Json = dict[str, Any]

ARMS = (("search", "--search", "solid", "circle"), ("random", "--random", "dash", "diamond"))
"""Arm, colour, dash and marker: colour is never the only difference."""
MAX_POINTS = 600
MAX_STEPS = 400
MAX_CURVES = 10
MAX_CURVE_POINTS = 150


@dataclass(frozen=True, slots=True)
class View:
    """One way to show a figure; the page offers a button per view."""

    label: str
    data: list[Json]
    layout: Json


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure with the sentence that explains it.

    Attributes:
        name: identifier in the page.
        views: empty where there is nothing to draw; `caption` then says why.
        width: least width in pixels; narrower windows scroll.
        height: in pixels.
    """

    name: str
    title: str
    caption: str
    views: tuple[View, ...] = ()
    height: int = 380
    width: int = 0


def best_so_far(result: Result) -> Figure:
    """The best feasible value of the first objective against cost, for the search and for random search."""
    name, heading = "best-so-far", "Best so far against cost"
    arms = [(arm, steps) for arm in ARMS if result.objectives and (steps := _steps(result, arm[0]))]
    if not arms:
        return Figure(name, heading, "No trial of the search is complete and within the limits, so there is no best.")
    objective = result.objectives[0]
    frame = _frame(objective, [s for _, steps in arms for s in steps])
    costs = [("evaluations", "evaluations (reused ones are free)")]
    if all(any(s.seconds for s in steps) for _, steps in arms):
        costs.append(("seconds", "cost (seconds of evaluation, summed over workers)"))
    if result.stopped_by == "budget":  # the two searches were given the same time: show that first
        costs.reverse()
    views = tuple(_best_view(arms, label, words, objective, frame) for label, words in costs)
    better = "higher" if objective.direction == "maximize" else "lower"
    caption = (
        f"Validation data; {better} is better. Lines: the best value within the limits so far. Marks: single trials, "
        "open where they break a limit; the poorest lie outside the frame."
    )
    return Figure(name, heading, caption, views)


@dataclass(frozen=True, slots=True)
class _Step:
    """One evaluation: its cost so far, its value, and the best until now (None before the first)."""

    number: int
    evaluations: int
    seconds: float
    value: float | None
    best: float | None
    feasible: bool

    def cost(self, label: str) -> float:
        return self.evaluations if label == "evaluations" else self.seconds


def _steps(result: Result, phase: str) -> list[_Step]:
    paid = [
        t
        for t in result.trials
        if t.phase == phase and t.reused is None and t.state.is_finished and t.state is not TrialState.INFEASIBLE
    ]
    full = max((_spent(t.proposal.fidelity) for t in paid), default=None)
    objective, best, seconds, steps = result.objectives[0], None, 0.0, []
    for count, trial in enumerate(paid, 1):
        seconds += seconds_of(trial)
        value = finite(trial.measurements.get(objective.name)) if trial.is_complete else None
        feasible = is_feasible(trial, result)
        counts = feasible and _spent(trial.proposal.fidelity) == full
        if counts and value is not None and (best is None or objective.better(value, best)):
            best = value
        steps.append(_Step(trial.number, count, seconds, value, best, feasible))
    return steps if best is not None else []


def _spent(fidelity: Fidelity) -> tuple[float, ...]:
    epochs, seconds = (math.inf if bound is None else bound for bound in (fidelity.epochs, fidelity.seconds))
    return (epochs, fidelity.data_fraction, fidelity.resolution, seconds)


def _frame(objective: Objective, steps: Sequence[_Step]) -> list[float]:
    """The range of the y axis: the better 60 % of the trials, so that outliers do not flatten the lines."""
    values = sorted((s.value for s in steps if s.value is not None), key=objective.loss)
    best = [s.best for s in steps if s.best is not None]
    low = min([values[int(0.6 * (len(values) - 1))], *best])
    high = max([values[int(0.6 * (len(values) - 1))], *best])
    margin = 0.08 * (high - low) or 0.05 * abs(high) or 0.05
    return [low - margin, high + margin]


def _best_view(arms: Sequence[Any], label: str, words: str, objective: Objective, frame: list[float]) -> View:
    data: list[Json] = []
    for (arm, colour, dash, marker), steps in arms:
        dots = thinned([s for s in steps if s.value is not None], MAX_POINTS)
        data.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": f"{arm}: trials",
                "x": [_round(s.cost(label)) for s in dots],
                "y": [_round(s.value) for s in dots],
                "text": [s.number for s in dots],
                "hovertemplate": "trial %{text}: %{y}<extra></extra>",
                "marker": {
                    "color": colour,
                    "symbol": [marker if s.feasible else f"{marker}-open" for s in dots],
                    "size": 6,
                    "opacity": 0.45,
                },
                "showlegend": False,
            }
        )
        line = _improvements(steps)
        data.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": "random search" if arm == "random" else arm,
                "x": [_round(s.cost(label)) for s in line],
                "y": [_round(s.best) for s in line],
                "text": [s.number for s in line],
                "hovertemplate": "best after trial %{text}: %{y}<extra></extra>",
                "line": {"color": colour, "dash": dash, "shape": "hv", "width": 2.5},
            }
        )
    layout = {
        "xaxis": {"title": {"text": words}, "rangemode": "tozero"},
        "yaxis": {"title": {"text": safe(title(objective.name))}, "range": frame},
    }
    return View(label, data, layout)


def _improvements(steps: Sequence[_Step]) -> list[_Step]:
    kept: list[_Step] = []
    for step in steps:
        if step.best is not None and (not kept or step.best != kept[-1].best):
            kept.append(step)
    last = [steps[-1]] if steps[-1] is not kept[-1] else []
    return thinned(kept, MAX_STEPS) + last


def trade_off(result: Result) -> Figure:
    """The first objective against the second, or against size where there is only one."""
    pair = _pair(result)
    shown = [] if pair is None else [t for t in ranked(result.trials, result) if _known(t, pair[1])]
    heading = "Trade-off" if pair is None else f"{title(pair[0].name)} against {title(pair[1])}"
    heading = heading[:1].upper() + heading[1:]
    if pair is None or not shown:
        why = "No complete trial has a second measurement to draw the first objective against."
        return Figure("trade-off", heading, why)
    objective, other = pair
    maximize_other = any(o.name == other and o.direction == "maximize" for o in result.objectives)
    data = [trace for arm in ARMS if (trace := _cloud(result, shown, arm, pair))]
    data += _front_and_star(result, shown, pair, maximize_other)
    values = [t.measurements[other] for t in shown]
    wide = min(values) > 0 and max(values) / min(values) > 20
    layout = {
        "xaxis": {"title": {"text": safe(title(other))}, "type": "log" if wide else "linear"},
        "yaxis": {"title": {"text": safe(title(objective.name))}},
    }
    caption = (
        "Each mark is an architecture, on validation data. The line joins those that no other beats in both; "
        "open marks break a limit; the star is the architecture of the handed-over model."
    )
    if len(result.objectives) > 2:
        caption += f" Of {len(result.objectives)} objectives the first two are drawn."
    return Figure("trade-off", heading, caption, (View("", data, layout),))


def _pair(result: Result) -> tuple[Objective, str] | None:
    if not result.objectives:
        return None
    first = result.objectives[0]
    names = {name for t in result.trials if t.is_complete for name in t.measurements} - {first.name}
    wanted = [o.name for o in result.objectives[1:]] + ["parameters", "flops", "latency_ms", "peak_memory_bytes"]
    other = next((name for name in [*wanted, *sorted(names)] if name in names), None)
    return None if other is None else (first, other)


def _known(trial: Trial, name: str) -> bool:
    return trial.phase != "confirm" and trial.reused is None and finite(trial.measurements.get(name)) is not None


def _cloud(result: Result, shown: Sequence[Trial], arm: Sequence[str], pair: tuple[Objective, str]) -> Json | None:
    phase, colour, _, marker = arm
    trials = thinned([t for t in shown if t.phase == phase], MAX_POINTS)
    if not trials:
        return None
    objective, other = pair
    return {
        "type": "scatter",
        "mode": "markers",
        "name": "random search" if phase == "random" else phase,
        "x": [_round(t.measurements[other]) for t in trials],
        "y": [_round(t.measurements[objective.name]) for t in trials],
        "text": [t.number for t in trials],
        "hovertemplate": "trial %{text}<br>%{y}<br>%{x}<extra></extra>",
        "marker": {
            "color": colour,
            "size": 8 if len(trials) < 200 else 6,
            "opacity": 0.75 if len(trials) < 200 else 0.4,
            "symbol": [marker if is_feasible(t, result) else f"{marker}-open" for t in trials],
        },
    }


def _front_and_star(
    result: Result, shown: Sequence[Trial], pair: tuple[Objective, str], maximize_other: bool
) -> list[Json]:
    objective, other = pair
    sign = -1.0 if maximize_other else 1.0
    feasible = [t for t in shown if is_feasible(t, result)]
    feasible.sort(key=lambda t: (sign * t.measurements[other], objective.loss(t.measurements[objective.name])))
    front: list[Trial] = []
    for trial in feasible:
        value = trial.measurements[objective.name]
        if not front or objective.better(value, front[-1].measurements[objective.name]):
            front.append(trial)
    traces = [_marks("no other beats these in both", thinned(front, MAX_STEPS), pair)]
    traces[0] |= {"mode": "lines", "line": {"color": "--ink", "width": 1.2, "dash": "dot", "shape": "hv"}}
    key = next((t.key for t in result.trials if result.best is not None and t.number == result.best.trial), None)
    chosen = [t for t in shown if t.key == key][:1]
    if chosen:
        star = {"color": "--best", "symbol": "star", "size": 17, "line": {"color": "--panel", "width": 1.5}}
        traces.append(_marks("handed over", chosen, pair) | {"mode": "markers", "marker": star})
    return traces


def _marks(name: str, trials: Sequence[Trial], pair: tuple[Objective, str]) -> Json:
    return {
        "type": "scatter",
        "name": name,
        "x": [_round(t.measurements[pair[1]]) for t in trials],
        "y": [_round(t.measurements[pair[0].name]) for t in trials],
        "text": [t.number for t in trials],
        "hovertemplate": "trial %{text}<br>%{y}<br>%{x}<extra></extra>",
    }


def learning_curves(result: Result) -> Figure:
    """What the best trials reported while they trained."""
    name, heading = "curves", "Learning curves of the best trials"
    told = [t for t in ranked(result.trials, result) if len(t.reports) > 1 and t.reused is None][:MAX_CURVES]
    metric = _reported(result, told)
    if metric is None:
        return Figure(name, heading, "No trial reported intermediate measurements.")
    data = [trace for place, t in enumerate(told) if (trace := _curve(t, metric, place))]
    count, stopped = len(data), _stopped_curves(result, metric)
    data = [*stopped, *reversed(data)]  # the best is drawn last, on top
    layout = {
        "xaxis": {"title": {"text": "step (epoch, where the training loop reports epochs)"}},
        "yaxis": {"title": {"text": safe(title(metric))}},
        "legend": {"traceorder": "reversed"},
    }
    caption = f"The {count} best trials that reported, on validation data; the best one stands out."
    if stopped:
        caption += f" Dotted: {len(stopped)} that were stopped early; the table of trials says why."
    return Figure(name, heading, caption, (View("", data, layout),))


def _stopped_curves(result: Result, metric: str) -> list[Json]:
    """Curves of some trials that a rule ended, as thin lines behind the others."""
    pruned = [t for t in result.trials if t.state is TrialState.PRUNED and t.reused is None]
    traces = [trace for t in thinned(pruned, MAX_CURVES) if (trace := _curve(t, metric, 1))]
    for trace in traces:
        trace["name"] += " (stopped)"
        trace["line"] = {"color": "--muted", "width": 1.2, "dash": "dot"}
    return traces


def _reported(result: Result, trials: Sequence[Trial]) -> str | None:
    names = list(dict.fromkeys(itertools.chain.from_iterable(v for t in trials for _, v in t.reports)))
    wanted = [o.name for o in result.objectives]
    return next((name for name in [*wanted, "validation_loss", "loss", *names] if name in names), None)


def _curve(trial: Trial, metric: str, place: int) -> Json | None:
    points = [(step, value) for step, v in trial.reports if (value := finite(v.get(metric))) is not None]
    points = thinned(points, MAX_CURVE_POINTS)
    if not points:
        return None
    colour = "--best" if place == 0 else "--random" if trial.phase == "random" else "--search"
    return {
        "type": "scatter",
        "mode": "lines",
        "name": f"trial {trial.number}" + (" (best)" if place == 0 else ""),
        "x": [_round(step) for step, _ in points],
        "y": [_round(value) for _, value in points],
        "opacity": 1.0 if place == 0 else 0.5,
        "hovertemplate": f"trial {trial.number} ({safe(trial.phase)}): %{{y}}<extra></extra>",
        "line": {
            "color": colour,
            "width": 3 if place == 0 else 1.4,
            "dash": ("solid", "dash", "dot", "dashdot")[place % 4] if place else "solid",
        },
    }


def safe(text: object, limit: int = 60) -> str:
    """Text for plotly, which reads a little HTML: escaped and of bounded length."""
    return html.escape(shortened(text, limit) if limit > 60 else _cut(str(text), limit), quote=False)


def thinned(items: Sequence[Any], limit: int) -> list[Any]:
    """At most `limit` of the items at even distances, the first and the last among them."""
    if len(items) <= limit:
        return list(items)
    return [items[round(i * (len(items) - 1) / (limit - 1))] for i in range(limit)]


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


def band(x: Sequence[float], low: Sequence[float], high: Sequence[float], colour: str) -> Json:
    """A shaded band along a curve."""
    return {
        "type": "scatter",
        "mode": "lines",
        "x": [*x, *x[::-1]],
        "y": [six(v) for v in (*high, *low[::-1])],
        "fill": "toself",
        "fillcolor": colour,
        "opacity": 0.16,
        "line": {"width": 0},
        "hoverinfo": "skip",
        "showlegend": False,
    }


def _round(value: float | None) -> float | None:
    value = finite(value)
    return None if value is None else six(value)
