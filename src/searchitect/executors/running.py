"""One job from start to outcome: the part that the serial executor and a worker process share."""

from __future__ import annotations

import math
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path

from searchitect.errors import EvaluationError, SearchitectError, StorageError, TrialStopped
from searchitect.evaluation import Cause, Context, Evaluator, Job, Outcome
from searchitect.executors.causes import is_memory_error
from searchitect.executors.workplace import workplace
from searchitect.trial import TrialState

__all__ = ["MAX_REASON", "OnReport", "failure", "run_job"]

OnReport = Callable[[int, int, Mapping[str, float]], None]
"""Receives (trial number, step, measurements) while the job runs."""

MAX_REASON = 500


def run_job(
    evaluator: Evaluator,
    job: Job,
    on_report: OnReport | None = None,
    explain: Callable[[BaseException], str] | None = None,
    verdict: Callable[[], str | None] = lambda: None,
) -> Outcome:
    """Evaluate and return the outcome. Only KeyboardInterrupt gets out; all else is a failed trial.

    A `StorageError` is the machine's failure, not the candidate's: its outcome says that the study is to halt.

    Args:
        explain: makes one sentence of what was raised; `failure` by default.
        verdict: asked after each report: why the job is to end now, or None.
    """
    desk = _Desk(job.number, on_report, verdict)
    begin = time.perf_counter()
    measurements: Mapping[str, float] = {}
    reason, halt, cause = None, False, None
    try:
        with workplace(job) as folder:
            context = Context(job.seed, job.device, job.seconds, folder, job.number, desk.send)
            measurements = _checked(evaluator.evaluate(job.proposal, context))
    except KeyboardInterrupt:
        raise
    except TrialStopped as error:
        desk.stopped = desk.stopped or str(error) or "it gave itself up"
    except BaseException as error:  # noqa: BLE001 - whatever a candidate raises, SystemExit too, the study goes on
        reason, halt = (explain or failure)(error), isinstance(error, StorageError)
        cause = Cause.MEMORY if is_memory_error(error) else None
    desk.closed = True
    state = TrialState.COMPLETE if reason is None else TrialState.FAILED
    if desk.stopped is not None and not halt:  # whatever it did when it was told to end
        state, reason, measurements, cause = TrialState.PRUNED, desk.stopped, measurements or desk.last, None
    seconds = time.perf_counter() - begin
    return Outcome(job.number, state, measurements, reason, tuple(desk.reports), seconds, halt, cause)


class _Desk:
    """Takes the reports of one job and tells it when to stop."""

    def __init__(self, number: int, on_report: OnReport | None, verdict: Callable[[], str | None]) -> None:
        self._number, self._on_report, self._verdict = number, on_report, verdict
        self.reports: list[tuple[int, Mapping[str, float]]] = []
        self.stopped: str | None = None
        self.closed = False

    @property
    def last(self) -> Mapping[str, float]:
        """What was reported last."""
        return self.reports[-1][1] if self.reports else {}

    def send(self, step: int, measurements: Mapping[str, float]) -> None:
        if self.closed:  # a thread that the evaluation left behind
            return
        if self.stopped is None:
            self.reports.append((int(step), _finite(measurements)))
            if self._on_report is not None:
                self._on_report(self._number, *self.reports[-1])
            self.stopped = self._verdict()
        if self.stopped is not None:
            raise TrialStopped(self.stopped)


def _checked(measurements: object) -> dict[str, float]:
    """What an evaluator returned, as plain finite floats."""
    if not isinstance(measurements, Mapping) or not measurements:
        raise EvaluationError(
            f"the evaluator must return a dictionary of numbers, got {_shown(measurements)}",
            hint='return {"accuracy": 0.9}',
        )
    values: dict[str, float] = {}
    for name, value in measurements.items():
        number = _number(value)
        if not isinstance(name, str) or number is None:
            raise EvaluationError(f"measurement {_shown(name)} must be a number, got {_shown(value)}")
        if not math.isfinite(number):
            raise EvaluationError(f"measurement '{name}' is not finite: {number}")
        values[name] = number
    return values


def _finite(measurements: Mapping[str, float]) -> dict[str, float]:
    """A report as plain floats; a NaN on the way is no failure and is left out: JSON cannot hold it."""
    pairs = ((str(name), _number(value)) for name, value in measurements.items())
    return {name: value for name, value in pairs if value is not None and math.isfinite(value)}


def _number(value: object) -> float | None:
    """A number of Python, numpy or torch as a float; None for anything else, text included."""
    if isinstance(value, (str, bytes)) or not hasattr(value, "__float__"):
        return None
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError, RuntimeError):
        return None


def _shown(value: object) -> str:
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001 - a user's __repr__ may raise anything
        text = "?"
    return f"{text[:80]} ({type(value).__name__})"


def failure(error: BaseException) -> str:
    """Why an evaluation failed, as one sentence: the message, and for foreign exceptions type and place."""
    if isinstance(error, SearchitectError):
        return error.message[:MAX_REASON]
    try:
        lines = str(error).strip().splitlines()
    except Exception:  # noqa: BLE001 - a user's __str__ may raise anything
        lines = []
    text = f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
    return text[:MAX_REASON] + _place(error)


def _place(error: BaseException) -> str:
    """Where it was raised, by file name alone: the reason must not depend on the machine."""
    frames = traceback.extract_tb(error.__traceback__)
    outside = [f for f in frames if not f.filename.startswith(_HERE)] or []
    return f" ({Path(outside[-1].filename).name}, line {outside[-1].lineno})" if outside else ""


_HERE = __file__
