from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import searchitect as sa
from searchitect import nn
from searchitect.errors import EvaluationError, SpaceError
from searchitect.nn.interpretable import RISING
from tests.nn.opened import TOKENS, opened


def test_weights_of_attention_pooling_sum_to_one_and_make_the_result():
    pool, x = nn.attention_pool(6, 4), torch.randn(3, 5, 6)
    weights = pool.weights(x)
    assert weights.amin() >= 0
    torch.testing.assert_close(weights.sum(1), torch.ones(3))
    torch.testing.assert_close(pool(x), (weights[..., None] * x).sum(1))


def test_attention_pooling_is_extracted_from_a_supernet_as_it_was():
    from searchitect.supernet.open_build import open_build

    space = opened(lambda s, task: torch.nn.Sequential(nn.attention_pool(16, s.hidden)), hidden=(4, 8))
    shared = open_build(space, TOKENS).eval()
    x = torch.randn(2, 5, 16)
    for architecture in sa.SearchSpace.of(space).enumerate():
        shared.activate(architecture)
        torch.testing.assert_close(shared.extract(architecture).eval()(x), shared(x))


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_an_additive_head_adds_and_nothing_else(activation):
    head = nn.additive_head(4, 3, 8, activation=activation).double()
    x, other = torch.randn(2, 4, dtype=torch.float64), torch.randn(2, 4, dtype=torch.float64)
    torch.testing.assert_close(head(x), head.terms(x).sum(1) + head.bias)
    mixed = torch.cat([x[:, :2], other[:, 2:]], 1), torch.cat([other[:, :2], x[:, 2:]], 1)
    torch.testing.assert_close(head(x) + head(other), head(mixed[0]) + head(mixed[1]))


def test_prototypes_tell_squared_distances_of_vectors_and_of_the_nearest_place():
    layer = nn.prototypes(3, 4)
    x = torch.randn(5, 3)
    torch.testing.assert_close(layer(x), torch.cdist(x, layer.vectors).square(), rtol=1e-4, atol=1e-5)
    assert layer(layer.vectors.detach()).diag().abs().amax() < 1e-6
    maps = torch.randn(5, 3, 2, 2)
    nearest = torch.stack([layer(maps[:, :, i, j]) for i in range(2) for j in range(2)]).amin(0)
    torch.testing.assert_close(layer(maps), nearest, rtol=1e-4, atol=1e-5)
    assert nn.prototype_classifier(3, 4, 2)(maps).shape == (5, 2)


@pytest.mark.parametrize("activation", RISING)
def test_a_monotone_model_is_monotone_for_random_weights(activation):
    torch.manual_seed(RISING.index(activation))
    model = torch.nn.Sequential(nn.monotone(3, 8, (1, -1, 0), activation=activation), nn.monotone(8, 2))
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=2.0)
    x = torch.randn(200, 3)
    step = torch.rand(200, 3)
    up, down, free = (x + step * torch.eye(3)[column] for column in range(3))
    assert (model(up) - model(x)).amin() >= -1e-5
    assert (model(down) - model(x)).amax() <= 1e-5
    before = model(x)
    with torch.no_grad():
        model[0].weight[:, 2] = -1.0  # an input without a sign may fall where its weights say so
    assert (model(free) - model(x)).amax() <= 1e-5
    assert not torch.equal(before, model(x))


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: nn.monotone(2, 3, activation="gelu"), "an activation that never falls, got 'gelu'"),
        (lambda: nn.monotone(2, 3, (1, 2)), r"a sign of -1, 0 or 1 for each of 2 inputs, got \[1, 2\]"),
        (lambda: nn.monotone(2, 3, (1,)), "for each of 2 inputs"),
        (lambda: nn.additive_head(0, 3), "additive_head needs features of at least 1, got 0"),
        (lambda: nn.prototypes(3, 0), "prototypes needs count of at least 1"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(make, match):
    with pytest.raises(SpaceError, match=match):
        make()


@pytest.mark.parametrize(
    ("layer", "match"),
    [
        (lambda: nn.additive_head(4, 2), "reads vectors of 4 features, got 3"),
        (lambda: nn.prototypes(4, 2), "prototypes of 4 values"),
        (lambda: nn.attention_pool(4), "reads tokens"),
    ],
)
def test_inputs_that_do_not_fit_are_refused_with_their_shape(layer, match):
    with pytest.raises(EvaluationError, match=match):
        layer()(torch.zeros(2, 3))


@pytest.mark.parametrize(
    "build",
    [
        lambda s, task: nn.additive_head(16, 2, s.size),
        lambda s, task: nn.prototype_classifier(16, s.size, 2),
        lambda s, task: nn.monotone(16, s.size),
    ],
)
def test_an_open_size_says_which_decision_to_fix(build):
    from searchitect.supernet.open_build import open_build

    with pytest.raises(SpaceError, match=r"size is open in a supernet(.|\n)*fix the decision"):
        open_build(opened(build, size=(2, 4)), sa.TaskSpec((16,), 2))


def readable() -> torch.nn.Module:
    return torch.nn.Sequential(
        nn.attention_pool(6, 4), nn.monotone(6, 8, activation="relu"), nn.prototypes(8, 5), nn.additive_head(5, 2)
    )


def test_every_layer_builds_on_the_meta_device():
    with torch.device("meta"):
        abstract = readable()
    assert [p.shape for p in abstract.parameters()] == [p.shape for p in readable().parameters()]


@pytest.mark.slow
def test_every_layer_survives_export_to_onnx(tmp_path: Path):
    onnxruntime = pytest.importorskip("onnxruntime", reason="the extra 'onnx' is not installed")
    pytest.importorskip("onnxscript", reason="the extra 'onnx' is not installed")
    torch.manual_seed(0)
    model, path = readable().eval(), tmp_path / "model.onnx"
    batch = torch.export.Dim("batch", min=1, max=64)
    given = torch.randn(2, 5, 6)
    torch.onnx.export(model, (given,), path, dynamo=True, dynamic_shapes=({0: batch},), verbose=False)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    x = torch.randn(7, 5, 6)
    (told,) = session.run(None, {session.get_inputs()[0].name: x.numpy()})
    with torch.no_grad():
        np.testing.assert_allclose(told, model(x).numpy(), rtol=1e-4, atol=1e-5)
