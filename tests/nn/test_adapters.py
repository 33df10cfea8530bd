from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings, strategies as st

from searchitect import nn
from searchitect.errors import SpaceError

maps = st.tuples(st.integers(1, 4), st.integers(1, 9), st.integers(1, 9))


@settings(max_examples=80, deadline=None)
@given(source=maps, target=maps)
def test_any_map_is_adapted_to_any_map(source, target):
    assert nn.output_shape(nn.adapt(source, target), source) == target


@settings(max_examples=20, deadline=None)
@given(source=st.one_of(maps, st.tuples(st.integers(1, 9))), features=st.integers(1, 9))
def test_maps_and_vectors_are_adapted_to_vectors(source, features):
    assert nn.output_shape(nn.adapt(source, (features,)), source) == (features,)


def test_equal_shapes_need_no_module():
    assert isinstance(nn.adapt((3, 4, 4), (3, 4, 4)), torch.nn.Identity)


def test_a_stride_is_used_where_it_gives_exactly_the_target():
    projection = nn.adapt((8, 7, 7), (16, 4, 4))
    assert projection.stride == (2, 2)
    assert projection.kernel_size == (1, 1)


def test_enlarging_alone_has_no_parameters():
    assert not list(nn.adapt((3, 2, 2), (3, 4, 4)).parameters())


@pytest.mark.parametrize(("source", "target"), [((12,), (3, 2, 2)), ((3, 4), (3, 4, 4))])
def test_a_vector_cannot_become_a_map_and_both_shapes_are_named(source, target):
    with pytest.raises(SpaceError, match=f"{nn.describe(source)} to {nn.describe(target)}"):
        nn.adapt(source, target)


@pytest.mark.parametrize("shape", [(3, 9), (3, 9, 7), (2, 4, 5, 6)])
def test_maps_of_any_dimensions_are_brought_to_a_resolution(shape):
    found = nn.to_resolution(4)(torch.ones(2, *shape))
    assert found.shape == (2, shape[0], *[4] * (len(shape) - 1))
    assert torch.allclose(found, torch.ones_like(found))


def test_a_map_of_that_resolution_is_left_as_it_is():
    x = torch.randn(2, 3, 8, 8)
    assert nn.to_resolution(8)(x) is x


def test_no_resolution_at_all_is_refused():
    with pytest.raises(SpaceError, match="a side of at least 1, got 0"):
        nn.to_resolution(0)
