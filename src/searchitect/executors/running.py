"""One job from start to outcome: the part that the serial executor and a worker process share."""

from __future__ import annotations

import math
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path

from searchitect.errors import EvaluationError, SearchitectError, StorageError
from searchitect.evaluation import Context, Evaluator, Job, Outcome
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
) -> Outcome:
    """Evaluate and return the outcome. Only KeyboardInterrupt gets out; all else is a failed trial.

    A `StorageError` is the machine's failure, not the candidate's: its outcome says that the study is to halt.

    Args:
        explain: makes one sentence of what was raised; `failure` by default.
    """
    reports: list[tuple[int, Mapping[str, float]]] = []

    def send(step: int, measurements: Mapping[str, float]) -> None:
        report = (int(step), _finite(measurements))
        reports.append(report)
        if on_report is not None:
            on_report(job.number, *report)

    begin = time.perf_counter()
    measurements: Mapping[str, float] = {}
    reason, halt = None, False
    try:
        if job.folder is not None:
            job.folder.mkdir(parents=True, exist_ok=True)
        context = Context(job.seed, job.device, job.seconds, job.folder, job.number, send)
        measurements = _checked(evaluator.evaluate(job.proposal, context))
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - whatever a candidate raises, SystemExit too, the study goes on
        reason, halt = (explain or failure)(error), isinstance(error, StorageError)
    state = TrialState.COMPLETE if reason is None else TrialState.FAILED
    return Outcome(job.number, state, measurements, reason, tuple(reports), time.perf_counter() - begin, halt)


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
