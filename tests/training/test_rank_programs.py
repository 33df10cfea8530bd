"""Ranks as programs: they do their work, they die, and none is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path

import pytest
import torch

from searchitect.errors import EvaluationError
from searchitect.training.rank_programs import accompanied
from searchitect.training.ranks import Ranks


def children() -> set[int]:
    """Processes that this one started and that are still there, zombies included."""
    return {int(pid) for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()}


def follows(ranks: Ranks, script: str, note: Path) -> None:
    note.write_text(str(os.getpid()))
    ranks.sum(torch.ones(1))
    if script == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if script == "raises":
        raise ValueError("no such layer")
    ranks.sum(torch.ones(1))
    if script == "slow":
        time.sleep(600)


def add_twice(ranks: Ranks | None, sums: list[float], then: Exception | None = None) -> None:
    """What rank 0 does, and how it ends."""
    assert ranks is not None
    for _ in range(2):
        sums.append(float(ranks.sum(torch.ones(1))))
    if then is not None:
        raise then


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("killed", r"rank 1 of the training died \(signal 9, SIGKILL\)"),
        ("raises", "rank 1: ValueError: no such layer"),
    ],
)
def test_a_rank_that_dies_or_fails_is_the_reason_and_leaves_nothing(script: str, reason: str, tmp_path: Path) -> None:
    before = children()
    sums: list[float] = []
    with (
        pytest.raises(EvaluationError, match=reason),
        accompanied(2, partial(follows, script=script, note=tmp_path / "pid")) as ranks,
    ):
        add_twice(ranks, sums)
    assert sums == [2.0]
    assert children() == before


def test_an_error_of_rank_0_is_told_as_it_is_and_ends_the_others_in_the_middle_of_their_work(tmp_path: Path) -> None:
    before = children()
    sums: list[float] = []
    with (
        pytest.raises(ZeroDivisionError),
        accompanied(2, partial(follows, script="slow", note=tmp_path / "pid")) as ranks,
    ):
        add_twice(ranks, sums, then=ZeroDivisionError())
    assert sums == [2.0, 2.0]
    assert children() == before
    assert not Path("/proc", (tmp_path / "pid").read_text()).exists()


def test_one_rank_starts_nothing() -> None:
    before = children()
    with accompanied(1, print) as ranks:
        assert ranks is None
        assert children() == before


def test_what_cannot_travel_is_refused_and_leaves_nothing() -> None:
    before = children()
    with pytest.raises(TypeError, match="pickle"), accompanied(2, partial(print, threading.Lock())):
        pass
    assert children() == before


ALONE = """
import sys
from functools import partial
from pathlib import Path
from searchitect.training.rank_programs import accompanied
from tests.training.test_rank_programs import add_twice, follows
if __name__ == "__main__":
    with accompanied(2, partial(follows, script="slow", note=Path(sys.argv[1]))) as ranks:
        add_twice(ranks, [])
        print("together", flush=True)
        sys.stdin.readline()
"""


@pytest.mark.slow
def test_where_rank_0_is_killed_the_others_end(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    own = tmp_path / "temporary"
    own.mkdir()
    first = subprocess.Popen(
        [sys.executable, "-c", ALONE, note],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(own)},
    )
    assert first.stdout is not None
    assert first.stdout.readline() == b"together\n"
    other = Path("/proc", note.read_text(), "cmdline")
    assert b"rank_programs" in other.read_bytes()
    first.kill()
    first.communicate()
    end = time.monotonic() + 10.0
    while time.monotonic() < end and _runs(other):
        time.sleep(0.05)
    assert not _runs(other)
    assert list(own.iterdir()) == []


def _runs(cmdline: Path) -> bool:
    try:
        return bool(cmdline.read_bytes())  # empty of one that has ended and that nobody has asked after
    except OSError:
        return False
