"""Gradients of a grown model are those of its parent, moved like the moments of its optimiser."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from searchitect.supernet.carrying import grow_optimizer, recentred
from searchitect.supernet.growth import inherit
from tests.supernet.test_growth import IMAGES, network, residual, trained

LABELS = torch.arange(16) % 5
PAIRS = {
    "wider": (network(8, 12), network(13, 31)),
    "deeper": (network(8, 12), network(8, 12, 12)),
    "kernel": (network(8, 12, norm="none"), network(8, 12, kernel=5, norm="none")),
    "residual": (residual(8, 1), residual(12, 1)),
    "separable": (network(8, 12, kind="separable"), network(12, 30, kind="separable")),
}


def pair(name):
    parent, child = (model.double().eval() for model in PAIRS[name])
    report = inherit(trained(parent), child, IMAGES.double())
    assert report.preserved
    return parent, child, report


def backward(model):
    model.zero_grad()
    F.cross_entropy(model(IMAGES.double()), LABELS).backward()


@pytest.mark.parametrize("name", PAIRS)
def test_the_gradients_of_a_grown_model_are_those_of_its_parent_moved(name):
    parent, child, report = pair(name)
    backward(parent)
    backward(child)
    for carry in report.carried:
        ours, theirs = (dict(leaf.module.named_parameters(recurse=False)) for leaf in (carry.parent, carry.child))
        for key, parameter in ours.items():
            moved, found = carry.moved(key, parameter.grad, "gradient"), theirs[key].grad
            if parameter.dim() == 4 and parameter.shape[2:] != found.shape[2:]:
                found = recentred(recentred(found, parameter.shape[2:]), found.shape[2:])  # new places have their own
            assert torch.allclose(moved, found, atol=1e-9 * float(found.abs().max().clamp_min(1.0))), (name, key)


@pytest.mark.parametrize("kind", [torch.optim.SGD, torch.optim.AdamW, torch.optim.RMSprop, torch.optim.Adagrad])
def test_moments_grow_as_if_the_child_had_been_there(kind):
    """The optimiser saw one gradient; the child's would have seen that gradient moved."""
    parent, child, report = pair("wider")
    options = {"lr": 0.0, "momentum": 0.9} if kind is torch.optim.SGD else {"lr": 1e-30}
    first, second = kind(parent.parameters(), **options), kind(child.parameters(), **options)
    twin = kind(child.parameters(), **options)
    backward(parent)
    backward(child)
    first.step()
    twin.step()
    grow_optimizer(first, second, report.carried)
    compared = 0
    for parameter in child.parameters():
        for key, value in twin.state[parameter].items():
            grown = second.state[parameter][key]
            compared += 1
            assert torch.allclose(torch.as_tensor(grown), torch.as_tensor(value), atol=1e-10), key
    assert compared >= 8


def test_new_layers_begin_without_moments_and_the_next_step_works():
    parent, child, report = pair("deeper")
    first, second = torch.optim.Adam(parent.parameters()), torch.optim.Adam(child.parameters())
    backward(parent)
    first.step()
    grow_optimizer(first, second, report.carried)
    new = child[2][0].weight
    assert new not in second.state
    assert int(second.state[child[0][0].weight]["step"]) == 1
    backward(child)
    second.step()
    assert torch.isfinite(new).all()


def test_a_kernel_grows_by_zeros_and_shrinks_to_its_middle():
    kernel = torch.arange(9.0).reshape(1, 1, 3, 3)
    larger = recentred(kernel, (5, 5))
    assert torch.equal(larger[0, 0, 1:4, 1:4], kernel[0, 0])
    assert larger.sum() == kernel.sum()
    assert torch.equal(recentred(larger, (3, 3)), kernel)


def test_layers_that_are_not_known_inherit_what_both_have_in_common():
    parent, child = nn.LSTM(4, 6), nn.LSTM(4, 9)

    class Last(nn.Module):
        def __init__(self, cell, width):
            super().__init__()
            self.cell, self.head = cell, nn.Linear(width, 2)

        def forward(self, x):
            return self.head(self.cell(x)[0])

    before, after = Last(parent, 6), Last(child, 9)
    report = inherit(before, after, torch.randn(3, 5, 4))
    assert not report.preserved
    assert torch.equal(child.weight_ih_l0[:6], parent.weight_ih_l0[:6])
