"""Rows for prediction, read by nothing but the saved description of a task."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from searchitect.errors import TaskError
from searchitect.tasks.open import task
from searchitect.tasks.rows import rows_for

TABLE = "size,colour,label\n" + "".join(f"{i},{'red' if i % 2 else 'blue'},{i % 3}\n" for i in range(60))


def described(made: Any) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(json.dumps(made.describe()))
    return document


@pytest.fixture
def table(tmp_path: Path) -> dict[str, Any]:
    (tmp_path / "train.csv").write_text(TABLE)
    return described(task(tmp_path / "train.csv"))


def test_rows_of_a_table_are_encoded_as_in_training(table: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "new.tsv").write_text("other\tcolour\tsize\nx\tred\t5\ny\tgreen\t?\n")
    numeric, codes = rows_for(table, tmp_path / "new.tsv")
    assert numeric[:, 0] == pytest.approx([5, np.nan], nan_ok=True)
    assert codes[:, 0].tolist() == [1, -1]
    assert (numeric.dtype, codes.dtype) == (np.float32, np.int64)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("new.csv", "colour\nred\n", "lacks the column"),
        ("new.csv", "size,colour\nbig,red\n", "'size' of new.csv should hold numbers, got 'big'"),
        ("new.csv", "size,colour\n", "no rows"),
        ("new.txt", "hello", "cannot read new.txt"),
    ],
)
def test_tables_that_do_not_fit_are_refused(
    table: dict[str, Any], tmp_path: Path, name: str, content: str, words: str
) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(TaskError, match=words):
        rows_for(table, tmp_path / name)


def test_a_missing_file_and_a_description_without_preprocessing_are_refused(table: dict[str, Any]) -> None:
    with pytest.raises(TaskError, match="no file or folder"):
        rows_for(table, "nowhere.csv")
    with pytest.raises(TaskError, match="without its preprocessing"):
        rows_for({}, "nowhere.csv")


def test_numbers_may_come_as_npz(tmp_path: Path) -> None:
    description = described(task("iris"))
    np.savez(tmp_path / "x.npz", X=np.ones((3, 4)))
    (numeric,) = rows_for(description, tmp_path / "x.npz")
    assert numeric.shape == (3, 4)
    np.savez(tmp_path / "x.npz", X=np.ones((3, 5)))
    with pytest.raises(TaskError, match=r"\(n, 4\)"):
        rows_for(description, tmp_path / "x.npz")


def test_a_table_with_categories_is_not_read_from_npz(table: dict[str, Any], tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", X=np.ones((3, 2)))
    with pytest.raises(TaskError, match="categories"):
        rows_for(table, tmp_path / "x.npz")


def test_images_come_from_arrays_idx_files_and_pictures(tmp_path: Path) -> None:
    description = described(task("digits"))
    pixels = np.arange(64, dtype=np.uint8).reshape(1, 8, 8) // 4
    np.savez(tmp_path / "one.npz", image=pixels[0])
    (tmp_path / "more-images-idx3-ubyte").write_bytes(struct.pack(">4B3I", 0, 0, 8, 3, 1, 8, 8) + pixels.tobytes())
    for name in ("one.npz", "more-images-idx3-ubyte"):
        (found,) = rows_for(description, tmp_path / name)
        assert found.dtype == np.uint8
        assert np.array_equal(found[:, 0], pixels)


def test_pictures_are_brought_to_size_and_scale(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    for name, value in (("a.png", 0), ("b.png", 255)):
        image.fromarray(np.full((20, 30), value, np.uint8)).save(tmp_path / name)
    (found,) = rows_for(described(task("digits")), tmp_path)
    assert found.shape == (2, 1, 8, 8)
    assert found[0].max() == 0
    assert (found[1] == 16).all()
    (tmp_path / "c.png").write_bytes(b"no image")
    with pytest.raises(TaskError, match=r"c\.png"):
        rows_for(described(task("digits")), tmp_path)


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros((2, 9, 9), np.uint8), "trained on images of shape"),
        (np.full((2, 8, 8), 0.5), "whole pixel values"),
    ],
)
def test_images_that_do_not_fit_are_refused(tmp_path: Path, array: np.ndarray, words: str) -> None:
    np.savez(tmp_path / "x.npz", X=array)
    with pytest.raises(TaskError, match=words):
        rows_for(described(task("digits")), tmp_path / "x.npz")


def test_a_model_of_float_arrays_takes_no_pictures(tmp_path: Path) -> None:
    made = task((np.random.default_rng(0).normal(size=(20, 4, 4)), np.arange(20) % 2))
    with pytest.raises(TaskError, match="arrays"):
        rows_for(described(made), tmp_path)


def test_nonsense_for_an_image_task_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.doc").write_text("x")
    with pytest.raises(TaskError, match=r"x\.doc"):
        rows_for(described(task("digits")), tmp_path / "x.doc")
