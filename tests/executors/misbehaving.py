"""An evaluator that does what its candidate says, at the worst of moments. Light to import: each worker does."""

from __future__ import annotations

import contextlib
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from searchitect.evaluation import Context
from searchitect.trial import Proposal

__all__ = ["Misbehaving"]


class Misbehaving:
    """Writes the number of each trial that begins to the file `begun`, so that it can be told what ran how often."""

    def __init__(self, folder: Path) -> None:
        self.begun = str(folder / "begun")

    def evaluate(self, proposal: Proposal, context: Context) -> Mapping[str, float]:
        with Path(self.begun).open("ab", buffering=0) as file:  # one write, at the end: it never mixes with another
            file.write(b"%d\n" % context.number)
        child = getattr(self, str(proposal.architecture["do"]))(context)
        return {"number": float(context.number), "child": float(child or 0)}

    def sound(self, context: Context) -> None:
        pass

    def reporting(self, context: Context) -> None:
        for step in range(5):
            context.report(step, score=step / 5)
            time.sleep(0.02)

    def printing(self, context: Context) -> None:
        for _ in range(40):
            sys.stdout.write("x" * 50_000 + "\n")
        context.report(1, score=0.5)

    def multiplying(self, context: Context) -> int:
        """Leave a process behind that holds every descriptor it can."""
        return subprocess.Popen(["sleep", "60"], close_fds=False).pid

    def raising(self, context: Context) -> None:
        raise ValueError("planted")

    def starving(self, context: Context) -> None:
        raise MemoryError

    def crashing(self, context: Context) -> None:
        context.report(1, score=0.5)
        os.kill(os.getpid(), signal.SIGSEGV)

    def killed(self, context: Context) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def leaving(self, context: Context) -> None:
        sys.stdout.write("last words\n")
        os._exit(3)

    def hanging(self, context: Context) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(3_600)

    def stopping(self, context: Context) -> None:
        os.kill(os.getpid(), signal.SIGSTOP)
        time.sleep(3_600)

    def babbling(self, context: Context) -> None:
        """Write into the connection to the driver, as a library does that closes descriptors which are not its own."""
        self._into_the_connection(b"GET / HTTP/1.1\r\n\r\n")

    def babbling_in_frames(self, context: Context) -> None:
        self._into_the_connection(b"\0\0\0\0\0\0\0\3{x}")

    def _into_the_connection(self, words: bytes) -> None:
        for entry in list(Path("/proc/self/fd").iterdir()):
            with contextlib.suppress(OSError):  # one was that of the folder itself
                if stat.S_ISSOCK(os.fstat(int(entry.name)).st_mode):
                    os.write(int(entry.name), words)
