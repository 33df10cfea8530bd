"""Raw targets: what is accepted, which kind of task they ask for, how they are encoded."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from searchitect.errors import TaskError
from searchitect.tasks.targets import as_array, as_targets, encode_classes, encode_values, infer_kind, moments


@pytest.mark.parametrize(
    ("targets", "kind"),
    [
        (["a", "b", "a"], "classification"),
        ([True, False], "classification"),
        ([0, 1, 2] * 3, "classification"),
        ([0.0, 1.0, 1.0], "classification"),
        ([5, 9], "classification"),
        (list(range(10)), "regression"),
        (list(range(150)) * 5, "regression"),
        ([0.5, 1.0, 2.0], "regression"),
        ([[1.0, 2.0], [3.0, 4.0]], "regression"),
    ],
)
def test_the_kind_follows_the_documented_rule(targets: list[Any], kind: str) -> None:
    assert infer_kind(as_targets(targets)) == kind


def test_a_column_is_flattened_and_one_hot_rows_become_classes() -> None:
    assert as_targets([[1], [0]]).tolist() == [1, 0]
    assert as_targets(np.eye(3)[[2, 0, 1]]).tolist() == [2, 0, 1]


def test_objects_of_one_kind_are_read() -> None:
    assert as_targets(np.array(["a", "b"], dtype=object)).dtype.kind == "U"
    assert as_targets(np.array([1, 2.5], dtype=object)).tolist() == [1.0, 2.5]
    assert as_targets(np.array([b"x", b"y"])).tolist() == ["x", "y"]


@pytest.mark.parametrize(
    ("targets", "words"),
    [
        (np.array(["a", 1], dtype=object), "all be text"),
        (np.array(["a", None], dtype=object), "1 of 2 targets are missing"),
        (np.array([1.0, np.nan]), "1 of 2 targets are missing"),
        (np.array([1.0, np.inf]), "infinite"),
        (np.array([1j, 2j]), "numbers, text or booleans"),
        (np.zeros((2, 2, 2)), "one value"),
        (np.zeros(0), "one value"),
        (np.array([{}, {}], dtype=object), "all be text"),
        ([[1, 2], [3]], "one array"),
        ([["a", "b"], ["c", "d"]], "one label"),
    ],
)
def test_unusable_targets_are_refused(targets: Any, words: str) -> None:
    with pytest.raises(TaskError, match=words):
        as_targets(targets)


def test_classes_are_numbered_in_sorted_order_in_every_part() -> None:
    encoded, labels = encode_classes({"train": np.array([10, 2, 10]), "test": np.array([2])}, None)
    assert labels == ("2", "10")
    assert encoded["train"].tolist() == [1, 0, 1]
    assert encoded["test"].tolist() == [0]
    assert encoded["train"].dtype == np.int64


def test_names_of_classes_stay_with_their_numbers_when_one_is_absent() -> None:
    _, labels = encode_classes({"train": np.array([0, 2])}, ("a", "b", "c"))
    assert labels == ("a", "c")


@pytest.mark.parametrize(
    ("parts", "names", "words"),
    [
        ({"train": np.array([1, 1])}, None, "one class only"),
        ({"train": np.array([0.5, 1.0])}, None, "decimals"),
        ({"train": np.array(["a", "b"]), "test": np.array(["c"])}, None, "'c'"),
        ({"train": np.array(["a", "b"]), "test": np.array([0])}, None, "another type"),
        ({"train": np.array([0, 5])}, ("a", "b"), "2 class names"),
    ],
)
def test_targets_that_are_no_classes_are_refused(parts: dict[str, np.ndarray], names: Any, words: str) -> None:
    with pytest.raises(TaskError, match=words):
        encode_classes(parts, names)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (np.array(["a", "b"]), "text"),
        (np.array([3.0, 3.0]), "never varies"),
        (np.array([[1.0, 2.0], [1.0, 3.0]]), "never varies"),
        (np.array([1e300, 0.0]), "float32"),
    ],
)
def test_targets_that_are_no_values_are_refused(values: np.ndarray, words: str) -> None:
    with pytest.raises(TaskError, match=words):
        encode_values({"train": values})


def test_values_become_float32_and_their_moments_are_those_of_numpy() -> None:
    values = encode_values({"train": np.array([1, 2, 6])})["train"]
    assert values.dtype == np.float32
    mean, std = moments(values)
    assert mean == pytest.approx((3.0,))
    assert std == pytest.approx((np.std([1, 2, 6]),))


def test_splits_with_different_numbers_of_targets_are_refused() -> None:
    with pytest.raises(TaskError, match="different numbers"):
        encode_values({"train": np.array([1.0, 2.0]), "test": np.ones((2, 2))})


def test_tensors_series_and_sparse_matrices_become_arrays() -> None:
    import scipy.sparse
    import torch

    assert as_array(torch.ones(2, requires_grad=True), "X").tolist() == [1, 1]
    assert as_array(scipy.sparse.csr_matrix(np.eye(2)), "X").tolist() == [[1, 0], [0, 1]]
