"""Which convolution is the last with places, and whether what follows it treats places alike."""

from __future__ import annotations

import pytest
import torch
from torch import nn as tnn

from searchitect import nn
from searchitect.explain.models.convolutions import last_convolution, treats_places_alike
from searchitect.explain.models.methods import methods_for
from searchitect.seeding import isolated

IMAGES = torch.linspace(-1, 1, 2 * 64).reshape(2, 1, 8, 8)
WAVES = torch.linspace(-1, 1, 2 * 30).reshape(2, 10, 3)


class Residual(tnn.Module):
    """A block whose last convolution is added to what came in, before an activation."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = tnn.Conv2d(4, 4, 3, padding=1), tnn.Conv2d(4, 4, 3, padding=1)

    def forward(self, x):
        return torch.relu(x + self.second(torch.relu(self.first(x))))


class Mean(tnn.Module):
    def forward(self, x):
        return x.mean((2, 3))


class Tokens(tnn.Module):
    def forward(self, x):
        return x.flatten(2).mT


class Steps(tnn.Module):
    """Convolutions over time of (n, time, features), normed with features last, a mean over time."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.norm, self.head = tnn.Conv1d(3, 5, 3), tnn.LayerNorm(5), tnn.Linear(5, 2)

    def forward(self, x):
        return self.head(self.norm(self.layer(x.mT).mT).mean(1))


def stem() -> list[tnn.Module]:
    return [tnn.Conv2d(1, 4, 3, padding=1), tnn.GELU()]


POOLED = {
    "classifier of sa.nn": lambda: [*stem(), nn.classifier((4, 8, 8), 3)],
    "mean without a layer": lambda: [*stem(), tnn.BatchNorm2d(4), Mean(), tnn.Linear(4, 3)],
    "largest value": lambda: [*stem(), tnn.AdaptiveMaxPool2d(1), tnn.Flatten(), tnn.Linear(4, 3)],
    "smaller first": lambda: [*stem(), tnn.AvgPool2d(2), tnn.AdaptiveAvgPool2d(1), tnn.Flatten(), tnn.Linear(4, 3)],
    "residual": lambda: [*stem(), Residual(), tnn.GroupNorm(2, 4), Mean(), tnn.Linear(4, 8), tnn.ReLU()],
    "convolution to classes": lambda: [*stem(), tnn.Conv2d(4, 3, 1), tnn.AdaptiveAvgPool2d(1), tnn.Flatten()],
}
APART = {
    "flattened": lambda: [*stem(), tnn.Flatten(), tnn.Linear(256, 3)],
    "pooled to 2 × 2": lambda: [*stem(), tnn.AdaptiveAvgPool2d(2), tnn.Flatten(), tnn.Linear(16, 3)],
    "patches with positions": lambda: [
        tnn.Conv2d(1, 4, 2, stride=2), Tokens(), nn.positions("learned", 16, 4), tnn.GELU(), nn.pool_tokens("mean")
    ],
    "1 × 1 at the end": lambda: [tnn.Conv2d(1, 3, 8), tnn.Flatten()],
    "no convolution": lambda: [tnn.Flatten(), tnn.Linear(64, 3)],
}  # fmt: skip


@pytest.mark.parametrize("name", [*POOLED, *APART])
def test_pooling_is_told_from_reading_places_one_by_one(name: str) -> None:
    with isolated(1):
        model = tnn.Sequential(*{**POOLED, **APART}[name]()).eval()
    assert treats_places_alike(model, IMAGES) is (name in POOLED)
    assert not any(layer._forward_hooks for layer in model.modules())


def test_places_alike_on_inputs_are_told_apart_all_the_same() -> None:
    with isolated(1):
        model = tnn.Sequential(*APART["flattened"]()).eval()
    assert not treats_places_alike(model, torch.zeros(1, 1, 8, 8))


def test_a_mean_over_time_with_features_last_is_a_pooling() -> None:
    with isolated(1):
        assert treats_places_alike(Steps().eval(), WAVES)


def test_the_last_convolution_with_places_is_the_one_that_runs_last() -> None:
    parts = [tnn.Conv2d(1, 2, 3), tnn.Conv2d(2, 2, 3), tnn.AdaptiveAvgPool2d(1), tnn.Conv2d(2, 3, 1), tnn.Flatten()]
    assert last_convolution(tnn.Sequential(*parts), IMAGES) is parts[1]


def test_a_model_that_is_being_trained_is_looked_at_as_it_is_judged_and_left_as_it_was():
    layers = tnn.Conv2d(1, 4, 3), tnn.BatchNorm2d(4), tnn.Dropout(0.5), tnn.AdaptiveAvgPool2d(1), tnn.Flatten()
    model = tnn.Sequential(*layers, tnn.Linear(4, 3))
    before = {name: values.clone() for name, values in model.state_dict().items()}
    assert "grad_cam" in methods_for(model, "image", IMAGES)
    assert all(part.training for part in model.modules())
    assert all(torch.equal(before[name], values) for name, values in model.state_dict().items())
