from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings, strategies as st

from searchitect import nn
from searchitect.errors import SpaceError


@settings(max_examples=60, deadline=None)
@given(
    name=st.sampled_from(sorted(nn.CELL_OPERATIONS)),
    inputs=st.integers(1, 4),
    outputs=st.integers(2, 5),
    stride=st.integers(1, 2),
    size=st.tuples(st.integers(1, 9), st.integers(1, 9)),
)
def test_every_operation_is_called_alike_and_divides_the_size_by_its_stride(name, inputs, outputs, stride, size):
    layer = nn.cell_operation(name, inputs, outputs, stride)
    assert nn.output_shape(layer, (inputs, *size)) == (outputs, *nn.strided(size, stride))


def test_zero_gives_zeros_through_which_a_gradient_of_zero_flows():
    for outputs in (3, 5):
        x = torch.randn(2, 3, 5, 5, requires_grad=True)
        result = nn.Zero(outputs, 2)(x)
        assert result.shape == (2, outputs, 3, 3)
        assert not result.any()
        result.sum().backward()
        assert x.grad is not None
        assert not x.grad.any()


def test_a_skip_is_the_identity_only_where_the_shape_stays():
    x = torch.randn(2, 4, 6, 6)
    assert torch.equal(nn.skip(4, 4)(x), x)
    assert isinstance(nn.skip(4, 4, 2), nn.FactorizedReduce)
    assert isinstance(nn.skip(4, 6), nn.FactorizedReduce)


def test_a_factorized_reduction_reads_even_and_odd_places():
    layer = nn.FactorizedReduce(1, 2).eval()
    for convolution in (layer.even, layer.odd):
        torch.nn.init.ones_(convolution.weight)
    x = torch.arange(16.0).reshape(1, 1, 4, 4)
    result = layer(x) * (1 + 1e-5) ** 0.5  # the normalisation's epsilon
    torch.testing.assert_close(result[0, 0], x[0, 0, ::2, ::2])
    torch.testing.assert_close(result[0, 1], x[0, 0, 1::2, 1::2])


def test_a_factorized_reduction_pads_an_odd_map_with_zeros():
    layer = nn.FactorizedReduce(1, 2).eval()
    torch.nn.init.ones_(layer.odd.weight)
    result = layer(torch.ones(1, 1, 3, 3))[0, 1] * (1 + 1e-5) ** 0.5
    torch.testing.assert_close(result, torch.tensor([[1.0, 0.0], [0.0, 0.0]]))


def test_the_border_does_not_count_in_an_average():
    assert torch.equal(nn.same_pool(1, 1)(torch.ones(1, 1, 4, 4)), torch.ones(1, 1, 4, 4))


def test_operations_have_the_parameters_of_their_papers():
    def count(name: str) -> int:
        return sum(p.numel() for p in nn.cell_operation(name, 6, 6).parameters())

    assert count("nor_conv_3x3") == 9 * 36 + 12
    assert count("sep_conv_5x5") == 2 * (25 * 6 + 36 + 12)
    assert count("dil_conv_3x3") == 9 * 6 + 36 + 12
    assert count("max_pool_3x3") == count("skip_connect") == count("none") == 0


def test_an_unknown_operation_is_refused_with_the_nearest():
    with pytest.raises(SpaceError, match="did you mean 'sep_conv_3x3'"):
        nn.cell_operation("sep_conv3x3", 4, 4)
    with pytest.raises(SpaceError, match="at least 2 output channels"):
        nn.FactorizedReduce(4, 1)


def test_a_convolution_by_rows_and_columns_reaches_over_a_whole_window():
    layer = nn.cell_operation("conv_7x1_1x7", 1, 1).eval()
    for part in layer:
        if isinstance(part, torch.nn.Conv2d):
            torch.nn.init.ones_(part.weight)
    x = torch.zeros(1, 1, 9, 9)
    x[0, 0, 4, 4] = 1.0
    expected = torch.nn.functional.pad(torch.ones(1, 1, 7, 7), (1, 1, 1, 1))
    torch.testing.assert_close(layer(x) * (1 + 1e-5) ** 0.5, expected)
