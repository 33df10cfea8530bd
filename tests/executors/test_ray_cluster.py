"""The parts of the Ray executor that need no cluster."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from searchitect.errors import ConfigError, MissingExtraError
from searchitect.executors import open_executor
from searchitect.executors.ray_cluster import Needs, _sweep, join
from searchitect.executors.ray_worker import RayWorker
from searchitect.executors.travel import serialised
from searchitect.testing.executors import Scripted, job


def test_only_folders_of_dead_drivers_are_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    names = (f"sa-ray-{dead.pid}-abc", f"sa-ray-{os.getpid()}-abc", "sa-ray-other", "something")
    for name in names:
        (tmp_path / name).mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    _sweep()
    assert {path.name for path in tmp_path.iterdir()} == set(names[1:])


def test_without_ray_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"(?s)needs the extra 'ray'.*searchitect\[ray\]"):
        join(None, 1, Needs())


@pytest.mark.parametrize("needs", [{"cpus": 0.0}, {"cpus": -1.0}, {"gpus": -0.5}, {"cpus": float("nan")}])
def test_a_trial_needs_something(needs: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="a trial needs a share"):
        Needs(**needs)


def test_needs_are_told_in_one_line() -> None:
    assert str(Needs(2, 0.25, 3_000_000_000)) == "2 CPUs, 0.25 GPUs, 3 GB"


def test_ray_needs_workers_and_a_time_that_can_be_meant() -> None:
    with pytest.raises(ConfigError, match="'ray' does not run on 0 workers"):
        open_executor(Scripted(), 0, kind="ray")
    with pytest.raises(ConfigError, match="hang_seconds must be positive"):
        open_executor(Scripted(), 2, kind="ray", hang_seconds=0.0)


def test_a_worker_on_a_node_answers_in_plain_values() -> None:
    worker = RayWorker(serialised(Scripted()), None)
    assert worker.ready() == ("", os.getpid(), None)
    assert worker.run(job(3, value=4), False, False)[:3] == ("complete", {"score": 8.0, "seed": 1003.0}, None)
    assert worker.hear(3) == []


def test_a_node_that_does_not_see_the_folder_halts_the_study(tmp_path: Path) -> None:
    worker = RayWorker(serialised(Scripted()), None)
    state, _, reason, _, _, halt, _ = worker.run(job(3, folder=tmp_path / "weights" / "trial-3"), False, False)
    assert (state, halt) == ("failed", True)
    assert reason is not None
    assert "needs a shared folder for weights" in reason


def test_an_evaluator_that_cannot_be_loaded_is_told_by_the_worker() -> None:
    *_, broken = RayWorker(b"\x80nonsense", None).ready()
    assert broken is not None
