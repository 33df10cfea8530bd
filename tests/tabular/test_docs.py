"""The example of docs/tables.md runs, and its table of keys is complete."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from searchitect.tabular.description import KEYS

PAGE = (Path(__file__).parents[2] / "docs" / "tables.md").read_text("utf-8")


def block(language: str) -> str:
    [found] = re.findall(rf"^```{language}\n(.*?)^```", PAGE, flags=re.DOTALL | re.MULTILINE)
    return str(found)


def test_the_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cells.csv").write_text(block("csv"), "utf-8")
    (tmp_path / "cells.toml").write_text(block("toml"), "utf-8")
    program = tmp_path / "program.py"
    program.write_text(block("python"), "utf-8")
    exec(compile(program.read_text("utf-8"), str(program), "exec"), {"__name__": "program"})


def test_every_key_has_a_row() -> None:
    named = set(re.findall(r"^\| `\[*(\w+)\]*`", PAGE, flags=re.MULTILINE))
    assert {*KEYS, "variants"} - {"signals"} <= named
