"""What runs on a Ray node: one evaluator, kept warm, and one job at a time.

The object is a Ray actor with a few threads: `run` evaluates, `hear` hands reports over while it does, `answer` brings
the verdict on them back. Nothing of Ray is imported here.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Mapping
from typing import Any

import cloudpickle

from searchitect.evaluation import Evaluator, Job
from searchitect.executors.memory import explained_within, limit_memory
from searchitect.executors.running import failure, run_job
from searchitect.executors.worker import prepare_evaluator

__all__ = ["Answer", "RayWorker"]

Answer = tuple[str, dict[str, float], str | None, list[Any], float, bool, str | None]
"""The fields of an `Outcome` behind the number, as plain values."""

Reports = list[tuple[int, dict[str, float]]]


class RayWorker:
    """Holds the evaluator that `payload` describes.

    Args:
        payload: what `travel.serialised` made of the evaluator, an array of bytes in the node's object store.
        memory_bytes: what one evaluation may allocate on top of the started worker.
    """

    def __init__(self, payload: Any, memory_bytes: int | None) -> None:
        self._memory_bytes = memory_bytes
        self._evaluator: Evaluator | None = None
        self._broken: str | None = None
        self._desk = threading.Condition()
        self._reports: Reports = []
        self._running: int | None = None
        self._waits, self._answered, self._stop = False, False, False
        self._reason: str | None = None
        try:
            self._evaluator = cloudpickle.loads(memoryview(payload))
        except BaseException as error:  # noqa: BLE001 - importing the user's modules may raise anything
            self._broken = failure(error)
            return
        prepare_evaluator(self._evaluator)
        if memory_bytes is not None:
            limit_memory(memory_bytes)

    def ready(self) -> tuple[str, int, str | None]:
        """The node, the process, and why it cannot evaluate, or None."""
        ray = sys.modules.get("ray")  # it is there in every actor
        node = ray.get_runtime_context().get_node_id() if ray is not None and ray.is_initialized() else ""
        return node, os.getpid(), self._broken

    def run(self, job: Job, heard: bool, waits: bool) -> Answer:
        """Evaluate.

        Args:
            heard: somebody calls `hear`.
            waits: at each report the job waits for an answer.
        """
        assert self._evaluator is not None
        if job.folder is not None and not job.folder.parent.is_dir():
            return _unseen(job)
        with self._desk:
            self._running, self._waits, self._reports, self._reason = job.number, waits, [], None
        on_report = self._take if heard else None
        try:
            outcome = run_job(self._evaluator, job, on_report, explained_within(self._memory_bytes), self._verdict)
        finally:
            with self._desk:
                self._running = None
                self._desk.notify_all()
        cause = None if outcome.cause is None else outcome.cause.value
        reports = [(step, dict(values)) for step, values in outcome.reports]
        measured = dict(outcome.measurements)
        return outcome.state.value, measured, outcome.reason, reports, outcome.seconds, outcome.halt, cause

    def hear(self, number: int) -> Reports:
        """Wait for reports of this job and return them; none once it has ended."""
        with self._desk:
            while self._running == number and not self._reports:
                self._desk.wait(1.0)
            told, self._reports = (self._reports, []) if self._running == number else ([], self._reports)
            return told

    def answer(self, number: int, reason: str | None) -> None:
        """Say why this job is to end, or None: it goes on."""
        with self._desk:
            if self._running == number:
                self._answered, self._reason = True, self._reason or reason
                self._desk.notify_all()

    def _take(self, number: int, step: int, measurements: Mapping[str, float]) -> None:
        with self._desk:
            self._answered = False
            self._reports.append((step, dict(measurements)))
            self._desk.notify_all()

    def _verdict(self) -> str | None:
        with self._desk:
            while self._waits and not self._answered and self._reason is None:
                self._desk.wait(1.0)
            return self._reason


def _unseen(job: Job) -> Answer:
    """The end of a job whose folder the driver has made, and this node does not see."""
    why = (
        f"the folder {job.folder} is not on this node: a study on several machines needs a shared folder for weights, "
        "or a URL (artifacts='s3://bucket/runs')"
    )
    return "failed", {}, why, [], 0.0, True, None
