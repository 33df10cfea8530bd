"""`show`, `report`, `export`, `predict` read a study."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from searchitect.errors import ExportError
from tests.cli.conftest import Answer, FakeApi, make_trial

Typed = Callable[..., Answer]


def test_show_prints_the_summary_and_one_row_for_each_trial(api: FakeApi, typed: Typed) -> None:
    lines = typed("show", "one", "--store", "s.db").out.splitlines()
    assert api.calls[-1] == ("open_result", ("one", "s.db"), {})
    assert lines[0] == "study digits-plain_cnn: 2 complete, 1 failed; 61 s; stopped by budget"
    assert "test       accuracy 0.905" in lines
    assert "note       no random search was run" in lines
    assert lines[-1].split() == ["2", "search", "failed", "1.2", "the", "loss", "is", "NaN"]


def test_show_lists_a_thousand_trials_and_counts_the_rest(api: FakeApi, typed: Typed) -> None:
    api.result.trials = tuple(make_trial(number) for number in range(1_003))
    lines = typed("show", "one").out.splitlines()
    assert lines[-2].split()[:3] == ["999", "search", "complete"]
    assert lines[-1] == "… and 3 more: --json lists all, `show STUDY NUMBER` shows one"


def test_show_of_a_trial_prints_all_about_it(api: FakeApi, typed: Typed) -> None:
    out = typed("show", "one", "1").out
    for expected in ("trial 1: complete", "key key1", "width = 16", "accuracy 0.91", "step 1: accuracy 0.5"):
        assert expected in out
    document = json.loads(typed("show", "one", "1", "--json").out)
    assert document["architecture"] == {"width": 16, "learning_rate": 0.0012345}
    assert (document["state"], document["measurements"]["accuracy"]) == ("complete", 0.91)


@pytest.mark.parametrize("number", ["3", "99"])
def test_a_trial_that_is_not_there_is_answered_with_those_that_are(api: FakeApi, typed: Typed, number: str) -> None:
    answer = typed("show", "one", number)
    assert answer.code == 1
    assert f"has no trial {number}" in answer.err
    assert "trials 0 to 2" in answer.err


def test_report_says_where_it_wrote(api: FakeApi, typed: Typed) -> None:
    assert typed("report", "one", "--out", "page.html").out == "runs/demo/report.html\n"
    assert api.calls == [("report", ("one", Path("page.html")), {"store": None})]


def test_export_lists_the_files(api: FakeApi, typed: Typed) -> None:
    assert typed("export", "one", "here", "--trial", "1").out == "here/model.onnx\nhere/model.safetensors\n"
    assert api.calls == [("export", ("one", Path("here")), {"trial": 1, "store": None})]


def test_predict_prints_one_line_for_each_example(api: FakeApi, typed: Typed) -> None:
    assert (
        typed("predict", "one", "new.csv").out == "prediction,probabilities.six,probabilities.seven\nseven,0.25,0.75\n"
    )
    [row] = json.loads(typed("predict", "one", "new.csv", "--json").out)
    assert row == {"prediction": "seven", "probabilities": {"six": 0.25, "seven": 0.75}}
    assert api.calls[0] == ("predict", ("one", Path("new.csv")), {"store": None, "space": None})


def test_predict_for_a_class_of_ones_own_asks_for_it_as_an_option(api: FakeApi, typed: Typed) -> None:
    api.failure = ExportError("built by the class 'Net'", hint="sa.load(folder, space=Net)")
    answer = typed("predict", "one", "new.csv")
    assert answer.code == 1
    assert answer.err == "error: built by the class 'Net'\n  hint: name the class: --space FILE.py:CLASS\n"
    api.failure = ExportError("damaged", hint="export the model again")
    assert typed("predict", "one", "new.csv").err == "error: damaged\n  hint: export the model again\n"


def test_migrate_says_what_was_carried_over_and_how_to_go_on(api: FakeApi, typed: Typed) -> None:
    lines = typed("migrate", "one", "new", "--space", "net.py:Net", "--store", "s.db").out.splitlines()
    assert lines == ["study new: 2 trials carried over", "to go on: searchitect resume new --store s.db"]
    assert json.loads(typed("migrate", "one", "new", "--space", "mlp", "--drop", "--json").out) == {"carried": 2}
    assert api.calls == [
        ("migrate", ("one", "new"), {"space": "net.py:Net", "store": "s.db", "drop": False}),
        ("migrate", ("one", "new"), {"space": "mlp", "store": None, "drop": True}),
    ]


def test_migrate_needs_to_know_the_space(api: FakeApi, typed: Typed) -> None:
    answer = typed("migrate", "one", "new")
    assert (answer.code, "--space" in answer.err, api.calls) == (2, True, [])
