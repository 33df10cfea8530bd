from __future__ import annotations

from pathlib import Path

import pytest

from searchitect.errors import ConfigError, TaskError
from searchitect.tabular import open_benchmark
from tests.tabular.tables import BRIEF, at, grid, opened


def test_a_description_that_is_not_there_has_a_nearest_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read the description") as caught:
        open_benchmark(str(tmp_path / "cells.toml"))
    assert "docs/tables.md" in str(caught.value.hint)
    (tmp_path / "cell.toml").write_text(BRIEF, "utf-8")
    with pytest.raises(ConfigError) as caught:
        open_benchmark(str(tmp_path / "cells.toml"))
    assert str(tmp_path / "cell.toml") in str(caught.value.hint)


def test_a_text_without_quotes_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"is no TOML: .*line 4") as caught:
        opened(tmp_path, grid(), BRIEF.replace('"valid_accuracy"', "valid accuracy"))
    assert "texts stand in quotes" in str(caught.value.hint)


def test_a_table_that_is_not_beside_its_description_has_a_nearest_name(tmp_path: Path) -> None:
    with pytest.raises(TaskError, match="'tabel.csv' is not beside its description") as caught:
        opened(tmp_path, grid(), BRIEF.replace("table.csv", "tabel.csv"))
    assert caught.value.hint == "did you mean 'table.csv'?"
    with pytest.raises(TaskError, match="looked for"):
        opened(tmp_path, grid(), BRIEF.replace("table.csv", "something_else"))


def test_units_are_said_by_the_name_of_the_column_too(tmp_path: Path) -> None:
    columns = {name.replace("valid_accuracy", "valid acc."): cells for name, cells in grid().items()}
    text = BRIEF.replace('"valid_accuracy"', '"valid acc."') + 'units = { "valid acc." = "UNIT" }\n'
    benchmark = opened(tmp_path, columns, text.replace("UNIT", "fraction"))
    assert benchmark.measure(at(benchmark, depth=1, op="conv"))["valid_acc"] == 0.5
    with pytest.raises(TaskError, match="valid acc. is called percent, but runs from 0.2 to 0.7 in rows 6 and 4 of"):
        opened(tmp_path, columns, text.replace("UNIT", "percent"))
