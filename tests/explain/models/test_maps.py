from __future__ import annotations

import sys

import numpy as np
import pytest
import torch
from torch import nn as tnn

from searchitect import nn
from searchitect.errors import ConfigError, MissingExtraError
from searchitect.explain.models.maps import attribution_map, numbers
from searchitect.explain.models.methods import METHODS, methods_for
from searchitect.explain.models.subject import subject_of


def linear(weights):
    layer = tnn.Linear(len(weights), 1)
    with torch.no_grad():
        layer.weight[:] = torch.tensor([weights])
    return layer


class Patch(tnn.Module):
    """Answers with the sum of the upper right 4×4 of an 8×8 image, through a convolution that copies it."""

    def __init__(self):
        super().__init__()
        self.copy = tnn.Conv2d(1, 1, 1, bias=False)
        tnn.init.ones_(self.copy.weight)
        self.register_buffer("mask", torch.zeros(8, 8))
        self.mask[:4, 4:] = 1.0

    def forward(self, x):
        seen = (self.copy(x) * self.mask).sum((1, 2, 3))
        return torch.stack([seen, -seen], 1)


@pytest.fixture(scope="module")
def images():
    return torch.rand(2, 1, 8, 8, generator=torch.Generator().manual_seed(0)) + 0.5


@pytest.mark.parametrize("method", ["integrated_gradients", "input_x_gradient", "kernel_shap", "occlusion"])
def test_a_linear_model_is_explained_by_weight_times_input_exactly(method):
    weights, x = [2.0, -1.0, 0.5, 0.0], torch.tensor([[1.0, 2.0, -3.0, 4.0], [0.5, 0.0, 1.0, 1.0]])
    found = attribution_map(subject_of(linear(weights), x), method)
    np.testing.assert_allclose(found.values, (torch.tensor(weights) * x).numpy(), atol=1e-5)
    assert found.gap is None or found.gap < 1e-5


def test_integrated_gradients_and_shapley_values_tell_how_far_their_sum_is_off():
    torch.manual_seed(0)
    model = tnn.Sequential(tnn.Linear(3, 8), tnn.Tanh(), tnn.Linear(8, 2))
    subject = subject_of(model, torch.randn(4, 3), [0, 1, 0, 1], kind="tabular")
    rise = subject.scores(subject.points, subject.targets) - subject.scores(
        torch.zeros_like(subject.points), subject.targets
    )
    for method in ("integrated_gradients", "kernel_shap"):
        found = attribution_map(subject, method)
        assert found.gap < 1e-4
        np.testing.assert_allclose(found.values.sum(1), rise, atol=1e-4)


@pytest.mark.parametrize(
    "method", ["saliency", "smoothgrad", "occlusion", "lime", "kernel_shap", "integrated_gradients"]
)
def test_every_method_looks_at_the_planted_patch(method, images):
    found = attribution_map(subject_of(Patch(), images, 0), method).values
    inside = np.abs(found[:, :4, 4:]).sum((1, 2))
    assert (inside / np.abs(found).sum((1, 2)) > 0.75).all()


def test_grad_cam_looks_where_the_convolution_sees_the_planted_brightness(images):
    model = tnn.Sequential(tnn.Conv2d(1, 1, 1, bias=False), tnn.AdaptiveAvgPool2d(1), tnn.Flatten())
    tnn.init.ones_(model[0].weight)
    dark = images.clone()
    dark[:, :, :, :4] = 0.0
    found = attribution_map(subject_of(model, dark, 0), "grad_cam").values
    assert found[:, :, :4].max() == 0.0 < found[:, :, 4:].min()


def test_grad_cam_and_hires_cam_are_the_same_behind_a_mean_and_a_linear_layer(images):
    torch.manual_seed(0)
    body = [tnn.Conv2d(1, 3, 3), tnn.AdaptiveAvgPool2d(1), tnn.Flatten(), tnn.Linear(3, 2)]
    subject = subject_of(tnn.Sequential(*body), images, 1)
    one, other = (attribution_map(subject, name).values for name in ("grad_cam", "hires_cam"))
    np.testing.assert_allclose(one * 36, other * 36, rtol=1e-4, atol=1e-6)


def test_hires_cam_of_places_that_go_on_one_by_one_is_what_they_add(images):
    model = tnn.Sequential(tnn.Conv2d(1, 3, 1, bias=False), tnn.Flatten(), tnn.Linear(192, 2, bias=False))
    subject = subject_of(model, images, 1)
    with torch.no_grad():
        added = (model[0](images) * model[2].weight[1].reshape(3, 8, 8)).sum(1).relu()
    np.testing.assert_allclose(attribution_map(subject, "hires_cam").values, added.numpy(), atol=1e-5)


def test_the_same_seed_gives_the_same_map_and_the_model_stays_as_it_was(images):
    model = Patch().train()
    subject = subject_of(model, images, 0)
    first, second = (attribution_map(subject, "smoothgrad", seed=3).values for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert model.training
    assert model.copy.weight.requires_grad
    assert not model.copy._forward_hooks


def test_methods_fit_a_model_by_its_layers_and_its_inputs():
    conv = tnn.Sequential(tnn.Conv2d(1, 2, 3), tnn.Flatten(), tnn.Linear(72, 2))
    tokens = tnn.Sequential(nn.embedding(9, 4), nn.transformer_block(4, 1), nn.pool_tokens("mean"), tnn.Linear(4, 2))
    always = {name for name, method in METHODS.items() if not method.needs}
    assert set(methods_for(conv, "image")) == always | {"grad_cam", "hires_cam"}
    assert set(methods_for(conv, "image", torch.zeros(1, 1, 8, 8))) == always | {"hires_cam"}
    assert set(methods_for(tokens, "text")) == always | {"attention", "attention_rollout"}
    assert set(methods_for(tnn.Linear(3, 2), "tabular")) == always


def test_grad_cam_without_a_convolution_names_the_methods_that_fit():
    with pytest.raises(
        ConfigError, match=r"needs a convolution .* has none(.|\n)*these methods fit: saliency, input_x"
    ):
        attribution_map(subject_of(tnn.Flatten(), torch.zeros(1, 1, 2, 2)), "grad_cam")


def test_a_convolution_without_places_is_none():
    model = tnn.Sequential(tnn.Conv2d(1, 3, 4), tnn.Flatten())
    with pytest.raises(ConfigError, match="a convolution whose result has places.* has none"):
        attribution_map(subject_of(model, torch.zeros(1, 1, 4, 4)), "hires_cam")


def test_grad_cam_of_a_flattened_map_says_why_it_does_not_fit_and_what_does(images):
    model = tnn.Sequential(tnn.Conv2d(1, 3, 3), tnn.Flatten(), tnn.Linear(108, 2))
    with pytest.raises(ConfigError, match=r"tells places apart behind its last one(.|\n)*fit: .*hires_cam"):
        attribution_map(subject_of(model, images), "grad_cam")


def test_an_unknown_method_names_the_nearest():
    with pytest.raises(ConfigError, match="did you mean 'saliency'"):
        attribution_map(subject_of(linear([1.0]), torch.zeros(1, 1)), "salience")


def test_a_map_that_needs_captum_says_which_extra_brings_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "captum", None)
    subject = subject_of(linear([1.0]), torch.ones(1, 1))
    with pytest.raises(MissingExtraError, match="extra 'explain'"):
        attribution_map(subject, "integrated_gradients")
    assert attribution_map(subject, "saliency").values.shape == (1, 1)


def test_a_map_is_written_with_four_digits_and_finite_numbers():
    assert numbers([[0.0, 1.234567], [float("nan"), -12345.6]]) == [[0.0, 1.235], [0.0, -12350.0]]
