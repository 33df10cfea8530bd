from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings, strategies as st

from searchitect import nn
from searchitect.errors import SpaceError


@settings(max_examples=40, deadline=None)
@given(
    kernel=st.integers(1, 7),
    stride=st.integers(1, 4),
    dilation=st.integers(1, 3),
    size=st.integers(1, 11),
    dims=st.integers(1, 2),
)
def test_a_convolution_gives_the_size_divided_by_the_stride_rounded_up(kernel, stride, dilation, size, dims):
    layer = nn.conv(2, 3, kernel, stride=stride, dilation=dilation, dims=dims)
    expected = (3, *nn.strided((size,) * dims, stride))
    assert nn.output_shape(layer, (2, *(size,) * dims)) == expected


@pytest.mark.parametrize("kind", sorted(nn.CONVOLUTIONS))
@pytest.mark.parametrize("dims", [1, 2, 3])
def test_every_kind_of_convolution_is_called_alike(kind, dims):
    layer = nn.CONVOLUTIONS[kind](4, 6, 3, stride=2, bias=True, dims=dims)
    assert nn.output_shape(layer, (4, *(5,) * dims)) == (6, *(3,) * dims)


def test_separable_convolution_counts_depthwise_plus_pointwise_weights():
    layer = nn.separable_conv(8, 16, 3)
    assert sum(p.numel() for p in layer.parameters()) == 8 * 9 + 8 * 16 + 16


def test_depthwise_convolution_never_mixes_channels():
    torch.manual_seed(0)
    layer = nn.depthwise_conv(3, 3)
    x = torch.zeros(1, 3, 5, 5)
    before = layer(x)
    x[:, 1] = 1.0
    changed = (layer(x) - before).abs().amax((0, 2, 3)) > 0
    assert changed.tolist() == [False, True, False]


def test_dilated_convolution_reaches_as_far_as_its_span():
    torch.manual_seed(0)
    x = torch.zeros(1, 1, 9, requires_grad=True)
    nn.dilated_conv(1, 1, 3, dilation=3, dims=1)(x)[0, 0, 4].backward()
    assert x.grad is not None
    assert x.grad[0, 0].nonzero().flatten().tolist() == [1, 4, 7]


def test_grouped_convolution_takes_the_largest_number_of_groups_that_fits():
    assert nn.grouped_conv(6, 9, groups=4).groups == 3
    assert nn.grouped_conv(7, 8, groups=4).groups == 1


def test_groups_that_do_not_divide_are_refused_with_both_channel_counts():
    with pytest.raises(SpaceError, match=r"4 groups do not divide a convolution from 6 to 8 channels"):
        nn.conv(6, 8, groups=4)


@pytest.mark.parametrize(("inputs", "outputs", "kernel"), [(0, 8, 3), (8, 0, 3), (8, 8, 0)])
def test_numbers_below_one_are_refused_by_name(inputs, outputs, kernel):
    with pytest.raises(SpaceError, match="of at least 1, got 0"):
        nn.conv(inputs, outputs, kernel)
