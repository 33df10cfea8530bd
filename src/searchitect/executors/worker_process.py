"""The driver's side of one worker process: start it, talk to it, end it, and say how it died."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pickle
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Mapping
from typing import Any

from searchitect.evaluation import Job
from searchitect.executors.frames import JOB, VERDICT, FrameReader, framed
from searchitect.executors.signs import SignsOfLife, processor_seconds

__all__ = ["WorkerProcess"]

# -P and the driver's own sys.path: what the user's script can import, the worker can, and nothing in the current
# folder gets in front of the standard library.
_PROGRAM = """\
import json, sys
settings = json.loads(sys.argv.pop())
sys.path[:] = settings["path"]
from searchitect.executors.worker import main
main(settings["descriptor"], settings["memory_bytes"])
"""
_ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"), "1"
)
_KINDS = ("ready", "broken", "start", "report", "end")
_PIECE = 1 << 18
_TAIL_BYTES, _TAIL_LINES, _TAIL_CHARS = 8_000, 3, 300
_NOISE = ("Extension modules:", "Current thread 0x", "Thread 0x", "Stack (most recent")


class WorkerProcess:
    """One worker, in its own session so that Ctrl-C does not reach it and its children end with it.

    Args:
        evaluator: the serialised evaluator.
        memory_bytes: limit for evaluations, or None.
        patience: seconds it may take to start.

    Attributes:
        job: what it was given; None when it is idle.
        ready: whether it has the evaluator.
        begun: time at which the job began in the worker; None before.
        deadline: time at which it is given up; None for never.
        reports: of the job so far.
        stop: why the job is to end; None where it may go on.
        signs: its signs of life.
        babbled: whether something came from it that is no message.
    """

    def __init__(self, evaluator: bytes, memory_bytes: int | None, patience: float) -> None:
        self.ready, self.closed = False, False
        self.job: Job | None = None
        self.begun: float | None = None
        self.deadline: float | None = time.monotonic() + patience
        self.reports: list[tuple[int, Mapping[str, float]]] = []
        self.stop: str | None = None
        self.babbled = False
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed in `end`
        fcntl.fcntl(self._log, fcntl.F_SETFL, os.O_APPEND | fcntl.fcntl(self._log, fcntl.F_GETFL))
        self._log_begin = 0
        self._reader = FrameReader()
        self._outbox: deque[memoryview] = deque()
        self._channel, theirs = socket.socketpair()
        self._channel.setblocking(False)
        try:
            self._process = _start(theirs.fileno(), memory_bytes, self._log.fileno())
        except BaseException:
            self._channel.close()
            self._log.close()
            raise
        finally:
            theirs.close()
        self.signs = SignsOfLife()
        self._post(evaluator)

    def fileno(self) -> int:
        """For selectors."""
        return self._channel.fileno()

    @property
    def has_mail(self) -> bool:
        """Whether there is something left to send."""
        return bool(self._outbox)

    @property
    def has_exited(self) -> bool:
        return self._process.poll() is not None

    @property
    def code(self) -> int | None:
        """How it ended: its exit code, or minus the signal; None while it runs."""
        return self._process.returncode

    def silent(self) -> float:
        """Seconds since its last sign of life, as of the last look at its processor time: now, if one is due."""
        now = time.monotonic()
        if self.signs.is_due(now):
            self.signs.look(processor_seconds([self._process.pid]).get(self._process.pid), now, now)
        return self.signs.silent()

    def give(self, job: Job, waits: bool = False) -> None:
        """Send a job. It starts at once where the worker is ready, and after its start otherwise.

        Args:
            waits: at each report it waits for a verdict.
        """
        letter = JOB + pickle.dumps((job, waits))  # first of all: what cannot travel is not given
        self.job, self.begun = job, None
        self.reports = []
        self._log_begin = os.fstat(self._log.fileno()).st_size
        self.stop = None
        self._post(letter)

    def answer(self, number: int, reason: str | None) -> None:
        """Say why the job is to end, or None: it goes on."""
        self._post(VERDICT + pickle.dumps((number, reason)))

    def _post(self, payload: bytes) -> None:
        self._outbox.append(memoryview(framed(payload)))
        self.flush()

    def flush(self) -> None:
        """Send what the connection takes now. That the worker has died is found out when it is read from."""
        try:
            while self._outbox:
                sent = self._channel.send(self._outbox[0][:_PIECE])
                self._outbox[0] = self._outbox[0][sent:]
                if not len(self._outbox[0]):
                    self._outbox.popleft()
        except BlockingIOError:
            pass
        except OSError:
            self._outbox.clear()

    def receive(self) -> tuple[list[list[Any]], bool]:
        """Return the messages that have arrived, and whether the worker is still connected.

        Who says what is no message is not: a candidate has written into the connection, and nothing behind it counts.
        """
        messages: list[list[Any]] = []
        try:
            while piece := self._channel.recv(_PIECE):
                messages.extend(map(_message, self._reader.feed(piece)))
        except BlockingIOError:
            return messages, True
        except (ValueError, RecursionError):
            self.babbled = True
        except OSError:
            pass
        return messages, False

    def epitaph(self) -> str:
        """How the process died: signal or exit code, and the last lines it printed."""
        code = self._process.returncode
        if self.babbled:
            how = "it sent what is no message"
        elif code is None:
            how = "the connection was closed"
        elif code >= 0:
            how = f"exit code {code}"
        else:
            how = _signal(-code)
        tail = self._tail()
        return f"the worker process died ({how})" + (f": {tail}" if tail else "")

    def _tail(self) -> str:
        size = os.fstat(self._log.fileno()).st_size
        begin = self._log_begin if self._log_begin <= size else 0
        text = os.pread(self._log.fileno(), _TAIL_BYTES, max(begin, size - _TAIL_BYTES)).decode(errors="replace")
        lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith(_NOISE)]
        fatal = next((i for i, line in enumerate(lines) if line.startswith("Fatal Python error")), None)
        # Of a dump by faulthandler the first lines tell the place, of anything else the last.
        told = lines[-_TAIL_LINES:] if fatal is None else lines[fatal : fatal + _TAIL_LINES]
        return " | ".join(told)[-_TAIL_CHARS:]

    def wait(self, seconds: float) -> None:
        """Give it time to end by itself."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)

    def signal(self, number: int) -> None:
        """Send a signal to the worker and to all processes it started."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)

    def end(self) -> None:
        """Kill it, wait, and let go of everything. Safe to call twice."""
        if self.closed:
            return
        self.closed = True
        self.signal(signal.SIGKILL)
        self._process.wait()
        self._channel.close()
        self._log.close()


def _start(descriptor: int, memory_bytes: int | None, log: int) -> subprocess.Popen[bytes]:
    settings = {"path": sys.path, "descriptor": descriptor, "memory_bytes": memory_bytes}
    return subprocess.Popen(
        [sys.executable, "-u", "-P", "-c", _PROGRAM, json.dumps(settings)],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        pass_fds=(descriptor,),
        env={**os.environ, **_ONE_THREAD},
        start_new_session=True,
    )


def _message(payload: bytes) -> list[Any]:
    """A list that begins with its kind, as in `worker.py`.

    Raises:
        ValueError: it is none.
    """
    message = json.loads(payload)
    if not isinstance(message, list) or not message or message[0] not in _KINDS:
        raise ValueError("no message of a worker")
    return message


def _signal(number: int) -> str:
    try:
        name = signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
    hint = ", perhaps for lack of memory" if number == signal.SIGKILL else ""
    return f"signal {number}, {name}{hint}"
