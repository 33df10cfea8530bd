"""Signs of life of a worker: its reports, and the processor time that it and what it started use."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

__all__ = ["SignsOfLife", "processor_seconds"]

_LOOK = 1.0
"""Seconds between two looks at the processor time."""

_BUSY = 0.02
"""Whoever uses less of one core than this does nothing: a worker that only waits looks at its connection."""


class SignsOfLife:
    """Says for how long a worker, the leader of session `leader`, has been silent."""

    def __init__(self, leader: int) -> None:
        self._leader = leader
        self.note()

    def note(self) -> None:
        """There was a sign just now."""
        self._heard = self._looked = time.monotonic()
        self._used: float | None = None

    def silent(self) -> float:
        """Seconds since the last sign of life."""
        now = time.monotonic()
        if now - self._looked >= _LOOK:
            used, passed = processor_seconds(self._leader), now - self._looked
            self._looked = now
            if self._used is None or used < self._used or used - self._used > _BUSY * passed:
                # The first look compares with nothing; less than before: a child has ended, which is something.
                self._heard = self._heard if self._used is None else now
                self._used = used
            elif used > self._used:
                self._used = used
        return now - self._heard


def processor_seconds(session: int) -> float:
    """Processor time of all living processes of a session, in seconds; 0 where the system does not say."""
    ticks = 0
    for entry in Path("/proc").iterdir() if Path("/proc/self/stat").exists() else ():
        if entry.name.isdigit():
            with contextlib.suppress(OSError, ValueError, IndexError):
                # After the name, which stands in parentheses and may hold anything: state, parent, group, session …
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                ticks += int(fields[11]) + int(fields[12]) if int(fields[3]) == session else 0
    return ticks / os.sysconf("SC_CLK_TCK")
