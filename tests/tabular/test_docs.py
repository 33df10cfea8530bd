"""The examples of docs/tables.md run, and its table of keys is complete."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from searchitect.tabular import open_benchmark
from searchitect.tabular.description import KEYS
from searchitect.trial import Fidelity

PAGE = (Path(__file__).parents[2] / "docs" / "tables.md").read_text("utf-8")


def block(language: str, number: int = 0) -> str:
    return str(re.findall(rf"^```{language}\n(.*?)^```", PAGE, flags=re.DOTALL | re.MULTILINE)[number])


def test_the_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cells.csv").write_text(block("csv"), "utf-8")
    (tmp_path / "cells.toml").write_text(block("toml"), "utf-8")
    program = tmp_path / "program.py"
    program.write_text(block("python"), "utf-8")
    exec(compile(program.read_text("utf-8"), str(program), "exec"), {"__name__": "program"})


def test_the_example_with_a_row_for_each_epoch_opens(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text(block("csv", 1), "utf-8")
    (tmp_path / "log.toml").write_text(block("toml", 1), "utf-8")
    benchmark = open_benchmark(str(tmp_path / "log.toml"))
    [two, three] = benchmark.members()
    assert benchmark.measure(two)["test_accuracy"] == 0.69
    assert benchmark.cost(three, Fidelity(epochs=2)) == pytest.approx(14.2 + 14.6)


def test_every_key_has_a_row() -> None:
    named = set(re.findall(r"^\| `\[*(\w+)\]*`", PAGE, flags=re.MULTILINE))
    assert {*KEYS, "variants"} - {"signals"} <= named
