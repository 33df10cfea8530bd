"""Signs of life of a worker: its reports, and the processor time that it and what it started use."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Collection, Iterator
from pathlib import Path

__all__ = ["LOOK", "SignsOfLife", "descendants", "hung", "processor_seconds"]

LOOK = 1.0
"""Seconds between two looks at the processor time."""

_BUSY = 0.02
"""Whoever uses less of one core than this does nothing: a worker that only waits looks at its connection."""

_PROC = Path("/proc")


class SignsOfLife:
    """Says for how long a worker has been silent, by what is noted of it.

    Silence is what lies between two looks: one alone compares with nothing, and while nobody looks nothing is known.
    So a driver that was busy with something else, or waited for an answer, takes no worker for hung.
    """

    def __init__(self) -> None:
        self.note()

    def note(self) -> None:
        """There was a sign just now."""
        self._noted = self._asked = time.monotonic()
        self._heard = self._looked = 0.0
        self._used: float | None = None

    def is_due(self, now: float) -> bool:
        """Whether it is time to look at the processor time again."""
        return now - self._asked >= LOOK

    def look(self, used: float | None, at: float, asked: float) -> None:
        """Compare with the last look.

        Args:
            used: seconds of a processor that it has used; None: that cannot be told, which proves no silence.
            at: when that was read, of the clock of the machine that it was read on.
            asked: when it was asked for, of our clock.
        """
        if asked <= self._noted:  # answered after the sign
            return
        self._asked = asked
        before, passed = self._used, at - self._looked
        self._used, self._looked = used, at
        # Less than before: a child has ended, which is something.
        if used is None or before is None or used < before or used - before > _BUSY * passed:
            self._heard = at

    def silent(self) -> float:
        """Seconds between the last sign of life and the last look."""
        return self._looked - self._heard


def hung(seconds: float) -> str:
    """Why a trial failed that was silent for so long."""
    return f"hung: for {seconds:g} s it neither reported nor used the processor"


def processor_seconds(leaders: Collection[int], *, first_thread: bool = True) -> dict[int, float]:
    """Processor time of processes, each with all living ones that it started or that are in its session.

    Args:
        first_thread: whether the first thread of a leader itself counts. In a Ray actor it is Ray's own loop, which
            wakes a hundred times a second whatever the trial does; trials run in others.

    Returns:
        Seconds by process; without those that are not there, and empty where the system does not say (no /proc).
    """
    ticks = dict.fromkeys(leaders, 0)
    stats = dict(_stats())
    for pid, leader in _owners(stats, leaders):
        ticks[leader] += stats[pid][2]
    for leader in leaders if not first_thread else ():
        with contextlib.suppress(OSError, ValueError, IndexError):
            ticks[leader] -= _read(_PROC / str(leader) / "task" / str(leader) / "stat")[2]
    return {leader: ticks[leader] / os.sysconf("SC_CLK_TCK") for leader in leaders if leader in stats}


def descendants(leader: int) -> list[int]:
    """All living processes that a process started, and they; it comes last."""
    stats = {pid: (parent, 0, 0) for pid, (parent, _, _) in _stats()}
    return sorted((pid for pid, _ in _owners(stats, [leader])), key=lambda pid: pid == leader)


def _owners(stats: dict[int, tuple[int, int, int]], leaders: Collection[int]) -> Iterator[tuple[int, int]]:
    """Each process that belongs to a leader, with it: by its session, or by whoever started it."""
    for pid in stats:
        at, seen = pid, set[int]()
        while at in stats and at not in seen:
            if at in leaders or stats[at][1] in leaders:
                yield pid, at if at in leaders else stats[at][1]
                break
            seen.add(at)
            at = stats[at][0]


def _stats() -> Iterator[tuple[int, tuple[int, int, int]]]:
    """Of every process that can be seen: what started it, its session, and ticks of a processor."""
    for entry in _PROC.iterdir() if (_PROC / "self" / "stat").exists() else ():
        if entry.name.isdigit():
            with contextlib.suppress(OSError, ValueError, IndexError):
                yield int(entry.name), _read(entry / "stat")


def _read(path: Path) -> tuple[int, int, int]:
    # After the name, which stands in parentheses and may hold anything: state, parent, group, session …
    fields = path.read_text().rpartition(")")[2].split()
    return int(fields[1]), int(fields[3]), int(fields[11]) + int(fields[12])
