"""`StudyState`: the left fold over a journal. Live and resumed studies go through the same function."""

from __future__ import annotations

import dataclasses
import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from searchitect.errors import StorageError
from searchitect.storage.journal import Event
from searchitect.study.events import RETRIED, Identity, identity, opening_trial
from searchitect.study.sessions import parted
from searchitect.trial import Trial, TrialState

__all__ = ["StudyState", "folding"]


@contextmanager
def folding() -> Iterator[None]:
    """Put garbage collection off while a journal is folded: its records stay, and would be walked again and again."""
    collected = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collected:
            gc.enable()


class StudyState:
    """What is known of a study after some events.

    Attributes:
        manifest: the first event, or None.
        trials: by number; the latest record of each.
        running: numbers of trials without an end, in order of their start.
        told: per phase, every record in the order in which a strategy hears of it.
        phases: how each finished phase ended.
        seconds: busy seconds of the workers, per phase.
        elapsed: seconds the study has worked, over all its sessions.
        ended: numbers of the trials that ran, in order of their ends.
        seen: per trial that ran, how many had ended when it started.
        causes: per trial that ended by something other than its own error, by what (`evaluation.Cause`).
        quarantined: per key of an architecture that brought a worker down, the number of that trial.
        attempts: per trial that was run again for want of a working machine, how often.
        sessions: per trial that ended first after something had happened to driver or store, what (`study.sessions`).
        stops: per trial that a rule stopped, (step, reason).
        marks: every other event (baseline, test_opened, test_result, exported), by kind.
    """

    def __init__(self) -> None:
        self.manifest: Event | None = None
        self.position = 0
        self.trials: list[Trial] = []
        self.running: dict[int, None] = {}
        self.told: dict[str, list[Trial]] = {}
        self.phases: dict[str, Event] = {}
        self.seconds: dict[str, float] = {}
        self.elapsed = 0.0
        self.ended: list[int] = []
        self.seen: dict[int, int] = {}
        self.causes: dict[int, str] = {}
        self.quarantined: dict[str, int] = {}
        self.attempts: dict[int, int] = {}
        self.sessions: dict[int, Mapping[str, Any]] = {}
        self.stops: dict[int, tuple[int, str]] = {}
        self.marks: dict[str, list[Event]] = {}
        self._known: dict[Identity, int] = {}
        self._waiting: dict[int, list[int]] = {}

    def apply(self, event: Event, opened: Trial | None = None) -> list[Trial]:
        """Take one event into account and return the records a strategy is to be told, in order.

        Args:
            opened: the trial that a start event was written from, where the caller has it: saves reading it back.

        Raises:
            StorageError: the event does not follow from those before it, or lacks what its kind must have.
        """
        self.position += 1
        try:
            return self._take(event, opened)
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            what = f"{type(error).__name__}: {error}"
            raise StorageError(
                f"event {self.position} ({event.get('kind')!s:.40}) does not fit into this journal: {what[:200]}",
                hint="the store was changed or damaged: restore it from a copy",
            ) from error

    def _take(self, event: Event, opened: Trial | None) -> list[Trial]:
        kind = event["kind"]
        if kind == "start":
            return self._start(opened or opening_trial(event, event["seed"], TrialState.RUNNING))
        if kind == "end":
            return self._end(event)
        if kind == "report":
            return self._report(event)
        if kind == "reused":
            return self._reuse(opening_trial(event, self.trials[event["of"]].seed, TrialState.RUNNING), event["of"])
        if kind == "infeasible":
            return self._remember(opening_trial(event, 0, TrialState.INFEASIBLE))
        if kind == "manifest":
            self.manifest = event
        elif kind == "phase":
            self.phases[event["phase"]] = event
        elif kind == "scored":  # its seconds are the ledger's, under "proxies"
            self.marks.setdefault(kind, []).append(event)
            self.seconds["proxies"] = self.seconds.get("proxies", 0.0) + event["clock"]["seconds"]
        else:
            if kind == RETRIED:
                self.attempts[event["number"]] = event["attempt"]
            self.marks.setdefault(kind, []).append(event)
        self.elapsed = max(self.elapsed, event.get("clock", {}).get("elapsed", 0.0))
        return []

    def find(self, wanted: Identity) -> int | None:
        """Number of the trial that evaluated, or evaluates, exactly this; None if there is none."""
        return self._known.get(wanted)

    def of_phase(self, phase: str) -> list[Trial]:
        """The latest record of every trial of a phase, in order of number."""
        return [trial for trial in self.trials if trial.phase == phase]

    def _report(self, event: Event) -> list[Trial]:
        """The running trial with one report more; no strategy is told."""
        trial = self.trials[_index(event["number"])]
        self.trials[trial.number] = dataclasses.replace(
            trial, reports=(*trial.reports, (event["step"], _numbers(event["measurements"])))
        )
        if "stop" in event:
            self.stops.setdefault(trial.number, (event["step"], event["stop"]))
        return []

    def _start(self, trial: Trial) -> list[Trial]:
        self.seen.setdefault(trial.number, len(self.ended))
        self.running[trial.number] = None
        self._known.setdefault(identity(trial.key, trial.proposal), trial.number)
        return self._remember(trial)

    def _reuse(self, trial: Trial, of: int) -> list[Trial]:
        original = self.trials[of]
        running = dataclasses.replace(trial, reused=of)
        if original.state is TrialState.RUNNING:
            self._waiting.setdefault(of, []).append(trial.number)
            return self._remember(running)
        return self._remember(running) + self._remember(_copied(running, original))

    def _end(self, event: Event) -> list[Trial]:
        clock, happened = parted(event.get("clock", {}))
        started = self.trials[_index(event["number"])]
        trial = dataclasses.replace(
            started,
            state=TrialState(event["state"]),
            measurements=_numbers(event["measurements"]),
            reason=event["reason"],
            reports=(*started.reports, *((step, values) for step, values in event["reports"])),
            clock=clock,
        )
        if happened:
            self.sessions[trial.number] = happened
        if "cause" in event:
            self.causes[trial.number] = event["cause"]
            if event["quarantined"]:
                self.quarantined.setdefault(trial.key, trial.number)
        self.ended.append(trial.number)
        self.running.pop(trial.number, None)
        self.elapsed = max(self.elapsed, clock.get("elapsed", 0.0))
        self.seconds[trial.phase] = self.seconds.get(trial.phase, 0.0) + clock.get("seconds", 0.0)
        told = self._remember(trial)
        for number in self._waiting.pop(trial.number, ()):
            told += self._remember(_copied(self.trials[number], trial))
        return told

    def _remember(self, trial: Trial) -> list[Trial]:
        if trial.number == len(self.trials):
            self.trials.append(trial)
        else:
            self.trials[_index(trial.number)] = trial
        self.told.setdefault(trial.phase, []).append(trial)
        return [trial]


def _index(number: int) -> int:
    if number < 0:  # would count from the end
        raise ValueError(f"there is no trial {number}")
    return number


def _numbers(measurements: Mapping[str, float]) -> Mapping[str, float]:
    """Measurements as they must be: numbers by name."""
    for name, value in measurements.items():
        if not isinstance(value, (int, float)):
            raise TypeError(f"{name} is {value!r:.40}, no number")
    return measurements


def _copied(trial: Trial, original: Trial) -> Trial:
    """The reused trial with the result of the original; it cost nothing, so it has no clock."""
    result: Mapping[str, Any] = {
        "state": original.state,
        "measurements": original.measurements,
        "reason": original.reason,
        "reports": original.reports,
    }
    return dataclasses.replace(trial, **result)
