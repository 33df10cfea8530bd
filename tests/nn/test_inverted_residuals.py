"""Inverted residual blocks and squeeze and excitation, with plain numbers and with open ones."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from searchitect.nn import SqueezeExcite, inverted_residual, squeeze_excite
from searchitect.nn.mixed import Gated
from searchitect.spaces.open_values import OpenNumber, Selection


def number(selection: Selection, path: str, *candidates: int) -> OpenNumber:
    return OpenNumber(selection, (path,), lambda values: values[path], candidates)


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_squeeze_and_excitation_weighs_channels_by_their_means():
    module = SqueezeExcite(2, 1, activation="identity", gate="sigmoid")
    with torch.no_grad():
        module.squeeze.weight.copy_(torch.tensor([[[[1.0]], [[2.0]]]]))
        module.squeeze.bias.zero_()
        module.excite.weight.copy_(torch.tensor([[[[1.0]]], [[[-1.0]]]]))
        module.excite.bias.zero_()
    x = torch.stack([torch.full((3, 3), 0.5), torch.tensor([[0.0, 0.5, 1.0]] * 3)]).unsqueeze(0)
    expected = x * torch.sigmoid(torch.tensor([1.5, -1.5])).reshape(1, 2, 1, 1)
    assert torch.allclose(module(x), expected)


def test_no_squeezed_channels_are_no_module():
    assert isinstance(squeeze_excite(8, 0), nn.Identity)
    shared = squeeze_excite(8, number(Selection(), "squeezed", 0, 2))
    assert isinstance(shared, Gated)


def test_the_first_block_of_efficientnet_has_its_published_parameters():
    # 3×3 depthwise on 32 channels and its norm, 8 squeezed channels, 1×1 to 16 and its norm: 1,448 in all
    block = inverted_residual(32, 16, 3, middle=32, squeezed=8, activation="silu", shortcut=False)
    assert count(block) == (9 * 32 + 64) + (32 * 8 + 8 + 8 * 32 + 32) + (32 * 16 + 32) == 1_448
    # 16 → 96 → 24 with stride 2 and 4 squeezed channels
    block = inverted_residual(16, 24, 3, middle=96, stride=2, squeezed=4, activation="silu", shortcut=False)
    assert count(block) == (16 * 96 + 192) + (9 * 96 + 192) + (96 * 4 + 4 + 4 * 96 + 96) + (96 * 24 + 48) == 6_004


@pytest.mark.parametrize(("stride", "size"), [(1, 7), (2, 4)])
def test_the_shape_is_that_of_the_stride(stride, size):
    block = inverted_residual(4, 6, 5, middle=12, stride=stride, shortcut=False)
    assert block(torch.randn(2, 4, 7, 7)).shape == (2, 6, size, size)


def test_a_block_may_be_narrower_in_the_middle():
    block = inverted_residual(8, 8, middle=4)
    assert block(torch.randn(2, 8, 5, 5)).shape == (2, 8, 5, 5)


def test_no_activation_follows_the_last_convolution():
    block = inverted_residual(4, 4, middle=8, shortcut=False)
    kinds = [type(part).__name__ for part in block.modules() if next(part.children(), None) is None]
    assert kinds == ["Conv2d", "BatchNorm2d", "ReLU", "Conv2d", "BatchNorm2d", "ReLU", "Conv2d", "BatchNorm2d"]


def test_the_shortcut_adds_the_input():
    block = inverted_residual(4, 4, middle=8, drop_path=0.5).eval()
    nn.init.zeros_(list(block.body.modules())[-2].weight)  # the last normalisation
    x = torch.randn(2, 4, 5, 5)
    assert torch.equal(block(x), x)


def test_stochastic_depth_leaves_out_whole_branches_while_training():
    torch.manual_seed(0)
    block = inverted_residual(4, 4, middle=8, drop_path=0.5).train()
    x = torch.randn(64, 4, 5, 5)
    kept = (block(x) != x).flatten(1).any(1)
    assert 0 < int(kept.sum()) < 64


def test_an_open_block_computes_what_the_plain_one_computes():
    selection = Selection()
    inputs, outputs = number(selection, "inputs", 4, 8), number(selection, "outputs", 4, 8)
    expansion, kernel = number(selection, "expansion", 1, 3), number(selection, "kernel", 3, 5)
    squeezed = number(selection, "squeezed", 0, 2)
    torch.manual_seed(1)
    shared = inverted_residual(
        inputs, outputs, kernel, middle=inputs * expansion, squeezed=squeezed, activation="silu", shortcut=False
    ).eval()
    assert sum(isinstance(part, Gated) for part in shared.modules()) == 2
    shapes = set()
    for values in ((4, 8, 1, 3, 0), (8, 4, 3, 5, 2), (4, 4, 3, 3, 2), (8, 8, 1, 5, 0)):
        selection.values = dict(zip(("inputs", "outputs", "expansion", "kernel", "squeezed"), values, strict=True))
        width, out, more, size, few = values
        plain = inverted_residual(
            width, out, size, middle=width * more, squeezed=few, activation="silu", shortcut=False
        ).eval()
        _copied(shared, plain)
        x = torch.randn(2, width, 6, 6)
        with torch.no_grad():
            assert torch.allclose(shared(x), plain(x), rtol=1e-6, atol=1e-7)
        shapes.add(count(plain))
    assert len(shapes) == 4


def _copied(shared: nn.Module, plain: nn.Module) -> None:
    from searchitect.nn.elastic import slice_into
    from searchitect.supernet.open_build import active_leaves

    pairs = zip(list(active_leaves(shared)), list(active_leaves(plain)), strict=True)
    for source, target in pairs:
        slice_into(source, target)
