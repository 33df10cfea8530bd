from __future__ import annotations

import json

import pytest
import torch
from torch import nn as tnn

from searchitect import nn
from searchitect.explain.models.gradient_flow import activations, filters, gradient_flow
from searchitect.explain.models.maps import attribution_map
from searchitect.explain.models.subject import subject_of


def chain(scale, depth=8):
    """Linear maps that each multiply by `scale`."""
    layers = [tnn.Linear(4, 4, bias=False) for _ in range(depth)]
    with torch.no_grad():
        for layer in layers:
            layer.weight.copy_(scale * torch.eye(4))
    return tnn.Sequential(*layers)


@pytest.mark.parametrize(("scale", "state"), [(0.1, "vanishing"), (1.0, "healthy"), (10.0, "exploding")])
def test_gradients_of_a_chain_of_factors_are_their_product(scale, state):
    found = gradient_flow(subject_of(chain(scale), torch.randn(3, 4)))
    assert found.state == state
    assert found.ratio == pytest.approx(scale**7, rel=1e-3)
    assert [layer.name for layer in found.layers] == [str(number) for number in range(8)]
    assert state == "healthy" or state[:6] in found.sentences[0].lower()


@pytest.mark.parametrize("dims", [0, 1, 2])
def test_planted_dead_units_are_counted(dims):
    make = {0: tnn.Linear, 1: tnn.Conv1d, 2: tnn.Conv2d}[dims]
    layer = make(3, 8, *(() if dims == 0 else (1,)))
    with torch.no_grad():
        layer.weight[:6] = torch.randn_like(layer.weight[:6])
        layer.bias[:] = 0.0
        layer.weight[6:], layer.bias[6:] = 0.0, -1.0
    model = tnn.Sequential(layer, tnn.ReLU(), nn.global_pool() if dims else tnn.Identity(), tnn.Linear(8, 2))
    found = gradient_flow(subject_of(model, torch.randn(40, 3, *(5,) * dims)))
    assert found.dead == 0.25
    assert next(layer.dead for layer in found.layers if layer.kind == "ReLU") == 0.25
    assert "25.0 % of the units are dead" in found.sentences[1]
    json.dumps(found.to_json(), allow_nan=False)


def test_units_behind_a_linear_map_of_tokens_are_its_last_axis():
    layer = tnn.Linear(4, 6)
    with torch.no_grad():
        layer.weight[:3], layer.bias[:3] = 0.0, -1.0
    model = tnn.Sequential(layer, tnn.ReLU(), nn.pool_tokens("mean"), tnn.Linear(6, 2))
    found = gradient_flow(subject_of(model, torch.randn(30, 9, 4)))
    assert found.dead == pytest.approx(0.5)


def test_activations_and_filters_are_those_of_the_model():
    model = tnn.Sequential(tnn.Conv2d(1, 20, 3), tnn.ReLU(), tnn.Conv2d(20, 2, 1), nn.global_pool())
    x = torch.randn(2, 1, 6, 6)
    views = activations(subject_of(model, x), channels=4)
    assert [(view.name, view.values.shape) for view in views] == [
        ("0", (2, 4, 4, 4)),
        ("1", (2, 4, 4, 4)),
        ("2", (2, 2, 4, 4)),
    ]
    torch.testing.assert_close(torch.as_tensor(views[0].values).float(), model[0](x)[:, :4].detach())
    [only] = filters(model)
    assert only.values.shape == (16, 1, 3, 3)  # 1×1 filters show nothing


def test_large_activations_are_averaged_down_and_few_of_many_layers_are_kept():
    model = tnn.Sequential(*(tnn.Conv2d(1, 1, 1) for _ in range(20)), nn.global_pool())
    with torch.no_grad():
        for weight in model.parameters():
            weight.fill_(float(weight.dim() > 1))
    x = torch.randn(1, 1, 64, 33)
    views = activations(subject_of(model, x), layers=3)
    assert [view.name for view in views] == ["0", "10", "19"]
    assert views[0].values.shape == (1, 1, 32, 32)
    assert views[0].values[0, 0, 0, 0] == pytest.approx(float(x[0, 0, :2, :2].mean()), abs=1e-5)


def test_activations_in_place_are_followed_too():
    model = tnn.Sequential(tnn.Conv2d(1, 3, 3), tnn.ReLU(inplace=True), nn.global_pool(), tnn.Linear(3, 2))
    subject = subject_of(model, torch.randn(4, 1, 6, 6))
    found = gradient_flow(subject)
    assert [layer.kind for layer in found.layers] == ["Conv2d", "ReLU", "GlobalPool", "Linear"]
    assert attribution_map(subject, "grad_cam").values.shape == (4, 6, 6)
