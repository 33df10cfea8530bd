"""`(X, y)` of everything that looks like data."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from searchitect.errors import TaskError
from searchitect.tasks.open import task
from searchitect.tasks.pairs import columns_of

X = np.random.default_rng(0).normal(size=(40, 3))
Y = np.arange(40) % 2


class Series:
    def __init__(self, values: Any) -> None:
        self.values = values

    def to_numpy(self) -> np.ndarray:
        return np.asarray(self.values)


class Frame:
    """What data frames of every library have in common."""

    def __init__(self, columns: dict[str, Any]) -> None:
        self.data, self.columns = columns, list(columns)

    def __getitem__(self, name: str) -> Series:
        return Series(self.data[name])

    def to_numpy(self) -> np.ndarray:
        raise AssertionError("a frame is read by columns")


@pytest.mark.parametrize("inputs", [X, X.tolist(), torch.tensor(X), X.astype(np.float16)], ids=type)
def test_matrices_of_all_kinds_are_tables(inputs: Any) -> None:
    made = task((inputs, Y))
    assert made.spec.inputs == (3,)
    assert made.preprocessing.to_json()["numeric"] == ["x0", "x1", "x2"]
    assert made.preprocessing.to_json()["mean"] == pytest.approx(task((X, Y)).preprocessing.to_json()["mean"], abs=1e-3)


def test_frames_are_read_by_column_with_their_categories() -> None:
    frame = Frame({"a": X[:, 0], "c": np.array(["u", None, "v", "?"] * 10, dtype=object), "b": Y == 0})
    made = task((frame, Series(np.array(["yes", "no"] * 20, dtype=object))))
    document = made.preprocessing.to_json()
    assert document["numeric"] == ["a"]
    assert document["categories"] == [["c", ["u", "v"]], ["b", ["False", "True"]]]
    assert made.labels == ("no", "yes")


def test_a_matrix_of_mixed_objects_is_read_by_column() -> None:
    inputs = np.array([[1, "a"], [2.5, "b"], [None, "a"], [4, None]] * 10, dtype=object)
    made = task((inputs, Y))
    document = made.preprocessing.to_json()
    assert document["numeric"] == ["x0"]
    assert document["marked"] == ["x0"]
    assert document["categories"] == [["x1", ["a", "b"]]]


def test_official_splits_of_the_same_form_are_respected() -> None:
    made = task((X, Y), test=(X[:5], Y[:5]), validation=(X[5:9], Y[5:9]))
    assert made.test is not None
    assert (len(made.train), len(made.validation), len(made.test)) == (40, 4, 5)
    with_columns = task((X, Y), test=(X[:5], Y[:5]), ignore=["x1"], categorical=["x2"])
    assert with_columns.source["left_out"] == ["x1"]


def test_images_are_told_by_their_axes() -> None:
    images = np.random.default_rng(0).integers(0, 255, (20, 8, 8)).astype(np.uint8)
    assert task((images, Y[:20])).spec.inputs == (1, 8, 8)


def test_nan_in_a_table_is_missing() -> None:
    inputs = X.copy()
    inputs[::4, 1] = np.nan
    assert task((inputs, Y)).preprocessing.to_json()["marked"] == ["x1"]


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ((X, Y[:7]), "40 examples but y has 7"),
        ((X[:0], Y[:0]), "empty"),
        (([], []), "got shape|empty"),
        ((np.ones(5), np.ones(5)), "reshape"),
        ((np.ones((2, 2, 2, 2, 2)), np.ones(2)), "axes"),
        (([[1, 2], [3]], [0, 1]), "differ in size"),
        ((np.where(X > 2, np.inf, X), Y), "infinite"),
        ((X * 1e300, Y), "beyond float32"),
        ((np.array([[{}]] * 40, dtype=object), Y), "must hold numbers, text or booleans, got a dict"),
        ((X.astype(complex), Y), "complex"),
        (({"a": [1, 2], "b": [1]}, [0, 1]), "differ in length"),
        (({}, [0, 1]), "no columns"),
        (({"a": np.ones((4, 2))}, [0, 1, 0, 1]), "one value per example"),
        ((X, 5), "0 targets"),
        ((X, Y, X), "a tuple of 3"),
        (7, "type int"),
        ({"X": X, "y": Y}, "inputs but no targets"),
        (iter([1]), "only be iterated"),
    ],
)
def test_data_that_cannot_serve_are_refused(source: Any, words: str) -> None:
    with pytest.raises(TaskError, match=words):
        task(source)


def test_a_column_that_does_not_exist_names_the_nearest() -> None:
    with pytest.raises(TaskError, match="did you mean 'x2'"):
        task((X, Y), categorical=["x22"])


def test_official_splits_of_another_form_are_refused() -> None:
    with pytest.raises(TaskError, match="a pair"):
        task((X, Y), test=X)
    with pytest.raises(TaskError, match="2 columns, the training split 3"):
        task((X, Y), test=(X[:, :2], Y))


def test_what_is_no_table_has_no_columns() -> None:
    assert columns_of(X) is None


def test_dates_in_a_frame_are_days() -> None:
    days = np.array(["1970-01-02", "NaT"], dtype="datetime64[D]")
    assert columns_of({"day": days})["day"] == pytest.approx([1.0, np.nan], nan_ok=True)  # type: ignore[index]
