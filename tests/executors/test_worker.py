"""The worker's program, run here over a socket pair; `test_processes.py` runs it for real."""

from __future__ import annotations

import json
import os
import pickle
import socket
import tempfile
from collections.abc import Iterator, Mapping
from typing import Any

import cloudpickle
import pytest

from searchitect.evaluation import Context
from searchitect.executors import worker
from searchitect.executors.frames import JOB, VERDICT, framed, read_frame
from searchitect.testing.executors import Scripted, job
from searchitect.trial import Proposal


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    driver, ours = socket.socketpair()
    with driver, ours:
        yield driver, ours


def answers(driver: socket.socket, ours: socket.socket) -> list[list[Any]]:
    """Everything the worker said, once it has ended."""
    ours.close()
    return [json.loads(payload) for payload in iter(lambda: read_frame(driver), None)]


class Impatient:
    def evaluate(self, proposal: Proposal, context: Context) -> Mapping[str, float]:
        raise KeyboardInterrupt


def test_jobs_are_answered_in_json(ends: tuple[socket.socket, socket.socket]) -> None:
    driver, ours = ends
    for one in (job(4, value=3), job(5, "report", 1)):
        driver.sendall(framed(JOB + pickle.dumps((one, False))))
    driver.shutdown(socket.SHUT_WR)
    worker._serve(ours, Scripted())
    started, ended, again, report, failed = answers(driver, ours)
    assert (started, again) == (["start"], ["start"])
    assert ended[:4] == ["end", "complete", {"score": 6.0, "seed": 1004.0}, None]
    assert report == ["report", 5, 0, {"loss": 1.0}]
    assert failed[:4] == ["end", "failed", {}, "diverged"]


def test_a_verdict_that_came_too_late_is_passed_over(ends: tuple[socket.socket, socket.socket]) -> None:
    driver, ours = ends
    for payload in (VERDICT + pickle.dumps((3, "too late")), JOB + pickle.dumps((job(4, value=3), False))):
        driver.sendall(framed(payload))
    driver.shutdown(socket.SHUT_WR)
    worker._serve(ours, Scripted())
    assert [message[0] for message in answers(driver, ours)] == ["start", "end"]


def test_a_job_that_waits_goes_on_or_ends_as_it_is_told(ends: tuple[socket.socket, socket.socket]) -> None:
    driver, ours = ends
    verdicts = [(4, None), (3, "of an earlier job"), (4, "behind")]
    for payload in (JOB + pickle.dumps((job(4, "train", 9), True)), *(VERDICT + pickle.dumps(v) for v in verdicts)):
        driver.sendall(framed(payload))
    driver.shutdown(socket.SHUT_WR)
    worker._serve(ours, Scripted())
    *_, ended = said = answers(driver, ours)
    assert [message[2] for message in said if message[0] == "report"] == [1, 2]
    assert ended[:4] == ["end", "pruned", {"score": 2.0, "epochs": 2.0}, "behind"]


def test_an_interrupt_raised_by_the_candidate_is_a_failure(ends: tuple[socket.socket, socket.socket]) -> None:
    driver, ours = ends
    driver.sendall(framed(JOB + pickle.dumps((job(0), False))))
    driver.shutdown(socket.SHUT_WR)
    worker._serve(ours, Impatient())
    assert answers(driver, ours)[1][:2] == ["end", "failed"]


def test_the_evaluator_is_received_once(ends: tuple[socket.socket, socket.socket]) -> None:
    driver, ours = ends
    driver.sendall(framed(cloudpickle.dumps(Scripted(5.0))))
    assert worker._receive_evaluator(ours) == Scripted(5.0)


def test_an_evaluator_that_cannot_be_read_is_told_to_the_driver(ends: tuple[socket.socket, socket.socket]) -> None:
    driver, ours = ends
    driver.sendall(framed(b"nonsense"))
    assert worker._receive_evaluator(ours) is None
    ((kind, reason),) = answers(driver, ours)
    assert kind == "broken"
    assert "UnpicklingError" in reason


def test_a_driver_that_is_gone_before_the_evaluator_came_is_no_error(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    driver, ours = ends
    driver.close()
    assert worker._receive_evaluator(ours) is None


def test_a_long_log_keeps_its_end() -> None:
    with tempfile.TemporaryFile() as log:
        os.write(log.fileno(), b"a" * worker.MAX_LOG_BYTES)
        worker._shorten(log.fileno())
        assert os.fstat(log.fileno()).st_size == worker.MAX_LOG_BYTES
        os.write(log.fileno(), b"the end")
        os.lseek(log.fileno(), 0, os.SEEK_SET)
        worker._shorten(log.fileno())
        assert os.fstat(log.fileno()).st_size == worker._KEPT
        assert os.pread(log.fileno(), 7, worker._KEPT - 7) == b"the end"
