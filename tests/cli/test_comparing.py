"""`compare` on a small table that is written for the occasion."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Answer

Typed = Callable[..., Answer]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A description of 27 architectures; the accuracy counts them."""
    cells = [(a, b, c) for a in range(3) for b in range(3) for c in range(3)]
    lines = [f"{a},{b},{c},{50 + n},{50.05 + n},{1 + a}" for n, (a, b, c) in enumerate(cells)]
    header = "op_a,op_b,op_c,valid_accuracy_percent,test_accuracy_percent,train_seconds"
    (tmp_path / "small.csv").write_text("\n".join([header, *lines]) + "\n", "utf-8")
    description = tmp_path / "small.toml"
    description.write_text(
        'table = "small.csv"\ndecisions = ["op_*"]\ntruth = "test_accuracy_percent"\ncost = "train_seconds"\n'
        'signals = { valid = "valid_accuracy_percent", test = "test_accuracy_percent" }\n',
        "utf-8",
    )
    return description


@pytest.fixture
def compare(typed: Typed, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Typed:
    """Types `compare` on the small table, in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def type_it(*words: str, benchmark: str = str(table)) -> Answer:
        quick = ("--trials", "20", "--seeds", "3", "--jobs", "0")
        return typed("compare", "--benchmark", benchmark, *quick, *words)

    return type_it


def test_the_tables_say_who_was_better_and_where_the_page_is(compare: Typed, tmp_path: Path) -> None:
    answer = compare("--strategies", "regularized_evolution(population_size=5)", "--trials", "5")
    assert answer.code == 0, answer.err
    assert "optimum of test_accuracy_percent: 76.05" in answer.out
    assert "told: valid_accuracy_percent" in answer.out
    assert [line.split("  ")[0] for line in answer.out.splitlines() if line.startswith(("random", "regularized"))] == [
        "random",
        "regularized_evolution(population_size=5)",
    ] * 3
    assert ">5" in answer.out
    assert "random: 3 of 3 searches" in answer.err
    (page,) = (tmp_path / "runs").glob("compare-*.html")
    assert f"page: {page.relative_to(tmp_path)}" in answer.err


def test_json_is_one_document_and_nothing_else(compare: Typed) -> None:
    answer = compare("--strategies", "random", "--json", "--quiet", "--signal", "test", "--noise", "0.5")
    document = json.loads(answer.out)
    assert answer.err == ""
    assert document["optimum"] == 76.05
    assert document["noise"] == 0.5
    (row,) = document["rows"]
    assert row["strategy"] == "random"
    assert row["at"]["20"].keys() == {"mean", "std"}
    assert row["queries_to_optimum"].keys() == {"median", "p90", "reached"}
    assert row["rank"] == 1.0


def test_the_same_command_prints_the_same_bytes(compare: Typed) -> None:
    words = ("--json", "--noise", "1", "--strategies", "random,grid")
    assert compare(*words).out == compare(*words, "--jobs", "2").out


def test_all_strategies_are_tried_and_those_left_out_are_named(compare: Typed) -> None:
    document = json.loads(compare("--json", "--quiet", "--seeds", "2", "--trials", "3").out)
    names = {row["strategy"] for row in document["rows"]}
    assert {"random", "grid", "regularized_evolution"} <= names
    assert all(row["error"] is None for row in document["rows"]), document["rows"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--strategies", "regularised_evolution"), "did you mean 'regularized_evolution'?"),
        (("--strategies", "grid(size=3)"), "has no option 'size'"),
        (("--strategies", "grid,"), "cannot read the strategies"),
        (("--seeds", "1"), "seeds is a whole number from 2 on, got 1"),
        (("--noise", "-1"), "noise is a number from 0 on"),
        (("--signal", "tset"), "did you mean 'test'?"),
        (("--workers", "0"), "workers is a whole number from 1 on"),
    ],
)
def test_wrong_input_is_one_sentence(compare: Typed, words: tuple[str, ...], message: str) -> None:
    answer = compare(*words)
    assert answer.code == 1
    assert message in answer.err
    assert "Traceback" not in answer.err
    assert answer.out == ""


def test_an_unknown_benchmark_is_told_with_the_nearest(compare: Typed) -> None:
    answer = compare(benchmark="nasbench21/cifar10")
    assert answer.code == 1
    assert "nasbench201/cifar10" in answer.err


def test_a_folder_that_may_not_be_written_does_not_hide_the_answer(compare: Typed, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", "utf-8")
    answer = compare("--strategies", "random", "--out", str(tmp_path / "file" / "page.html"))
    assert answer.code == 1
    assert "76.05" in answer.out
