from __future__ import annotations

import pytest
import torch

from searchitect import nn
from searchitect.errors import SpaceError


@pytest.mark.parametrize("name", sorted(nn.ACTIVATIONS))
def test_every_activation_keeps_the_shape_and_lets_gradients_through(name):
    x = torch.linspace(-2, 2, 24).reshape(2, 3, 2, 2).requires_grad_()
    y = nn.activation(name)(x)
    y.sum().backward()
    assert y.shape == x.shape
    assert torch.isfinite(y).all()
    assert x.grad is not None
    assert x.grad.abs().sum() > 0


def test_activations_are_fresh_modules():
    assert nn.activation("prelu") is not nn.activation("prelu")


def test_an_unknown_activation_names_the_nearest():
    with pytest.raises(SpaceError, match=r"no activation 'hard_swich'[\s\S]*did you mean 'hard_swish'"):
        nn.activation("hard_swich")
