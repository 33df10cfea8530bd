"""Alarms of a strategy, written into the journal as soon as the journal gives cause for one.

A strategy by rungs offers `alarms()`, a pure function of what it was told: pairs of rungs that put the same
architectures in another order. It raises its least rung by itself; here the event is written that the result shows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from searchitect.objectives import parse_objective
from searchitect.study.effort import described
from searchitect.study.state import StudyState
from searchitect.trial import Fidelity

if TYPE_CHECKING:
    from searchitect.study.study import Study

__all__ = ["RUNG_ALARM", "fidelity_warnings", "note_alarms"]

RUNG_ALARM = "rung_alarm"
"""Kind of the event."""


def note_alarms(study: Study) -> None:
    """Write those alarms of the phase's strategy that the journal does not hold yet.

    Called after every end and at the beginning of a session, so that an interrupted journal has them at the same place.
    """
    ask = getattr(study.strategy, "alarms", None)
    if not callable(ask):
        return
    known = [(event["lower"], event["higher"]) for event in study.state.marks.get(RUNG_ALARM, ())]
    for alarm in ask():
        document = alarm.to_json()
        if (document["lower"], document["higher"]) not in known:
            study.mark({"kind": RUNG_ALARM, "phase": study.phase, **document})


def fidelity_warnings(state: StudyState) -> list[str]:
    """What a reader must know of rungs, continued trials and stopping, one sentence each."""
    return [*_disagreements(state), *_blind_rule(state), *_afresh(state)]


def _disagreements(state: StudyState) -> Iterator[str]:
    """What the journal holds of rungs that put the same architectures in another order."""
    for alarm in state.marks.get(RUNG_ALARM, ()):
        lower, higher = (described(Fidelity.from_json(alarm[name])) for name in ("lower", "higher"))
        yield (
            f"the rungs of {lower} and of {higher} disagree (Kendall's τ = {alarm['tau']:.2f} over {alarm['pairs']} "
            "architectures that reached both), so new ones no longer begin on the lower"
        )


def _blind_rule(state: StudyState) -> Iterator[str]:
    """Why a stopping rule could not act."""
    settings = {} if state.manifest is None else state.manifest["settings"]
    ended = [trial for trial in state.of_phase("search") if trial.is_complete]
    told = {name for trial in ended for _, values in trial.reports for name in values}
    missing = [name for text in settings.get("objectives", ()) if (name := parse_objective(text).name) not in told]
    if settings.get("stopping") and ended and missing:
        yield f"the {settings['stopping']} rule stopped nothing: no trial told {missing[0]!r} while it ran"


def _afresh(state: StudyState) -> Iterator[str]:
    """Trials of higher rungs that had nothing to go on from."""
    count = sum(trial.measurements.get("continued_epochs") == 0.0 for trial in state.of_phase("search"))
    if count:
        yield (
            f"{count} trial(s) of higher rungs were trained afresh, and their cost is counted: "
            "only a constant schedule can be continued (docs/multi_fidelity.md)"
        )
