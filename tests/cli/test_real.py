"""The whole command line on a real, tiny study: iris, two trials, one epoch."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from searchitect.cli import main
from tests.cli.conftest import Answer

Typed = Callable[..., Answer]

SPACE = """
import searchitect as sa
from torch import nn


@sa.space
class Tiny:
    width: int = sa.choice(4, 8, 16)

    def build(self, task: sa.TaskSpec) -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Linear(task.features, self.width), nn.Linear(self.width, task.outputs))
"""
TINY = ("--space", "tiny.py:Tiny", "--epochs", "1", "--no-random")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a space, and in its store the finished study "one"."""
    folder = tmp_path_factory.mktemp("cli")
    (folder / "tiny.py").write_text(SPACE)
    before = Path.cwd()
    os.chdir(folder)
    assert main(["run", "iris", *TINY, "--trials", "2", "--workers", "0", "--name", "one", "--quiet"]) == 0
    yield folder
    os.chdir(before)


@pytest.fixture
def document(place: Path, typed: Typed) -> dict[str, Any]:
    answer = typed("show", "one", "--json")
    assert (answer.code, answer.err) == (0, "")
    read: dict[str, Any] = json.loads(answer.out)
    return read


def test_the_document_has_the_documented_keys(document: dict[str, Any]) -> None:
    assert set(document) == {
        *("study", "best", "test", "baselines", "trials", "verdict", "stopped_by", "files"),
        *("seconds", "ledger", "costs", "energy", "warnings", "belief", "proxies", "elites", "portfolio"),
    }
    assert set(document["best"]) >= {"trial", "architecture", "measurements", "mean"}
    assert set(document["trials"]) >= {"complete", "failed", "pruned", "infeasible", "reused"}
    assert document["best"]["architecture"]["width"] in (4, 8, 16)
    assert 0 <= document["test"]["accuracy"] <= 1
    assert document["stopped_by"] == "trials"
    assert document["verdict"]["kind"] in ("not_compared", "baseline_better")


def test_every_file_that_is_named_is_there(place: Path, document: dict[str, Any]) -> None:
    assert "model.safetensors" in document["files"]
    assert [name for name in document["files"] if not (place / "runs/one" / name).is_file()] == []


def test_the_same_command_shows_the_finished_study(place: Path, typed: Typed, document: dict[str, Any]) -> None:
    answer = typed("run", "iris", *TINY, "--trials", "2", "--workers", "0", "--name", "one", "--json")
    assert json.loads(answer.out) == document


def test_the_same_name_for_something_else_is_refused(place: Path, typed: Typed) -> None:
    answer = typed("run", "iris", *TINY, "--trials", "2", "--workers", "0", "--name", "one", "--seed", "9")
    assert answer.code == 1
    assert "study 'one' exists with another seed: 0, now 9" in answer.err


def test_resume_of_a_finished_study_prints_it_again(place: Path, typed: Typed) -> None:
    assert "verdict" in typed("resume", "one").out


def test_trials_and_studies_are_shown(place: Path, typed: Typed) -> None:
    assert "one" in typed("list", "studies").out
    assert "trial 0: complete" in typed("show", "one", "0").out
    unknown = typed("show", "ona")
    assert (unknown.code, "did you mean 'one'" in unknown.err) == (1, True)


def test_export_writes_the_files_and_report_the_page(place: Path, typed: Typed) -> None:
    assert "there/model.safetensors" in typed("export", "one", "there").out
    assert (place / "there/architecture.json").is_file()
    assert typed("report", "one", "--out", "page.html").out == "page.html\n"
    assert "<html" in (place / "page.html").read_text("utf-8")[:500]


def test_predict_needs_the_class_and_then_gives_one_line_for_each_example(place: Path, typed: Typed) -> None:
    head = "sepal length (cm),sepal width (cm),petal length (cm),petal width (cm)\n"
    (place / "new.csv").write_text(head + "5.1,3.5,1.4,0.2\n6.0,3.0,5.0,\n")
    assert "--space FILE.py:CLASS" in typed("predict", "one", "new.csv").err
    lines = typed("predict", "one", "new.csv", "--space", "tiny.py:Tiny").out.splitlines()
    assert lines[0].startswith("prediction,")
    assert [line.split(",")[0] in ("setosa", "versicolor", "virginica") for line in lines[1:]] == [True, True]


def test_migrate_refuses_in_one_sentence_and_carries_over(place: Path, typed: Typed) -> None:
    (place / "less.py").write_text(SPACE.replace("4, 8, 16", "32, 64"))
    (place / "more.py").write_text(SPACE.replace("4, 8, 16", "4, 8, 16, 32"))
    refused = typed("migrate", "one", "less", "--space", "less.py:Tiny")
    assert refused.code == 1
    assert "cannot be carried over" in refused.err
    assert "--drop" in refused.err
    assert "less" not in typed("list", "studies").out
    moved = json.loads(typed("migrate", "one", "more", "--space", "more.py:Tiny", "--json").out)
    assert (moved["study"], moved["source"], moved["refused"]) == ("more", "one", [])
    assert moved["carried"] >= 2
    assert "measured in study 'one'" in typed("show", "more").out


def test_the_doctor_examines_a_file(place: Path, typed: Typed) -> None:
    document = json.loads(typed("doctor", "tiny.py:Tiny", "iris", "--json").out)
    assert (document["size"], document["invalid"]) == (3, 0.0)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("run", "irsi"), "did you mean 'iris'"),
        (("run", "missing.csv"), "missing.csv"),
        (("run", "iris", "--space", "mpl"), "did you mean 'mlp'"),
        (("run", "iris", "--strategy", "randm"), "did you mean 'random'"),
        (("run", "iris", "--objective", "acuracy"), "did you mean 'accuracy'"),
        (("run", "iris", "--constraint", "parameters"), "parameters<=100000"),
        (("run", "iris", "--constraint", "parameters<=1", "--constraint", "parameters>=2"), "contradict"),
        (("run", "iris", "--until", "soon"), "NAME"),
    ],
)
def test_a_wrong_word_is_one_sentence_with_a_hint(
    place: Path, typed: Typed, words: tuple[str, ...], expected: str
) -> None:
    answer = typed(*words, *(("--trials", "1", "--workers", "0", "--name", "never") if words[0] == "run" else ()))
    assert (answer.code, answer.out) == (1, "")
    assert answer.err.startswith("error: ")
    assert expected in answer.err
    assert "Traceback" not in answer.err
    assert "never" not in typed("list", "studies").out


def test_a_space_without_a_feasible_architecture_is_exit_code_three_or_one(place: Path, typed: Typed) -> None:
    limits = ("--constraint", "parameters<=1", "--trials", "2", "--workers", "0", "--name", "none")
    answer = typed("run", "iris", *TINY, *limits, "--json")
    assert answer.code in (1, 3)
    if answer.code == 3:
        assert json.loads(answer.out)["best"] is None


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_cleanly_says_how_to_go_on_and_loses_nothing(
    place: Path, typed: Typed, number: signal.Signals, code: int
) -> None:
    name = f"stopped-{code}"
    endless = ("--space", "mlp", "--epochs", "1", "--no-random")  # a space of three would be at its end too soon
    words = ["run", "iris", *endless, "--budget", "10min", "--strategy", "random", "--workers", "1", "--name", name]
    command = [sys.executable, "-m", "searchitect", *words]
    with subprocess.Popen(command, cwd=place, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert any("complete" in line for line in process.stderr)
        process.send_signal(number)
        rest = process.stderr.read()
        assert process.wait(timeout=30) == code
    assert rest.splitlines()[-1].endswith(f"To go on: searchitect resume {name}")
    assert "Traceback" not in rest
    assert json.loads(typed("show", name, "--json").out)["trials"]["complete"] >= 1
    _no_process_is_left(name)


def _no_process_is_left(name: str) -> None:
    """Workers of a stopped study are gone within seconds."""
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline and _processes(name):
        time.sleep(0.1)
    assert _processes(name) == []


def _processes(name: str) -> list[str]:
    if not Path("/proc").is_dir():
        return []
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            text = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if name in text and "pytest" not in text:
            found.append(text)
    return found
