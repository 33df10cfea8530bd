from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import pytest

from searchitect.errors import EvaluationError, StorageError, TrialStopped
from searchitect.evaluation import Cause, Job, trial_folder
from searchitect.executors import ProcessExecutor
from searchitect.executors.running import run_job
from searchitect.executors.workplace import scratch
from searchitect.spaces.architecture import Architecture
from searchitect.storage.remote_artifacts import RemoteArtifacts
from searchitect.testing.executors import run_all
from searchitect.trial import Proposal, TrialState


class Shelf:
    """Artifacts in a dictionary."""

    def __init__(self):
        self.files, self.fails = {}, False

    def fetch(self, number, folder):
        for name, text in self.files.get(number, {}).items():
            folder.mkdir(exist_ok=True)
            (folder / name).write_text(text)

    def keep(self, number, folder):
        if self.fails:
            raise StorageError("no room")
        self.files[number] = {path.name: path.read_text() for path in folder.iterdir()}


class Leaving:
    """Leaves a file, and sees what lies beside its folder; then ends in one of several ways."""

    def evaluate(self, proposal, context):
        do = str(proposal.architecture["do"])
        self.folder = context.folder
        self.beside = {path.name: sorted(p.name for p in path.iterdir()) for path in context.folder.parent.iterdir()}
        (context.folder / "weights").write_text(do)
        if do == "fail":
            raise EvaluationError("diverged")
        if do == "give up":
            raise TrialStopped("no use")
        return {"score": float("nan") if do == "nan" else 1.0}


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def run(shelf, do="score", **lineage):
    evaluator = Leaving()
    proposal = Proposal(Architecture("s", {"do": do}), **lineage)
    return evaluator, run_job(evaluator, Job(7, proposal, 0, artifacts=shelf))


def test_what_a_trial_goes_on_from_and_inherits_lies_beside_its_folder(temporary):
    shelf = Shelf()
    shelf.files = {1: {"checkpoint": "c"}, 2: {"weights": "w"}, 3: {"weights": "not asked for"}}
    evaluator, outcome = run(shelf, continues=1, inherits=2)
    assert outcome.state is TrialState.COMPLETE
    assert evaluator.beside == {trial_folder(1): ["checkpoint"], trial_folder(2): ["weights"], trial_folder(7): []}
    assert evaluator.folder.name == trial_folder(7)
    assert shelf.files[7] == {"weights": "score"}
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize(("do", "kept"), [("score", True), ("give up", True), ("fail", False), ("nan", False)])
def test_only_what_ended_with_something_to_keep_is_kept(temporary, do, kept):
    shelf = Shelf()
    run(shelf, do)
    assert (7 in shelf.files) is kept
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("do", ["score", "give up"])
def test_what_cannot_be_kept_halts_the_study(temporary, do):
    shelf = Shelf()
    shelf.fails = True
    _, outcome = run(shelf, do)
    assert (outcome.state, outcome.halt, outcome.reason) == (TrialState.FAILED, True, "no room")


def test_what_a_killed_process_left_is_removed_by_the_next_and_what_is_in_use_stays(temporary):
    script = """\
        import sys, time
        from searchitect.executors.workplace import scratch
        with scratch() as folder:
            (folder / "weights").write_text("w")
            print(folder, flush=True)
            time.sleep(60)
    """
    started = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)],
        stdout=subprocess.PIPE,
        text=True,
        env={"TMPDIR": str(temporary)},
    )
    with started:
        left = Path(started.stdout.readline().strip())
        with scratch() as ours:
            assert (left / "weights").exists()
            started.send_signal(signal.SIGKILL)
            started.wait()
            with scratch():
                assert not left.exists()
                assert ours.exists()
    assert list(temporary.iterdir()) == []


class Dying:
    """Dies once in the middle, with its files written."""

    def evaluate(self, proposal, context):
        once = Path(str(proposal.architecture["once"]))
        (context.folder / "weights").write_text(str(context.seed))
        if not once.exists():
            once.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return {"score": 1.0}


def test_a_killed_worker_leaves_nothing_that_counts_and_its_trial_can_be_run_again(temporary, monkeypatch):
    pytest.importorskip("fsspec", reason="the extra 'artifacts' is not installed")
    monkeypatch.setenv("TMPDIR", str(temporary / "scratch"))
    (temporary / "scratch").mkdir()
    artifacts = RemoteArtifacts(f"file://{temporary}/bucket", "study")
    given = Job(3, Proposal(Architecture("s", {"once": str(temporary / "once")})), 5, artifacts=artifacts)
    with ProcessExecutor(Dying(), workers=1) as executor:
        (first,) = run_all(executor, [given])
        assert first.cause is Cause.KILLED
        assert list(artifacts.numbers()) == []
        assert len(list((temporary / "scratch").iterdir())) == 1
        (second,) = run_all(executor, [given])
        assert second.state is TrialState.COMPLETE
        assert list((temporary / "scratch").iterdir()) == []
    artifacts.fetch(3, temporary / "ours")
    assert (temporary / "ours" / "weights").read_text() == "5"
