"""Files that are no tables, and cells that are no numbers, as a user meets them: what is wrong, where, what to do."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest

from searchitect.errors import TaskError
from searchitect.tabular import open_benchmark
from searchitect.tabular.reading import typed
from tests.tabular.tables import BRIEF, grid, opened


class Program:
    """A pickle of this makes a folder when it is opened."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.folder),)


@pytest.mark.parametrize("name", ["table.pickle", "table.pkl", "table.pth", "table.csv", "table.parquet"])
def test_a_pickle_is_not_opened_whatever_it_is_called(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(pickle.dumps(Program(tmp_path / "made")))
    (tmp_path / "b.toml").write_text(BRIEF.replace("table.csv", name), "utf-8")
    with pytest.raises(TaskError, match=name) as caught:
        open_benchmark(str(tmp_path / "b.toml"))
    assert "CSV" in str(caught.value.hint) or ".csv" in str(caught.value.hint)
    assert not (tmp_path / "made").exists()


def test_other_kinds_of_files_are_told_what_is_read(tmp_path: Path) -> None:
    (tmp_path / "table.xlsx").write_bytes(b"PK\x03\x04")
    (tmp_path / "b.toml").write_text(BRIEF.replace("table.csv", "table.xlsx"), "utf-8")
    with pytest.raises(TaskError, match="table.xlsx is no table") as caught:
        open_benchmark(str(tmp_path / "b.toml"))
    assert caught.value.hint == "write it as CSV, TSV or parquet"


def test_an_infinite_number_in_parquet_is_told_with_its_row(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = grid() | {"valid_accuracy": [0.5, 0.4, 0.3, float("inf"), 0.6, 0.2]}
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    (tmp_path / "b.toml").write_text(BRIEF.replace("table.csv", "t.parquet"), "utf-8")
    with pytest.raises(TaskError, match=r"'valid_accuracy' of t.parquet holds an infinite number, in row 4"):
        open_benchmark(str(tmp_path / "b.toml"))


def test_a_column_of_words_is_no_measurement(tmp_path: Path) -> None:
    with pytest.raises(TaskError, match="has 'yes' as valid_accuracy, expected a number") as caught:
        opened(tmp_path, grid() | {"valid_accuracy": ["yes", "no"] * 3})
    assert "name a column of numbers" in str(caught.value.hint)


def test_rows_that_are_equal_in_every_column_are_to_be_removed(tmp_path: Path) -> None:
    twice = {name: [*cells, cells[2]] for name, cells in grid().items()}
    with pytest.raises(TaskError, match="holds 1 architecture more than once; rows 3 and 7 of") as caught:
        opened(tmp_path, twice)
    assert caught.value.hint == "the two rows are equal in every column: remove one"
    with pytest.raises(TaskError, match="rows 3 and 7 of") as caught:
        opened(tmp_path, twice | {"train_seconds": [1, 2, 3, 4, 5, 6, 7]})
    assert "replicates" in str(caught.value.hint)


def test_lists_are_read_as_json_and_as_python_prints_them() -> None:
    cells = ["['conv', \"it's\", 'None']", '["a", "b"]', "[]"]
    assert typed(cells, "ops", "t.csv") == [("conv", "it's", "None"), ("a", "b"), ()]
    assert typed(["[0.5, nan, None]", "[1, 2.5]"], "curve", "t.csv") == [(0.5, None, None), (1, 2.5)]
    assert typed(["[True, False]", "[false]"], "flags", "t.csv") == [(True, False), (False,)]
    with pytest.raises(TaskError, match="infinite number, in row 2"):
        typed(["[1.0]", "[-inf]"], "curve", "t.csv")


@pytest.mark.parametrize("text", ["[1, 2", "[open('x')]", "[__import__('os')]", "['a' + 'b']", "[0.1 0.2]", "[" * 5000])
def test_what_is_no_plain_list_stays_text(text: str) -> None:
    assert typed([text, "[1]"], "ops", "t.csv") == [text, "[1]"]
