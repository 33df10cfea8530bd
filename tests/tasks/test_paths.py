"""Which reader a path asks for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from searchitect.errors import TaskError
from searchitect.tasks.open import task

ROWS = "a,label\n" + "".join(f"{i},{i % 2}\n" for i in range(20))


def test_a_folder_with_one_table_is_that_table(tmp_path: Path) -> None:
    (tmp_path / "anything.csv").write_text(ROWS)
    (tmp_path / "README.md").write_text("hello")
    made = task(tmp_path, name="x")
    assert made.spec.inputs == (1,)
    assert task(str(tmp_path / "anything.csv")).digest == made.digest


def test_train_validation_and_test_files_are_told_by_a_word(tmp_path: Path) -> None:
    for name in ("train", "val", "test"):
        (tmp_path / f"flowers-{name}.csv").write_text(ROWS)
    made = task(tmp_path)
    assert made.test is not None
    assert (len(made.train), len(made.validation), len(made.test)) == (20, 20, 20)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (("a.csv", "b.csv"), "for training: a.csv, b.csv"),
        (("train.csv", "train2.csv"), "for training"),
        (("test.csv", "val.csv"), "no file for training"),
    ],
)
def test_several_tables_without_telling_names_are_refused(tmp_path: Path, names: tuple[str, ...], words: str) -> None:
    for name in names:
        (tmp_path / name).write_text(ROWS)
    with pytest.raises(TaskError, match=words):
        task(tmp_path)


def test_a_word_inside_another_word_does_not_tell(tmp_path: Path) -> None:
    (tmp_path / "latest.csv").write_text(ROWS)
    (tmp_path / "train.csv").write_text(ROWS)
    with pytest.raises(TaskError, match="latest.csv"):
        task(tmp_path)


@pytest.mark.parametrize("name", ["x.doc", "x", "x.npy", "x.xlsx"])
def test_unknown_files_list_what_can_be_read(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(TaskError, match=r"\.parquet"):
        task(tmp_path / name)


def test_a_test_split_must_be_an_existing_path(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(ROWS)
    with pytest.raises(TaskError, match="no file or folder 'missing.csv' for test"):
        task(tmp_path / "a.csv", test="missing.csv")
    with pytest.raises(TaskError, match="must be a path"):
        task(tmp_path / "a.csv", test=(np.ones((2, 1)), [0, 1]))


def test_names_of_tasks_are_safe_for_folders(tmp_path: Path) -> None:
    path = tmp_path / "my data (1)!.csv"
    path.write_text(ROWS)
    assert task(path).name == "my_data_1"
