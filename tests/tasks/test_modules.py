"""The modules: found by name, picklable, and the same in an ONNX graph."""

from __future__ import annotations

import io
import pickle
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from searchitect.tasks import modules
from searchitect.tasks.open import task
from searchitect.tasks.preprocessing import with_preprocessing
from searchitect.tasks.task import Task


def test_a_preprocessed_model_is_found_by_its_class_name_and_can_be_pickled() -> None:
    from searchitect.tasks.modules import Preprocessed  # type: ignore[attr-defined]

    model = with_preprocessing(task("iris").preprocessing, nn.Linear(4, 3)).eval()
    assert isinstance(model, Preprocessed)
    copy = pickle.loads(pickle.dumps(model))  # noqa: S301
    x = torch.ones(2, 4)
    assert torch.equal(copy(x), model(x))


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="Nothing"):
        modules.Nothing  # type: ignore[attr-defined]


def _mixed_table() -> Task:
    rng = np.random.default_rng(0)
    numbers = rng.normal(size=60)
    numbers[::7] = np.nan
    columns = {"a": numbers, "c": np.array(["u", "v", "w"])[rng.integers(0, 3, 60)]}
    return task((columns, rng.normal(size=60)))


@pytest.mark.parametrize("made", [_mixed_table, lambda: task("digits")], ids=["mixed table", "images"])
def test_the_exported_graph_takes_raw_inputs_and_agrees(made: Any) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    data = made()
    body = nn.Sequential(nn.Flatten(), nn.Linear(data.spec.features, data.spec.outputs))
    model = with_preprocessing(data.preprocessing, body).eval()
    names = list(data.preprocessing.input_names)
    raw = tuple(torch.from_numpy(array) for array in data.train.read(np.arange(4)))
    batch = torch.export.Dim("batch")
    shapes = {"raw": tuple({0: batch} for _ in raw)}
    program = torch.onnx.export(
        model, raw, input_names=names, output_names=["scores"], dynamo=True, dynamic_shapes=shapes, verbose=False
    )
    file = io.BytesIO()
    program.save(file)
    session = onnxruntime.InferenceSession(file.getvalue())
    assert [entry.type for entry in session.get_inputs()] == {
        "numeric,codes": ["tensor(float)", "tensor(int64)"],
        "pixels": ["tensor(uint8)"],
    }[",".join(names)]
    more = data.train.read(np.arange(9))
    exported = session.run(None, dict(zip(names, more, strict=True)))[0]
    expected = model(*map(torch.from_numpy, more)).detach().numpy()
    assert np.abs(exported - expected).max() < 1e-5
