"""Notices Ray actors that hang: a process on each node reads what its actors use, and the driver asks it.

Neither the driver, which may be another machine, nor the actor can tell: a call in C that never lets go of the
interpreter's lock silences every thread of its process, one that watches too. So the watcher is an actor of its own,
one for each node on which trials run, which takes no processor of the cluster's. Where it does not answer (it was
killed, or the network is slow) nothing is known, and nothing is taken for a hang.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from searchitect.executors.signs import SignsOfLife, descendants, processor_seconds

__all__ = ["NodeWatcher", "Place", "Watch", "Watched"]

Place = tuple[str, int]
"""A node and a process on it."""


class NodeWatcher:
    """What runs on a node. Nothing of Ray is imported here."""

    def look(self, processes: Sequence[int]) -> tuple[float, dict[int, float]]:
        """The time here, and how many seconds of a processor actors have used, without Ray's own loop.

        Those that it cannot see are absent.
        """
        return time.monotonic(), processor_seconds(processes, first_thread=False)

    def end(self, process: int) -> None:
        """Kill an actor and all that it started; one that was stopped (SIGSTOP) hears nothing else."""
        for pid in descendants(process):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)


class Watched(Protocol):
    """What is known of an actor: where it is once it has started, and its signs of life while a job of it runs."""

    place: Place | None
    begun: float | None
    signs: SignsOfLife


class Watch:
    """The driver's side.

    Args:
        hang_seconds: an actor whose job was silent for so long has hung; None: nobody is watched.
    """

    def __init__(self, hang_seconds: float | None) -> None:
        self.hang_seconds = hang_seconds
        self._watchers: dict[str, Any] = {}
        self._asked: dict[Any, tuple[str, float, Sequence[Watched]]] = {}

    def ask(self, actors: Sequence[Watched], now: float) -> None:
        """Ask the watchers of all nodes whose actors have not been looked at for a while."""
        if self.hang_seconds is None:
            return
        busy = {node for node, _, _ in self._asked.values()}
        due: dict[str, list[Watched]] = {}
        for actor in actors:
            if actor.begun is not None and actor.place is not None and actor.signs.is_due(now):
                due.setdefault(actor.place[0], []).append(actor)
        for node, its in due.items():
            if node not in busy:
                processes = [actor.place[1] for actor in its if actor.place is not None]
                self._asked[self._watcher(node).look.remote(processes)] = node, now, its

    def awaited(self) -> list[Any]:
        """References to the answers that are to come."""
        return list(self._asked)

    def take(self, ref: Any) -> None:
        """An answer has arrived, or its watcher is gone: the next question starts another."""
        import ray

        node, asked, actors = self._asked.pop(ref)
        try:
            answer: tuple[float, Mapping[int, float]] = ray.get(ref)
        except ray.exceptions.RayError:
            self._watchers.pop(node, None)
            return
        at, used = answer
        for actor in actors:
            if actor.place is not None and actor.begun is not None:
                actor.signs.look(used.get(actor.place[1]), at, asked)

    def is_silent(self, actor: Watched) -> bool:
        """Whether its job has begun, and it has given no sign of life for so long."""
        return self.hang_seconds is not None and actor.begun is not None and actor.signs.silent() >= self.hang_seconds

    def end(self, actor: Watched) -> None:
        """Let the process of an actor that has hung be killed on its node, with all that it started."""
        if actor.place is not None:
            self._watcher(actor.place[0]).end.remote(actor.place[1])

    def close(self) -> None:
        """End the watchers. Safe to call twice."""
        import ray

        for watcher in self._watchers.values():
            with contextlib.suppress(ray.exceptions.RayError, ValueError, ConnectionError):
                ray.kill(watcher, no_restart=True)
        self._watchers.clear()
        self._asked.clear()

    def _watcher(self, node: str) -> Any:
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        if node not in self._watchers:
            there = NodeAffinitySchedulingStrategy(node_id=node, soft=False)
            made = ray.remote(NodeWatcher).options(num_cpus=0, max_restarts=0, scheduling_strategy=there)
            self._watchers[node] = made.remote()
        return self._watchers[node]
