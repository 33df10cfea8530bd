from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from torch import nn as tnn

import searchitect as sa
from searchitect.errors import ConfigError
from searchitect.explain.models.global_importance import (
    columns_of,
    global_importance,
    part_names,
    partial_dependence,
    permutation_importance,
)
from searchitect.explain.models.subject import subject_of
from searchitect.tasks import with_preprocessing


class Formula(tnn.Module):
    """y = 3·a + b² and nothing of c."""

    def forward(self, x):
        return (3 * x[:, 0] + x[:, 1] ** 2)[:, None]


@pytest.fixture(scope="module")
def subject():
    return subject_of(Formula(), torch.randn(200, 3, generator=torch.Generator().manual_seed(0)))


def test_the_mean_size_of_maps_of_a_linear_model_is_known():
    layer, x = tnn.Linear(3, 1), torch.randn(50, 3)
    found = global_importance(subject_of(layer, x), names=["a", "b", "c"])
    wanted = (x * layer.weight).abs().mean(0).detach().numpy()
    np.testing.assert_allclose(found.values, wanted, rtol=1e-5)
    assert (found.low <= found.values).all()
    assert (found.values <= found.high).all()
    best = json.loads(json.dumps(found.to_json(), allow_nan=False))["parts"][0]
    assert best["name"] == "abc"[int(wanted.argmax())]


def test_a_column_that_is_not_read_has_no_importance(subject):
    found = permutation_importance(subject, repeats=4)
    assert found.values[2] == found.high[2] == 0.0
    assert found.values[0] > found.values[1] > 0.05


def test_permutation_measures_loss_of_accuracy_against_the_truth():
    model = tnn.Linear(2, 2, bias=False)
    with torch.no_grad():
        model.weight.copy_(torch.tensor([[1.0, 0.0], [-1.0, 0.0]]))
    x = torch.randn(400, 2, generator=torch.Generator().manual_seed(1))
    found = permutation_importance(subject_of(model, x), (x[:, 0] < 0).long())
    assert found.values[0] == pytest.approx(0.5, abs=0.05)
    assert found.values[1] == 0.0


def test_partial_dependence_of_a_formula_is_the_formula(subject):
    found = partial_dependence(subject, 1)
    others = 3 * float(subject.inputs[:, 0].mean())
    np.testing.assert_allclose(found.mean, found.grid**2 + others, atol=1e-4)
    own = found.curves - found.curves[:, :1]
    np.testing.assert_allclose(own, np.broadcast_to(found.grid**2 - found.grid[0] ** 2, own.shape), atol=1e-4)
    assert (found.low < found.mean).all()
    assert (found.mean < found.high).all()


@pytest.mark.parametrize("column", [-1, 3])
def test_a_column_that_is_not_there_is_refused(subject, column):
    with pytest.raises(ConfigError, match=r"a column of a table, 0\.\.2; got"):
        partial_dependence(subject, column)


def test_parts_of_an_image_are_squares_and_their_columns_are_means():
    x = torch.arange(2.0 * 16 * 16).reshape(2, 1, 16, 16)
    subject = subject_of(tnn.Sequential(tnn.Flatten(), tnn.Linear(256, 2)), x)
    columns, names = columns_of(subject), part_names(subject)
    assert columns.shape == (2, 36)  # squares of 3×3, the last of 1
    assert columns[0, 0] == pytest.approx(float(x[0, 0, :3, :3].mean()))
    assert names[7] == "row 2, column 2"
    with pytest.raises(ConfigError, match="expected 36 names"):
        part_names(subject, ["a"])


def test_columns_and_values_come_in_their_own_units():
    task = sa.task("diabetes")
    body = tnn.Linear(10, 1)
    model = with_preprocessing(task.preprocessing, body)
    raw = task.validation.read(np.arange(40))
    subject = subject_of(model, raw, classifies=False)
    np.testing.assert_allclose(columns_of(subject), raw[0], rtol=1e-4)
    with torch.no_grad():
        torch.testing.assert_close(subject.answers(subject.points), model(torch.as_tensor(raw[0])))
    found = partial_dependence(subject, 2)
    assert raw[0][:, 2].min() <= found.grid[0] < found.grid[-1] <= raw[0][:, 2].max()
    slope = np.diff(found.mean) / np.diff(found.grid)
    unit = task.preprocessing.output_std[0] / task.preprocessing.std[2]
    np.testing.assert_allclose(slope, float(body.weight[0, 2].detach()) * unit, rtol=1e-3)
