from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings, strategies as st

from searchitect import nn
from searchitect.errors import EvaluationError, SpaceError


def test_max_and_average_pooling_read_windows_of_two():
    x = torch.arange(16.0).reshape(1, 1, 4, 4)
    assert nn.max_pool()(x).flatten().tolist() == [5, 7, 13, 15]
    assert nn.average_pool()(x).flatten().tolist() == [2.5, 4.5, 10.5, 12.5]


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_global_pooling_leaves_one_number_per_channel(dims):
    x = torch.randn(2, 3, *(4,) * dims)
    torch.testing.assert_close(nn.global_pool()(x), x.flatten(2).mean(2))
    torch.testing.assert_close(nn.global_pool("max")(x), x.flatten(2).amax(2))


def test_a_map_that_would_become_empty_is_refused_with_both_shapes():
    with pytest.raises(EvaluationError, match="window of 2×2 cannot read a map of 3×1×1"):
        nn.max_pool()(torch.zeros(1, 3, 1, 1))


@settings(max_examples=60, deadline=None)
@given(source=st.integers(1, 30), target=st.integers(1, 30))
def test_pooling_to_a_size_gives_exactly_that_size_or_refuses_to_enlarge(source, target):
    if target > source:
        with pytest.raises(SpaceError, match=f"{source}×{source} cannot be pooled to {target}×{target}"):
            nn.pool_to((source, source), (target, target))
    else:
        module = nn.pool_to((source, source), (target, target))
        assert nn.output_shape(module, (2, source, source)) == (2, target, target)


@pytest.mark.parametrize("make", [lambda: nn.Pool("median", 2), lambda: nn.global_pool("median")])
def test_an_unknown_pooling_lists_the_known_ones(make):
    with pytest.raises(SpaceError, match="no pooling 'median'"):
        make()
