"""Evaluate in persistent worker processes, which are replaced when a candidate brings one down."""

from __future__ import annotations

import os
import selectors
import signal
import time
import weakref
from collections.abc import Mapping
from typing import Any

from searchitect.errors import ConfigError
from searchitect.evaluation import Cause, Evaluator, Job, Outcome
from searchitect.executors.causes import cause_of_death
from searchitect.executors.memory import told_within
from searchitect.executors.pool import Pool, check_workers
from searchitect.executors.running import OnReport
from searchitect.executors.signs import hung
from searchitect.executors.travel import serialised
from searchitect.executors.worker_process import WorkerProcess
from searchitect.trial import TrialState

__all__ = ["ProcessExecutor"]

_HEARTBEAT = 0.5
"""Seconds between two looks at whether a worker died whose children keep its connection open."""

_FUTILE = 3
"""So many workers in a row that die before they begin a job mean that the next one will, too."""

_LOCAL = "workers=0 runs in this process and shows the traceback"


class ProcessExecutor(Pool[WorkerProcess]):
    """Runs jobs in worker processes, started as programs of their own and kept for many jobs.

    A crash, a signal, exhausted memory or a job that takes too long costs that job (it fails, with the reason) and
    its worker (replaced at once), nothing else. The evaluator is serialised once and travels over our own connection.
    Workers end with this process, however it ends. To be used from one thread.

    Args:
        workers: how many; each uses one thread.
        start_timeout: seconds a worker may take to start and load the evaluator.
        grace: seconds beyond `job.seconds` before a worker is killed, so that an evaluator may end by itself.
        memory_bytes: what evaluations may allocate on top of a started worker (address space); None for no limit.
        hang_seconds: a job that has neither reported nor used the processor for so long is ended; None for never.
        on_report: called with (trial number, step, measurements) as reports arrive, inside `collect`.

    Raises:
        ConfigError: an argument is wrong, or something in the evaluator cannot travel to another process.
    """

    def __init__(
        self,
        evaluator: Evaluator,
        workers: int = 2,
        *,
        start_timeout: float = 120.0,
        grace: float = 5.0,
        memory_bytes: int | None = None,
        hang_seconds: float | None = None,
        on_report: OnReport | None = None,
    ) -> None:
        super().__init__(on_report)
        check_workers(workers, 1, hint=_LOCAL)
        limits = [limit for limit in (memory_bytes, hang_seconds) if limit is not None]
        if start_timeout <= 0 or grace < 0 or any(limit <= 0 for limit in limits):
            raise ConfigError(
                "start_timeout, memory_bytes and hang_seconds must be positive, grace must not be negative"
            )
        self.evaluator, self.workers = evaluator, workers
        self._start_timeout, self._grace = start_timeout, grace
        self._memory_bytes, self._hang_seconds = memory_bytes, hang_seconds
        self._payload = serialised(evaluator)
        self._selector = selectors.DefaultSelector()
        self._any_ready, self._futile = False, 0
        # Also runs at the end of the interpreter; holds no reference to this object.
        self._stop = weakref.finalize(self, _end_all, self._pool, self._selector, os.getpid())
        try:
            for _ in range(workers):
                self._start()
        except BaseException:
            self.close()
            raise

    def submit(self, job: Job) -> None:
        """Give a job to a free worker.

        Raises:
            ConfigError: no worker is free, or the executor is closed.
        """
        idle = self._idle(job)
        # One that has died in the meantime is noticed when a job waits, and takes none.
        worker = max(idle, key=lambda worker: (not worker.has_exited, worker.ready))
        worker.give(job, self._exact)
        self._listen(worker)

    def stop(self, number: int, reason: str) -> None:
        """Let the job of this trial end at its next report; with `exact` at the one it waits at."""
        for worker in self._pool:
            if worker.job is not None and worker.job.number == number and worker.stop is None:
                worker.stop = reason
                if not self._exact:
                    worker.answer(number, reason)
                    self._listen(worker)

    def close(self) -> None:
        """Stop the workers. Jobs still running are abandoned without an outcome. Safe to call twice."""
        self._stop()

    def _start(self) -> None:
        worker = WorkerProcess(self._payload, self._memory_bytes, self._start_timeout)
        self._pool.append(worker)
        self._selector.register(worker, selectors.EVENT_READ)
        self._listen(worker)

    def _listen(self, worker: WorkerProcess) -> None:
        mask = selectors.EVENT_READ | (selectors.EVENT_WRITE if worker.has_mail else 0)
        if self._selector.get_key(worker).events != mask:
            self._selector.modify(worker, mask)

    def _step(self, end: float | None) -> None:
        """Wait for something to happen, once, and deal with it."""
        until = [_HEARTBEAT + time.monotonic(), *(w.deadline for w in self._pool if w.deadline is not None)]
        wait = min(until if end is None else [*until, end]) - time.monotonic()
        for key, mask in self._selector.select(max(0.0, wait)):
            worker = key.fileobj
            assert isinstance(worker, WorkerProcess)
            if mask & selectors.EVENT_WRITE:
                worker.flush()
                self._listen(worker)
            if mask & selectors.EVENT_READ:
                self._hear(worker)
        for worker in list(self._pool):
            if worker.has_exited:
                self._hear(worker)
            elif _is_late(worker) or _is_silent(worker, self._hang_seconds):
                self._hear(worker)  # the end may have arrived in this very moment
                self._give_up(worker)

    def _hear(self, worker: WorkerProcess) -> None:
        messages, connected = worker.receive()
        for kind, *values in messages:
            self._take(worker, kind, values)
        if not connected or worker.has_exited:
            self._bury(worker)

    def _take(self, worker: WorkerProcess, kind: str, values: list[Any]) -> None:
        """Act on one message of a worker; they are listed in `worker.py`."""
        job = worker.job
        if kind == "ready":
            worker.ready, worker.deadline, self._any_ready = True, None, True
        elif kind == "broken":
            raise ConfigError(f"a worker could not load the evaluator: {values[0]}", hint=_LOCAL)
        elif job is None:
            return
        elif kind == "start":
            self._futile, worker.begun = 0, time.monotonic()
            worker.signs.note()
            if job.seconds is not None:
                worker.deadline = worker.begun + job.seconds + self._grace
        elif kind == "report":
            number, step, measurements = values
            if number == job.number:  # otherwise of a thread left behind by an earlier job
                self._report(worker, number, step, measurements)
        elif kind == "end":
            state, measurements, reason, seconds, halt, cause = values
            why, reports = None if cause is None else Cause(cause), tuple(worker.reports)
            told = Outcome(job.number, TrialState(state), measurements, reason, reports, seconds, halt, why)
            self._ended.append(told)
            worker.job, worker.begun, worker.deadline = None, None, None

    def _report(self, worker: WorkerProcess, number: int, step: int, measurements: Mapping[str, float]) -> None:
        worker.reports.append((step, measurements))
        worker.signs.note()
        self._tell(number, step, measurements)
        if self._exact:
            worker.answer(number, worker.stop)
            self._listen(worker)

    def _give_up(self, worker: WorkerProcess) -> None:
        """A deadline has passed, of the start or of a job, or there is no sign of life any more."""
        late = _is_late(worker)
        if worker.closed or not (late or _is_silent(worker, self._hang_seconds)):
            return
        if not worker.ready:
            raise ConfigError(f"a worker did not start within {self._start_timeout:g} s", hint=_LOCAL)
        assert worker.job is not None
        if late:
            self._replace(worker, f"took longer than {worker.job.seconds:g} s", Cause.TIME)
        else:
            assert self._hang_seconds is not None
            self._replace(worker, hung(self._hang_seconds), Cause.HANG)

    def _bury(self, worker: WorkerProcess) -> None:
        """A worker has died: its job fails if it had begun, otherwise another worker gets it."""
        if worker.closed:
            return
        if not worker.babbled:
            worker.wait(1.0)
        reason = told_within(self._memory_bytes, worker.epitaph())
        if worker.begun is None and not (worker.ready and worker.job is None):
            self._futile += 1
            most = _FUTILE + (self.workers if worker.ready else 0)  # all that were idle may have been killed at once
            if self._futile >= most or not (worker.ready or self._any_ready):
                raise ConfigError(f"workers cannot start: {reason}", hint=_LOCAL)
        self._replace(worker, reason, cause_of_death(worker.code, reason))

    def _replace(self, worker: WorkerProcess, reason: str, cause: Cause) -> None:
        job, begun = worker.job, worker.begun
        self._selector.unregister(worker)
        self._pool.remove(worker)
        worker.end()
        if job is not None and begun is not None:
            seconds, reports = time.monotonic() - begun, tuple(worker.reports)
            told = Outcome(
                job.number, TrialState.FAILED, {}, reason, reports, seconds, cause=cause, attempt=job.attempt
            )
            self._ended.append(told)
        self._start()
        if job is not None and begun is None:
            self.submit(job)
            if worker.stop is not None:
                self.stop(job.number, worker.stop)


def _is_late(worker: WorkerProcess) -> bool:
    return worker.deadline is not None and time.monotonic() >= worker.deadline


def _is_silent(worker: WorkerProcess, most: float | None) -> bool:
    """Whether its job has begun, and it has given no sign of life for so long."""
    return most is not None and worker.begun is not None and worker.silent() >= most


def _end_all(pool: list[WorkerProcess], selector: selectors.BaseSelector, owner: int) -> None:
    """Terminate, wait a little, kill. A forked copy of the driver must not end its parent's workers."""
    if os.getpid() != owner:
        return
    for worker in pool:
        worker.signal(signal.SIGTERM)
    end = time.monotonic() + 1.0
    for worker in pool:
        worker.wait(max(0.0, end - time.monotonic()))
        worker.end()
    pool.clear()
    selector.close()
