"""`benchmarks/soak.py` in the slow suite: kills of the driver, and trials that crash, hang and eat memory."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

SOAK = Path(__file__).parents[2] / "benchmarks" / "soak.py"

pytestmark = pytest.mark.slow


def soak(*arguments: str) -> str:
    done = subprocess.run([sys.executable, str(SOAK), *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.timeout(1500)
def test_ten_kills_of_each_pair_of_executor_and_strategy_lose_nothing() -> None:
    kinds = ["serial", "processes", *(["ray"] if importlib.util.find_spec("ray") else [])]
    said = soak("kills", "--points", str(40 * len(kinds)), "--executors", *kinds)
    assert said.splitlines()[-1] == f"{40 * len(kinds)} kills, 0 faults"


@pytest.mark.timeout(600)
def test_five_minutes_of_crashes_hangs_and_exhausted_memory_leave_nothing_behind() -> None:
    said = soak("faults", "--minutes", "5")
    assert "ended otherwise than planted 0; zombies 0; processes left 0; files left 0" in said
    assert all(f"{kind} " in said for kind in ("sound", "crash", "hang", "memory"))
