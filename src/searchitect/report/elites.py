"""The archive of a search for niches: one mark for the best of each, beside what random search found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from searchitect.errors import ConfigError
from searchitect.report.figures import ARMS, Figure, View, safe, thinned
from searchitect.report.numbers import measured, six, title

if TYPE_CHECKING:
    from searchitect.result import Result
    from searchitect.study.elites import Elites

__all__ = ["archive"]

Json = dict[str, Any]

MAX_NICHES = 60
"""Niches that are drawn."""


def archive(result: Result) -> Figure | None:
    """The elite of every niche, for the search and for random search; None where the search had no niches."""
    if result.niches is None or not result.objectives:
        return None
    name, heading = "elites", "The best of every niche"
    try:
        arms = {arm[0]: result.elites(phase=arm[0]) for arm in ARMS if any(t.phase == arm[0] for t in result.trials)}
    except ConfigError as error:
        return Figure(name, heading, f"Not drawn: {error.message}.")
    if not any(elites.coverage for elites in arms.values()):
        return Figure(name, heading, "No complete trial lies in a niche.")
    objective = result.objectives[0]
    data = [_marks(arm, arms[arm[0]], objective.name) for arm in ARMS if arm[0] in arms]
    names = [safe(member.niche) for member in _shown(next(iter(arms.values())))]
    layout = {
        "xaxis": {"title": {"text": safe(title(objective.name))}},
        "yaxis": {
            "type": "category",
            "categoryorder": "array",
            "categoryarray": names[::-1],
            "range": [-0.7, len(names) - 0.3],
            "automargin": True,
        },
    }
    height = 130 + 26 * len(names)
    return Figure(name, heading, _caption(arms, len(names)), (View("", data, layout),), height)


def _shown(elites: Elites) -> list[Any]:
    return thinned(elites.members, MAX_NICHES)


def _marks(arm: Any, elites: Elites, objective: str) -> Json:
    phase, colour, _, marker = arm
    filled = [member for member in _shown(elites) if member.trial is not None]
    texts = []
    for member in filled:
        features = ", ".join(f"{safe(name)} {measured(name, value)}" for name, value in member.features.items())
        texts.append(f"trial {member.trial.number}" + (f"<br>{features}" if features else ""))
    return {
        "type": "scatter",
        "mode": "markers",
        "name": "random search" if phase == "random" else phase,
        "x": [six(member.value) for member in filled],
        "y": [safe(member.niche) for member in filled],
        "text": texts,
        "hovertemplate": "%{text}<br>%{x}<extra></extra>",
        "marker": {"color": colour, "symbol": marker, "size": 11, "opacity": 0.85},
    }


def _caption(arms: dict[str, Elites], shown: int) -> str:
    count = len(next(iter(arms.values())))
    told = [
        f"{'random search' if phase == 'random' else phase}: {round(elites.coverage * count)} of {count} niches have a "
        f"model, QD score {elites.qd_score:.4g}"
        for phase, elites in arms.items()
    ]
    caption = "Validation data; niches may overlap, so one trial may be the best of several. " + "; ".join(told) + "."
    return caption + (f" {shown} niches are drawn." if shown < count else "")
