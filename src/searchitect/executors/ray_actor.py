"""The driver's side of one Ray actor: what it was given and what is awaited of it."""

from __future__ import annotations

import contextlib
import time
from typing import Any

from searchitect.evaluation import Job
from searchitect.executors.ray_cluster import Needs
from searchitect.executors.ray_watch import Place
from searchitect.executors.signs import SignsOfLife

__all__ = ["RayActor"]

_THREADS = 3
"""One that runs, one that hands reports over, one that brings the answer."""


class RayActor:
    """One warm worker somewhere in the cluster.

    Attributes:
        job: what it was given; None when it is idle.
        ready: whether it has started.
        begun: time from which its job runs; None before.
        place: its node and its process; None before it has started.
        signs: its signs of life while a job runs.
        stop: why the job is to end; None where it may go on.
        heard: how many reports of the job have been told.
        is_heard: whether reports are handed over while the job runs.
        starting, hearing, ending: references to what is awaited; None where it is not.
    """

    def __init__(self, payload: Any, memory_bytes: int | None, needs: Needs) -> None:
        import ray

        from searchitect.executors.ray_worker import RayWorker

        options = {"num_cpus": needs.cpus, "num_gpus": needs.gpus, "max_restarts": 0, "max_task_retries": 0}
        if needs.memory_bytes:
            options["memory"] = needs.memory_bytes
        self._actor = ray.remote(RayWorker).options(max_concurrency=_THREADS, **options).remote(payload, memory_bytes)
        self.starting: Any = self._actor.ready.remote()
        self.hearing: Any = None
        self.ending: Any = None
        self.ready, self.heard, self.is_heard, self._waits = False, 0, False, False
        self.job: Job | None = None
        self.begun: float | None = None
        self.place: Place | None = None
        self.signs = SignsOfLife()
        self.stop: str | None = None

    def has_started(self, place: Place) -> None:
        """It answers: a job that waited for it runs from now on."""
        self.ready, self.starting, self.place = True, None, place
        if self.job is not None:
            self._send(self.job)

    def give(self, job: Job, heard: bool, waits: bool) -> None:
        """Hand over a job; it is sent once the actor has started, so that it can still be withdrawn until then."""
        self.job, self.stop, self.heard, self.is_heard, self._waits = job, None, 0, heard, waits
        if self.ready:
            self._send(job)

    def _send(self, job: Job) -> None:
        self.begun = time.monotonic()
        self.signs.note()
        self.ending = self._actor.run.remote(job, self.is_heard, self._waits)
        if self.is_heard:
            self.hearing = self._actor.hear.remote(job.number)

    def withdraw(self, free: RayActor) -> None:
        """Let another actor run the job that waits for this one to start."""
        assert self.job is not None
        assert self.begun is None
        stop = self.stop
        free.give(self.job, self.is_heard, self._waits)
        free.stop = stop
        self.free()

    def listen(self, more: bool) -> None:
        """Ask for further reports. Where there were none, the job has ended or not begun."""
        assert self.job is not None
        if not more:
            time.sleep(0.001)
        self.hearing = self._actor.hear.remote(self.job.number)

    def answer(self, reason: str | None) -> None:
        """Say why the job is to end, or None: it goes on."""
        if self.job is not None:
            self._actor.answer.remote(self.job.number, reason)

    def free(self) -> None:
        """Its job has ended."""
        self.job, self.begun, self.stop, self.ending, self.hearing = None, None, None, None, None

    def awaited(self) -> list[Any]:
        """References to everything that may arrive."""
        return [ref for ref in (self.starting, self.hearing, self.ending) if ref is not None]

    def is_late(self, now: float, grace: float) -> bool:
        """Whether its job has run for longer than it may."""
        if self.job is None or self.job.seconds is None or self.begun is None:
            return False
        return now >= self.begun + self.job.seconds + grace

    def kill(self) -> None:
        """End its process; safe to call for one that is dead."""
        import ray

        with contextlib.suppress(ray.exceptions.RayError, ValueError, ConnectionError):
            ray.kill(self._actor, no_restart=True)
        self.starting = self.hearing = self.ending = None  # several may fail at once, and it dies but once
