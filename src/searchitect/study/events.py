"""The events of a study, to and from the records of `searchitect.trial`.

Everything that depends on the clock stands under the key "clock": two journals of the same study are equal without it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from searchitect.evaluation import CLOCK_MEASUREMENTS, Cause, Outcome
from searchitect.spaces.architecture import Architecture
from searchitect.storage.journal import Event
from searchitect.trial import Fidelity, Proposal, Trial, TrialState

__all__ = [
    "QUARANTINED",
    "RETRIED",
    "Identity",
    "ended",
    "identity",
    "infeasible",
    "reported",
    "retried",
    "reused",
    "started",
    "without_clock",
]

QUARANTINED = frozenset({Cause.MEMORY, Cause.HANG, Cause.CRASH, Cause.KILLED})
"""What an architecture is never sent to a worker again for; written into the end of its trial, so that it cannot be
lost between the two."""

RETRIED = "retried"
"""Kind of the event of a trial that is run again."""

_FULL = Fidelity()  # one for all plain trials: a study of half a million keeps them in memory
_NOTHING: Mapping[str, float] = {}  # likewise

MAX_REASON = 2_000
"""Reasons longer than this are cut, keeping both ends."""

Identity = tuple[str, Fidelity, int | None, int | None, int]


def identity(key: str, proposal: Proposal) -> Identity:
    """What makes two evaluations the same: key, fidelity, lineage and replicate."""
    return (key, proposal.fidelity, proposal.continues, proposal.inherits, proposal.replicate)


def started(trial: Trial) -> Event:
    """A trial begins; everything that running it again needs."""
    return {"kind": "start", **_opening(trial), "seed": trial.seed}


def reused(trial: Trial, of: int) -> Event:
    """A trial that is answered by trial `of`."""
    return {"kind": "reused", **_opening(trial), "of": of}


def infeasible(trial: Trial, reason: str) -> Event:
    """A trial that breaks a limit known beforehand; the only word about it."""
    return {"kind": "infeasible", **_opening(trial), "reason": shortened(reason)}


def reported(number: int, step: int, measurements: Mapping[str, float], stop: str | None) -> Event:
    """What a running trial reported, with the verdict on it: why it is to stop, or nothing."""
    event: Event = {"kind": "report", "number": number, "step": step, "measurements": dict(measurements)}
    return event if stop is None else {**event, "stop": shortened(stop)}


def ended(outcome: Outcome, needed: frozenset[str], elapsed: float) -> Event:
    """The end of a trial; measurements of the clock that nobody needs go under "clock".

    Args:
        needed: names of objectives and limits.
        elapsed: seconds the study has worked so far, over all its sessions.
    """
    timed = {k: v for k, v in outcome.measurements.items() if k in CLOCK_MEASUREMENTS and k not in needed}
    kept = {k: v for k, v in outcome.measurements.items() if k not in timed}
    event: Event = {
        "kind": "end",
        "number": outcome.number,
        "state": outcome.state.value,
        "measurements": kept,
        "reason": None if outcome.reason is None else shortened(outcome.reason),
        "reports": [[step, dict(values)] for step, values in outcome.reports],
        "clock": {"seconds": round(outcome.seconds, 4), "elapsed": round(elapsed, 3), **timed},
    }
    if outcome.cause is not None:
        return {**event, "cause": outcome.cause.value, "quarantined": outcome.cause in QUARANTINED}
    return event


def retried(outcome: Outcome, attempt: int) -> Event:
    """A trial that came to nothing through nobody's known fault, and is run again under its number and seed."""
    assert outcome.cause is not None
    why = {"cause": outcome.cause.value, "reason": shortened(outcome.reason or "")}
    return {"kind": RETRIED, "number": outcome.number, "attempt": attempt, **why}


def shortened(reason: str) -> str:
    """The reason, with its middle left out where it is longer than `MAX_REASON`."""
    if len(reason) <= MAX_REASON:
        return reason
    half = MAX_REASON // 2
    return f"{reason[:half]} … {reason[-half:]}"


def without_clock(event: Event) -> Event:
    """The event as it is compared between two runs."""
    return {key: value for key, value in event.items() if key != "clock"}


def opening_trial(event: Event, seed: int, state: TrialState) -> Trial:
    """The trial that a start, reused or infeasible event speaks of."""
    fidelity = Fidelity.from_json(event["fidelity"]) if event.get("fidelity") else _FULL
    proposal = Proposal(
        Architecture.from_json(event["architecture"]),
        fidelity,
        event.get("continues"),
        event.get("inherits"),
        event.get("replicate", 0),
        event.get("parent"),
        event.get("keeps", False),
    )
    return Trial(
        event["number"], proposal, state, event["key"], seed, event["phase"], _NOTHING, event.get("reason"),
        clock=_NOTHING,
    )  # fmt: skip


def _opening(trial: Trial) -> dict[str, Any]:
    proposal = trial.proposal
    event: dict[str, Any] = {
        "number": trial.number,
        "phase": trial.phase,
        "architecture": proposal.architecture.to_json(),
        "key": trial.key,
    }
    # Written only where they differ from the default: most trials of a search are plain.
    if proposal.fidelity != Fidelity():
        event["fidelity"] = proposal.fidelity.to_json()
    for name in ("continues", "inherits", "parent"):
        if getattr(proposal, name) is not None:
            event[name] = getattr(proposal, name)
    if proposal.replicate:
        event["replicate"] = proposal.replicate
    if proposal.keeps:
        event["keeps"] = True
    return event
