"""Preprocessing as plain data: what it computes, and that it survives JSON and refuses damaged JSON."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from searchitect.errors import TaskError
from searchitect.tasks.preprocessing import (
    ImagePreprocessing,
    TablePreprocessing,
    from_json,
    with_preprocessing,
)

IMAGE = ImagePreprocessing(shape=(2, 1, 1), mean=(0.5, 0.25), std=(0.5, 0.25))
TABLE = TablePreprocessing(
    numeric=("age", "height"),
    mean=(30.0, 1.5),
    std=(10.0, 0.5),
    marked=("height",),
    categories=(("colour", ("blue", "red")), ("size", ("L", "M", "S"))),
    output_mean=(100.0,),
    output_std=(5.0,),
)


def test_pixels_are_scaled_and_standardised_per_channel() -> None:
    pixels = torch.tensor([[[[255]], [[0]]]], dtype=torch.uint8)
    assert IMAGE.module()(pixels).flatten().tolist() == pytest.approx([1.0, -1.0])


def test_columns_become_standardised_numbers_marks_and_one_hot_categories() -> None:
    numeric = torch.tensor([[40.0, float("nan")], [float("nan"), 2.0]])
    codes = torch.tensor([[1, 0], [-1, 2]])
    out = TABLE.module()(numeric, codes)
    assert out.dtype == torch.float32
    assert out.tolist() == [[1, 0, 1, 0, 1, 1, 0, 0], [0, 1, 0, 0, 0, 0, 0, 1]]
    assert out.shape[1:] == TABLE.output_shape
    assert TABLE.feature_names == (
        "age", "height", "height is missing", "colour=blue", "colour=red", "size=L", "size=M", "size=S",
    )  # fmt: skip


def test_tables_of_one_kind_take_one_input() -> None:
    numbers = TablePreprocessing(numeric=("a",), mean=(0.0,), std=(1.0,))
    categories = TablePreprocessing(numeric=(), mean=(), std=(), categories=(("c", ("x", "y")),))
    assert numbers.input_names == ("numeric",)
    assert categories.input_names == ("codes",)
    assert TABLE.input_names == ("numeric", "codes")
    assert numbers.module()(torch.tensor([[3.0]])).tolist() == [[3.0]]
    assert categories.module()(torch.tensor([[1], [-1]])).tolist() == [[0.0, 1.0], [0.0, 0.0]]


def test_no_gradient_of_a_missing_value_is_nan() -> None:
    numeric = torch.tensor([[float("nan"), 1.0]])
    body = nn.Linear(TABLE.output_shape[0], 1)
    model = with_preprocessing(TABLE, body)
    model(numeric, torch.tensor([[0, 0]])).sum().backward()
    assert torch.isfinite(body.weight.grad).all()


def test_regression_outputs_come_back_in_the_unit_of_the_targets() -> None:
    body = nn.Linear(8, 1)
    nn.init.zeros_(body.weight)
    nn.init.ones_(body.bias)
    model = with_preprocessing(TABLE, body)
    assert model(torch.zeros(1, 2), torch.zeros(1, 2, dtype=torch.int64)).item() == pytest.approx(105.0)
    assert model.output_mean.tolist() == [100.0]
    assert model.body is body


def test_a_classification_is_not_rescaled_and_its_state_holds_the_preprocessing() -> None:
    model = with_preprocessing(IMAGE, nn.Flatten())
    assert model(torch.zeros(1, 2, 1, 1, dtype=torch.uint8)).tolist() == [[-1.0, -1.0]]
    assert set(model.state_dict()) == {"preprocess.mean", "preprocess.std"}


@pytest.mark.parametrize("preprocessing", [IMAGE, TABLE])
def test_json_gives_back_the_same_value(preprocessing: Any) -> None:
    assert from_json(json.loads(json.dumps(preprocessing.to_json()))) == preprocessing


@pytest.mark.parametrize(
    ("preprocessing", "change", "words"),
    [
        (IMAGE, {"domain": "sound"}, "'image' or 'tabular'"),
        (IMAGE, {"std": [0.0, 1.0]}, "positive"),
        (IMAGE, {"mean": [float("nan"), 0.0]}, "finite"),
        (IMAGE, {"mean": [0.0]}, "as many"),
        (IMAGE, {"shape": [1, 2]}, "shape"),
        (IMAGE, {"shape": [1, 1 << 20, 1 << 20]}, "shape"),
        (IMAGE, {"dtype": "float64"}, "dtype"),
        (IMAGE, {"mean": "12"}, "list"),
        (TABLE, {"numeric": ["age", "age"]}, "twice"),
        (TABLE, {"marked": ["weight"]}, "not in 'numeric'"),
        (TABLE, {"categories": [["colour", [1, 2]]]}, "expected text"),
        (TABLE, {"categories": 5}, "list"),
        (TABLE, {"numeric": [], "mean": [], "std": [], "marked": [], "categories": []}, "no columns"),
    ],
)
def test_damaged_json_is_refused(preprocessing: Any, change: dict[str, Any], words: str) -> None:
    with pytest.raises(TaskError, match=words):
        from_json(preprocessing.to_json() | change)


def test_json_with_a_name_missing_is_refused() -> None:
    document = TABLE.to_json()
    del document["std"]
    with pytest.raises(TaskError, match="std"):
        from_json(document)


def test_constant_means_do_not_move_in_float32() -> None:
    one = TablePreprocessing(numeric=("a",), mean=(1e6,), std=(1.0,))
    out = one.module()(torch.tensor([[1e6]]))
    assert np.abs(out.numpy()).max() == 0
