"""Events become sentences."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from searchitect.cli.progress import Progress, progress
from tests.cli.test_running import MANIFEST

START = {
    "kind": "start",
    "number": 3,
    "phase": "search",
    "architecture": {"space": "d", "decisions": {"width": 16, "rate": 0.00123456}},
}


def end(number: int, accuracy: float | None = None, reason: str | None = None) -> dict[str, Any]:
    return {
        "kind": "end",
        "number": number,
        "state": "failed" if accuracy is None else "complete",
        "measurements": {} if accuracy is None else {"parameters": 12345, "accuracy": accuracy},
        "reason": reason,
        "clock": {"seconds": 3.14, "elapsed": 10.0 + number},
    }


def said(*events: dict[str, Any]) -> list[str]:
    sentences: list[str] = []
    following = Progress(lambda sentence, lasting: sentences.append(sentence))
    for event in events:
        following.on_event(event)
    return sentences


@pytest.mark.parametrize(
    ("event", "sentence"),
    [
        (MANIFEST, "study digits-7: space Net, random, maximize accuracy"),
        (START, "search #3 starts: width=16 rate=0.001235"),
        (end(3, 0.98765), "#3 complete (3.1 s): parameters 12,345, accuracy 0.9877"),
        (end(4, reason="the loss is NaN"), "#4 failed (3.1 s): the loss is NaN"),
        (
            {"kind": "reused", "number": 5, "phase": "search", "of": 2},
            "search #5 repeats #2: answered from the journal",
        ),
        (
            {"kind": "infeasible", "number": 6, "phase": "random", "reason": "too large"},
            "random #6 infeasible: too large",
        ),
        ({"kind": "phase", "phase": "search", "ended_by": "budget"}, "the search is over: its time is up"),
        ({"kind": "baseline", "name": "svm", "measurements": {"accuracy": 0.99}}, "baseline svm: accuracy 0.99"),
        (
            {"kind": "test_opened", "models": {"search": [1, 2]}, "baselines": ["svm"]},
            "the test split is opened, once, for 2 frozen models and 1 baselines",
        ),
        ({"kind": "phase", "phase": "confirm", "ended_by": "exhausted"}, "the confirmation is over"),
        (
            {"kind": "finalists", "arms": {"search": [3, 1], "random": []}},
            "finalists, to be trained again on fresh seeds: search #3 #1",
        ),
        (
            {"kind": "exported", "files": ["a"], "skipped": [["model.onnx", "pip install x"]]},
            "written: a; skipped model.onnx: pip install x",
        ),
        ({"kind": "exported", "files": ["model.onnx"]}, "written: model.onnx"),
        ({"kind": "test_result", "handed_over": {"accuracy": 0.98}}, "test split: accuracy 0.98"),
        ({"kind": "test_repeated"}, "test repeated"),
    ],
)
def test_each_event_is_one_sentence(event: dict[str, Any], sentence: str) -> None:
    assert said(event) == [sentence]


def test_once_the_manifest_is_known_only_objectives_and_limits_are_shown() -> None:
    event = end(0, 0.9)
    event["measurements"]["log_loss"] = 0.3
    assert said(MANIFEST, event)[1] == "#0 complete (3.1 s): accuracy 0.9, parameters 12,345"


def test_a_long_architecture_is_cut() -> None:
    decisions = {f"blocks.{i}.width": 16 for i in range(50)}
    [sentence] = said(START | {"architecture": {"space": "d", "decisions": decisions}})
    assert len(sentence) < 120
    assert sentence.endswith("…")


def test_the_live_line_holds_counts_and_the_best_so_far() -> None:
    following = Progress(lambda sentence, lasting: None)
    for event in (MANIFEST, START, end(0, 0.9), end(1, 0.95), end(2, 0.93), end(3, reason="NaN")):
        following.on_event(event)
    assert following.line == "search · 3 complete · 1 failed · best accuracy 0.95"
    assert (following.study, following.elapsed) == ("digits-7", 13.0)


def test_away_from_a_terminal_every_event_is_a_line_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    with progress() as following:
        following.on_event(MANIFEST)
        following.on_event(end(0, 0.9))
    printed = capsys.readouterr()
    assert printed.out == ""
    assert len(printed.err.splitlines()) == 2


def test_quiet_shows_nothing_and_still_knows_the_name(capsys: pytest.CaptureFixture[str]) -> None:
    with progress(quiet=True) as following:
        following.on_event(MANIFEST)
    assert capsys.readouterr().err == ""
    assert following.study == "digits-7"


@pytest.mark.parametrize("seconds", [None, 90.0])
def test_on_a_terminal_lasting_sentences_stay(
    seconds: float | None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    with progress(seconds=seconds) as following:
        for event in (MANIFEST, START, end(3, 0.9), {"kind": "phase", "phase": "search", "ended_by": "budget"}):
            following.on_event(event)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "study digits-7: space Net" in printed.err
    assert "the search is over: its time is up" in printed.err
