"""Evaluate on a Ray cluster: one warm actor for each trial that runs at the same time, wherever there is room.

Ray places the actors, moves the evaluator to each node once, and says when a process or a node is gone. Which trial is
run again is the study's decision (`Outcome.cause`): Ray itself repeats nothing.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping, Sequence
from typing import Any

from searchitect.errors import ConfigError
from searchitect.evaluation import Cause, Evaluator, Job, Outcome
from searchitect.executors.pool import Pool, check_workers
from searchitect.executors.ray_actor import RayActor
from searchitect.executors.ray_cluster import ONE_CPU, Cluster, Needs, join, leave
from searchitect.executors.ray_watch import Watch
from searchitect.executors.running import OnReport
from searchitect.executors.signs import hung
from searchitect.executors.travel import serialised
from searchitect.trial import TrialState

__all__ = ["RayExecutor"]

_LOOK = 1.0
"""Seconds between two looks at deadlines."""

_FUTILE = 3
"""So many starts in a row that come to nothing, for each worker, mean that the next one will, too."""

_HINT = "workers=0 runs in this process and shows the traceback"


class RayExecutor(Pool[RayActor]):
    """Runs jobs in warm actors of a Ray cluster.

    A job whose process or node is lost comes back with the cause, and its actor is started anew where there is room; so
    is the actor of a job that takes too long. A job that is submitted while its actor waits for a node waits with it.
    To be used from one thread.

    Args:
        workers: how many trials run at the same time.
        address: of a cluster, "HOST:PORT" or "auto"; without one a cluster of this machine is started, with room for
            all workers, and ended by `close`.
        needs: what one trial needs.
        start_timeout: seconds until the first actor must have started.
        grace: seconds beyond `job.seconds` before an actor is killed.
        memory_bytes: what an evaluation may allocate on top of a started actor; None for no limit.
        hang_seconds: a job that has neither reported nor used the processor for so long is ended, with its actor; None
            for never. Each node then runs one small process more, which watches its actors (`ray_watch`).
        on_report: called with (trial number, step, measurements) as reports arrive, inside `collect`.

    Raises:
        ConfigError: an argument is wrong, the cluster cannot be joined or can never hold a trial, or the evaluator
            cannot travel.
        MissingExtraError: Ray is not installed.
    """

    def __init__(
        self,
        evaluator: Evaluator,
        workers: int = 2,
        *,
        address: str | None = None,
        needs: Needs = ONE_CPU,
        start_timeout: float = 300.0,
        grace: float = 5.0,
        memory_bytes: int | None = None,
        hang_seconds: float | None = None,
        on_report: OnReport | None = None,
    ) -> None:
        super().__init__(on_report)
        check_workers(workers, 1, hint=_HINT)
        if hang_seconds is not None and hang_seconds <= 0:
            raise ConfigError(f"hang_seconds must be positive, got {hang_seconds!r}", hint="None notices no hang")
        self.evaluator, self.workers = evaluator, workers
        self._needs, self._grace, self._memory_bytes = needs, grace, memory_bytes
        self._watch = Watch(hang_seconds)
        self._any_ready, self._futile, self._deadline = False, 0, time.monotonic() + start_timeout
        payload = serialised(evaluator)
        self._cluster: Cluster | None = join(address, workers, needs)
        try:
            import numpy as np
            import ray

            self._payload = ray.put(np.frombuffer(payload, np.uint8))  # once; Ray copies it to each node that reads it
            self._pool = [self._new() for _ in range(workers)]
        except BaseException:
            self.close()
            raise

    def _new(self) -> RayActor:
        return RayActor(self._payload, self._memory_bytes, self._needs)

    def submit(self, job: Job) -> None:
        """Give a job to a free actor, rather one that has started.

        Raises:
            ConfigError: none is free, or the executor is closed.
        """
        idle = self._idle(job)
        if job.folder is not None:
            with contextlib.suppress(OSError):  # the evaluation says so
                job.folder.parent.mkdir(parents=True, exist_ok=True)
        # Whoever reports lives, so the watch hears reports even where nobody else does.
        watched = self._watch.hang_seconds is not None
        heard = watched or self._listener is not None or self._on_report is not None
        max(idle, key=lambda actor: actor.ready).give(job, heard, self._exact)

    def stop(self, number: int, reason: str) -> None:
        """Let the job of this trial end at its next report; with `exact` at the one it waits at."""
        for actor in self._pool:
            if actor.job is not None and actor.job.number == number and actor.stop is None:
                actor.stop = reason
                if not self._exact:
                    actor.answer(reason)

    def close(self) -> None:
        """Stop the actors, and the cluster where it was started here. Safe to call twice."""
        if self._cluster is not None:
            self._watch.close()
        for actor in self._pool:
            actor.kill()
        self._pool.clear()
        leave(self._cluster)
        self._cluster = None

    # ---- inside

    def _step(self, end: float | None) -> None:
        """Wait for something to happen, once, and deal with all that has."""
        import ray

        now = time.monotonic()
        self._watch.ask(self._pool, now)
        waiting = {ref: actor for actor in self._pool for ref in actor.awaited()}
        looks = self._watch.awaited()
        until = [now + _LOOK, *([] if end is None else [end])]
        ready, _ = ray.wait([*waiting, *looks], num_returns=1, timeout=max(0.0, min(until) - time.monotonic()))
        if ready:
            ready, _ = ray.wait([*waiting, *looks], num_returns=len(waiting) + len(looks), timeout=0)
        # What was reported comes before the end of the job that reported it.
        for ref in sorted((ref for ref in ready if ref in waiting), key=lambda ref: ref == waiting[ref].ending):
            self._act(waiting[ref], ref)
        for ref in set(ready).intersection(looks):
            self._watch.take(ref)
        self._give_up()
        if not self._any_ready and time.monotonic() >= self._deadline:
            raise ConfigError(
                f"no worker could start on the Ray cluster; one needs {self._needs}",
                hint="ray status shows what is free",
            )

    def _give_up(self) -> None:
        """Replace actors whose time is over, and those that give no sign of life any more."""
        now = time.monotonic()
        for actor in list(self._pool):
            if actor.is_late(now, self._grace):
                assert actor.job is not None
                self._replace(actor, f"took longer than {actor.job.seconds:g} s", Cause.TIME)
            elif self._watch.is_silent(actor):
                assert self._watch.hang_seconds is not None
                self._watch.end(actor)
                self._replace(actor, hung(self._watch.hang_seconds), Cause.HANG)

    def _act(self, actor: RayActor, ref: Any) -> None:
        """Something of this actor has arrived: it is ready, has reports, or its job has ended, or it is dead."""
        import ray

        if ref not in actor.awaited():  # replaced in the meantime
            return
        try:
            value = ray.get(ref)
        except ray.exceptions.RayError as error:
            self._bury(actor, error)
            return
        if ref == actor.starting:
            node, process, broken = value
            if broken is not None:
                raise ConfigError(f"a worker could not load the evaluator: {broken}", hint=_HINT)
            actor.has_started((node, process))
            self._any_ready, self._futile = True, 0
        elif ref == actor.hearing:
            self._hear(actor, value)
        else:
            assert actor.job is not None
            state, measured, reason, reports, seconds, halt, cause = value
            told = tuple((step, values) for step, values in reports)
            why = None if cause is None else Cause(cause)
            number = actor.job.number
            for step, values in reports[actor.heard :] if actor.hearing is not None else ():
                self._tell(number, step, values)  # the last ones, that came with the end
            self._ended.append(Outcome(number, TrialState(state), measured, reason, told, seconds, halt, why))
            actor.free()
            # One that waits for an actor to start, which may be for room, goes before those that come now.
            waiting = next((other for other in self._pool if other.job is not None and not other.ready), None)
            if waiting is not None:
                waiting.withdraw(actor)

    def _hear(self, actor: RayActor, reports: Sequence[tuple[int, Mapping[str, float]]]) -> None:
        assert actor.job is not None
        for step, values in reports:
            actor.heard += 1
            actor.signs.note()
            self._tell(actor.job.number, step, values)
        if reports and self._exact:
            actor.answer(actor.stop)
        actor.listen(bool(reports))

    def _bury(self, actor: RayActor, error: Exception) -> None:
        """A process or a node is gone."""
        text = " ".join(str(error).split())
        if not actor.ready:
            self._futile += 1
            if self._futile >= _FUTILE * self.workers:
                raise ConfigError(f"workers cannot start on the Ray cluster: {text[:300]}", hint=_HINT)
        lost = "node" in text and ("died" in text or "dead" in text or "terminat" in text) and "SIGSEGV" not in text
        what = "its node is gone" if lost else "the worker process died"
        self._replace(actor, f"{what}: {text[:200]}", Cause.LOST if lost else Cause.KILLED)

    def _replace(self, actor: RayActor, reason: str, cause: Cause) -> None:
        actor.kill()
        self._pool[self._pool.index(actor)] = fresh = self._new()
        job, begun = actor.job, actor.begun
        if job is None:
            return
        if begun is None:  # it had not begun, so nothing is lost
            fresh.give(job, actor.is_heard, self._exact)
            return
        seconds = time.monotonic() - begun
        told = Outcome(job.number, TrialState.FAILED, {}, reason, (), seconds, cause=cause, attempt=job.attempt)
        self._ended.append(told)
