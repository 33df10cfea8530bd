from __future__ import annotations

import itertools
import math

import numpy as np
import torch
from torch import nn as tnn

from searchitect.explain.models.effort import Effort
from searchitect.explain.models.maps import attribution_map
from searchitect.explain.models.perturbing import coalitions, kernel_shap, lime
from searchitect.explain.models.subject import subject_of


class Additive(tnn.Module):
    def forward(self, x):
        return torch.sin(x).sum(1, keepdim=True) + x[:, :1] ** 2


class Pairs(tnn.Module):
    def forward(self, x):
        return (x[:, 0] * x[:, 1] + 2 * x[:, 2] * x[:, 0] * x[:, 1] + x[:, 3])[:, None]


def shapley(answer, parts):
    """By definition: the mean gain over all orders."""
    values = np.zeros(parts)
    for order in itertools.permutations(range(parts)):
        shown = np.zeros(parts)
        for part in order:
            before = answer(shown)
            shown[part] = 1
            values[part] += (answer(shown) - before) / math.factorial(parts)
    return values


def test_shapley_values_of_an_additive_model_are_its_terms_even_where_masks_are_drawn():
    x = torch.randn(3, 20, generator=torch.Generator().manual_seed(1))
    found = kernel_shap(subject_of(Additive(), x), Effort(evaluations=64), seed=0)
    terms = torch.sin(x)
    terms[:, 0] += x[:, 0] ** 2
    np.testing.assert_allclose(found.values, terms.numpy(), atol=1e-4)


def test_shapley_values_of_interactions_are_those_of_all_orders():
    x = torch.tensor([[1.0, 2.0, -1.0, 0.5]])
    found = attribution_map(subject_of(Pairs(), x), "kernel_shap").values[0]

    def answer(shown):
        return float(Pairs()(x * torch.tensor(shown, dtype=torch.float32)))

    np.testing.assert_allclose(found, shapley(answer, 4), atol=1e-5)


def test_all_coalitions_are_asked_where_they_are_few_and_pairs_are_drawn_where_not():
    masks, weights = coalitions(4, 100, np.random.default_rng(0))
    assert len(np.unique(masks, axis=0)) == 14
    assert weights[masks.sum(1) == 1].max() == 3 / (4 * 1 * 3)
    masks, weights = coalitions(20, 100, np.random.default_rng(0))
    np.testing.assert_array_equal(masks[:50], ~masks[50:])
    assert len(masks) == len(weights) == 100
    assert not masks.all(1).any()
    assert not (~masks).all(1).any()


def test_lime_finds_the_weights_of_a_linear_model_but_for_its_penalty():
    layer = tnn.Linear(3, 1)
    with torch.no_grad():
        layer.weight[:] = torch.tensor([[3.0, -2.0, 0.0]])
    found = lime(subject_of(layer, torch.ones(1, 3)), Effort(evaluations=2000), seed=0)
    np.testing.assert_allclose(found.values[0], [3.0, -2.0, 0.0], atol=0.06)
