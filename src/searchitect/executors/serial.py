"""Evaluate in this process, one at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from searchitect.evaluation import Evaluator, Job, Listener, Outcome
from searchitect.executors.pool import Closing, not_taken
from searchitect.executors.running import OnReport, run_job

__all__ = ["SerialExecutor"]


class SerialExecutor(Closing):
    """Runs the submitted job when its outcome is collected. A breakpoint in the evaluation works.

    It cannot survive a segmentation fault, an endless loop or exhausted memory of a candidate: they end or
    block the whole study. `job.seconds` reaches the evaluator as `context.deadline` and binds only those that
    respect it.
    `ProcessExecutor` has none of these limits.

    Args:
        on_report: called with (trial number, step, measurements) for each report while a job runs.
    """

    workers = 1

    def __init__(self, evaluator: Evaluator, *, on_report: OnReport | None = None) -> None:
        self.evaluator = evaluator
        self._on_report = on_report
        self._job: Job | None = None
        self._running: Job | None = None
        self._closed = False
        self._listener: Listener | None = None
        self._stop: str | None = None

    @property
    def capacity(self) -> int:
        """1 when free, otherwise 0."""
        return int(self._job is None and not self._closed)

    def submit(self, job: Job) -> None:
        """Take a job; it runs in `collect`.

        Raises:
            ConfigError: another job waits, or the executor is closed.
        """
        if self.capacity == 0:
            raise not_taken(job, closed=self._closed)
        self._job = job

    def collect(self, timeout: float | None = None) -> Sequence[Outcome]:
        """Run what was submitted and return its outcome; `timeout` cannot be kept here."""
        job, self._running = self._job, self._job
        self._job = None
        if job is None:
            return ()
        try:
            return (run_job(self.evaluator, job, self._report, verdict=lambda: self._stop),)
        finally:
            self._running, self._stop = None, None

    def follow(self, listener: Listener | None, *, exact: bool = False) -> None:
        """Call `listener` for every report; a job that it stops ends at this very report, asked for or not."""
        self._listener = listener

    def stop(self, number: int, reason: str) -> None:
        """Let the job end at its next report, or at the one whose listener says so."""
        if any(job is not None and job.number == number for job in (self._job, self._running)):
            self._stop = reason

    def _report(self, number: int, step: int, measurements: Mapping[str, float]) -> None:
        for told in (self._on_report, self._listener):
            if told is not None:
                told(number, step, measurements)

    def close(self) -> None:
        """Drop a job that has not run. Safe to call twice."""
        self._job, self._closed = None, True
