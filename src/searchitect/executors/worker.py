"""The program of a worker process: receive the evaluator once, then jobs, until the driver goes away.

It is started as its own program, so that neither a fork (which hangs after torch has run) nor a guard in the user's
script is needed. It answers in JSON lists, so that the driver unpickles nothing:

    ["ready"]                                    it has the evaluator
    ["broken", reason]                           it cannot load it, and ends
    ["start"]                                    it begins the job it was given
    ["report", number, step, measurements]       while it runs
    ["end", state, measurements, reason, seconds, halt, cause]

It hears pickles behind one letter: `JOB` with (job, whether it waits at each report for a verdict), and `VERDICT` with
(number, why the job is to end, or None), which it reads when it reports.
"""

from __future__ import annotations

import contextlib
import faulthandler
import json
import os
import pickle
import select
import signal
import socket
import sys
import threading
from collections.abc import Mapping
from typing import Any

import cloudpickle

from searchitect.evaluation import Evaluator, Job, Outcome
from searchitect.executors.frames import JOB, framed, read_frame
from searchitect.executors.memory import explained_within, limit_memory
from searchitect.executors.running import failure, run_job
from searchitect.trial import TrialState

__all__ = ["MAX_LOG_BYTES", "main", "prepare_evaluator"]

MAX_LOG_BYTES = 1_000_000
"""What a worker prints is kept up to about this size; then only the end stays."""

_KEPT = 64_000


def main(descriptor: int, memory_bytes: int | None = None) -> None:
    """Serve until the driver closes the connection.

    Args:
        descriptor: our end of the socket pair.
        memory_bytes: what evaluations may allocate on top of the started worker.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the driver's business
    faulthandler.enable(all_threads=False)
    os.set_inheritable(descriptor, False)
    channel = socket.socket(fileno=descriptor)
    threading.Thread(target=_watch, args=(descriptor, os.dup(1)), daemon=True).start()
    evaluator = _receive_evaluator(channel)
    if evaluator is not None:
        prepare_evaluator(evaluator)
        if memory_bytes is not None:
            limit_memory(memory_bytes)
        _send(channel, "ready")
        _serve(channel, evaluator, memory_bytes)
    # Not sys.exit: threads that the user's code left behind must not keep the worker alive.
    os._exit(0)


def _receive_evaluator(channel: socket.socket) -> Evaluator | None:
    payload = read_frame(channel)
    if payload is None:
        return None
    try:
        evaluator: Evaluator = cloudpickle.loads(payload)
    except BaseException as error:  # noqa: BLE001 - importing the user's modules may raise anything
        _send(channel, "broken", failure(error))
        return None
    return evaluator


def prepare_evaluator(evaluator: Evaluator) -> None:
    """Let it use one thread, and pay now for what only the first evaluation costs: no trial is charged for it."""
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(1)
    warm_up = getattr(evaluator, "warm_up", None)
    if warm_up is not None:
        with contextlib.suppress(Exception):  # whatever is wrong will fail a trial, with its reason
            warm_up()


def _serve(channel: socket.socket, evaluator: Evaluator, memory_bytes: int | None = None) -> None:
    lock = threading.Lock()  # an evaluator may report from its own threads

    def send(kind: str, *values: Any) -> None:
        with lock:
            _send(channel, kind, *values)

    def on_report(number: int, step: int, measurements: Mapping[str, float]) -> None:
        send("report", number, step, measurements)

    reading = threading.Lock()  # nor may two threads read, not even one that an earlier job left behind
    while (payload := _next(channel, reading)) is not None:
        if payload[:1] != JOB:
            continue  # a verdict that came too late
        send("start")
        job: Job
        job, waits = pickle.loads(payload[1:])  # noqa: S301 - our own connection
        verdict = _Verdict(channel, reading, job.number, waits)
        try:
            outcome = run_job(evaluator, job, on_report, explained_within(memory_bytes), verdict)
        except KeyboardInterrupt as error:  # raised by the user's code: the signal itself is ignored
            outcome = Outcome(job.number, TrialState.FAILED, reason=failure(error))
        told = (outcome.state, outcome.measurements, outcome.reason, outcome.seconds, outcome.halt, outcome.cause)
        send("end", *told)


def _next(channel: socket.socket, reading: threading.Lock) -> bytearray | None:
    with reading:
        return read_frame(channel)


class _Verdict:
    """What the driver says of the running job: why it is to end, or None."""

    def __init__(self, channel: socket.socket, reading: threading.Lock, number: int, waits: bool) -> None:
        self._channel, self._reading = channel, reading
        self._number, self._waits = number, waits
        self._reason: str | None = None

    def __call__(self) -> str | None:
        with self._reading:
            heard = False
            while self._reason is None and not (heard and self._waits) and (self._waits or _has_mail(self._channel)):
                payload = read_frame(self._channel)
                if payload is None:  # the driver is gone, and `_watch` ends this process
                    break
                number, reason = pickle.loads(payload[1:])  # noqa: S301 - our own connection
                if number == self._number:
                    heard, self._reason = True, reason
        return self._reason


def _has_mail(channel: socket.socket) -> bool:
    return bool(select.select([channel], [], [], 0.0)[0])


def _send(channel: socket.socket, kind: str, *values: Any) -> None:
    channel.sendall(framed(json.dumps([kind, *values], allow_nan=False).encode()))


def _watch(descriptor: int, log: int) -> None:
    """End the worker, with all it started, once the driver is gone, even in the middle of a job; bound the log."""
    poll = select.poll()
    poll.register(descriptor, select.POLLHUP | getattr(select, "POLLRDHUP", 0))
    while not poll.poll(1_000):
        _shorten(log)
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


def _shorten(log: int) -> None:
    """Keep the end of the log. It is opened for appending, so that printing goes on behind what is written here."""
    size = os.fstat(log).st_size
    if size > MAX_LOG_BYTES:
        end = os.pread(log, _KEPT, size - _KEPT)
        os.ftruncate(log, 0)
        os.write(log, end)
