from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from searchitect.executors.signs import SignsOfLife, descendants, processor_seconds


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands, and is set."""
    now = [100.0]
    monkeypatch.setattr("searchitect.executors.signs.time.monotonic", lambda: now[0])
    return now


def looked(clock, *looks, away=0.0):
    """Signs after these looks: (seconds since the last sign, processor seconds used so far)."""
    signs = SignsOfLife()
    for passed, used in looks:
        signs.look(used, 100.0 + passed + away, 100.0 + passed)
    return signs


@pytest.mark.parametrize(
    ("looks", "silent"),
    [
        ([], 0),
        ([(700, 5.0)], 0),  # the driver was busy: one look compares with nothing
        ([(1, 5.0), (2, 5.0), (5, 5.05)], 4),
        ([(1, 5.0), (2, 5.5), (5, 5.5)], 3),
        ([(1, 5.0), (700, 300.0)], 0),
        ([(1, 5.0), (700, 5.0)], 699),
        ([(1, 5.0), (4, 4.0), (6, 4.0)], 2),  # a child has ended
        ([(1, None), (50, None)], 0),
        ([(1, 5.0), (10, None), (50, 5.0)], 0),
        ([(1, 0.0), (2, 0.015), (3, 0.03)], 2),
    ],
)
def test_silence_is_what_lies_between_two_looks(clock, looks, silent):
    assert looked(clock, *looks).silent() == pytest.approx(silent)
    assert looked(clock, *looks, away=12345.0).silent() == pytest.approx(silent)  # of the clock of another machine


def test_a_sign_forgets_what_was_seen_before_and_an_answer_from_before_it_counts_for_nothing(clock):
    signs = looked(clock, (1, 5.0), (10, 5.0))
    clock[0] = 111.0
    signs.note()
    assert signs.silent() == 0
    signs.look(5.0, 110.0, 110.5)
    assert not signs.is_due(111.5)
    assert signs.is_due(112.0)
    signs.look(5.0, 120.0, 120.0)
    assert signs.silent() == 0


def test_a_late_answer_is_judged_by_when_it_was_read(clock):
    """Asked at 101, read at 103 because the watcher had to start; a worker that works all the time is not silent."""
    signs = SignsOfLife()
    signs.look(3.0, 103.0, 101.0)
    signs.look(3.02, 103.02, 103.01)
    assert signs.silent() == 0


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_processor_time_is_that_of_a_process_and_what_it_started():
    work = (
        "import time\nend = time.monotonic() + 0.3\nwhile time.monotonic() < end: pass\nprint(1, flush=True)\ninput()"
    )
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-S', '-c', {work!r}])"
    with subprocess.Popen(
        [sys.executable, "-S", "-c", parent], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as started:
        assert started.stdout.readline() == b"1\n"
        family = descendants(started.pid)
        assert len(family) == 2
        assert family[-1] == started.pid
        with_child = processor_seconds([started.pid, 2**30])
        assert list(with_child) == [started.pid]
        assert with_child[started.pid] > 0.05
        assert processor_seconds([started.pid], first_thread=False)[started.pid] <= with_child[started.pid]
        started.stdin.write(b"\n")
        started.stdin.close()
    assert processor_seconds([started.pid]) == {}
