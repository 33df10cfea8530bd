from __future__ import annotations

import pytest
import torch
from torch import nn

from searchitect.errors import EvaluationError
from searchitect.spaces.recipe import Recipe
from searchitect.training.optimizers import OPTIMIZERS, optimizer, parameter_groups


def test_only_weights_decay_not_biases_and_normalisations() -> None:
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.LayerNorm((4, 6, 6)), nn.Linear(6, 2))
    decayed, kept = parameter_groups(model, 0.1)
    assert decayed["weight_decay"] == 0.1
    assert kept["weight_decay"] == 0.0
    assert {id(p) for p in decayed["params"]} == {id(model[0].weight), id(model[3].weight)}
    assert len(kept["params"]) == 6


def test_a_tied_weight_is_given_to_the_optimizer_once() -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    model[1].weight = model[0].weight
    assert sum(len(group["params"]) for group in parameter_groups(model, 0.0)) == 3


def test_frozen_parameters_are_left_out() -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    model[0].requires_grad_(False)
    assert sum(len(group["params"]) for group in parameter_groups(model, 0.0)) == 2


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_descends(name: str) -> None:
    torch.manual_seed(0)
    model = nn.Linear(4, 1)
    inputs = torch.randn(64, 4)
    targets = inputs.sum(1, keepdim=True)
    stepper = optimizer(model, Recipe(optimizer=name, learning_rate=0.05, weight_decay=0.0))
    losses = []
    for _ in range(50):
        loss = nn.functional.mse_loss(model(inputs), targets)
        stepper.zero_grad()
        loss.backward()
        stepper.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.5 * losses[0]


def test_sgd_uses_nesterov_momentum() -> None:
    group = optimizer(nn.Linear(2, 2), Recipe(optimizer="sgd", momentum=0.8)).param_groups[0]
    assert group["nesterov"]
    assert group["momentum"] == 0.8


def test_a_model_without_parameters_cannot_be_trained() -> None:
    with pytest.raises(EvaluationError, match="got Flatten with none"):
        optimizer(nn.Flatten(), Recipe())


def test_an_unknown_optimizer_is_answered_with_the_nearest() -> None:
    with pytest.raises(EvaluationError, match="did you mean 'adamw'"):
        optimizer(nn.Linear(1, 1), Recipe(optimizer="adamww"))
