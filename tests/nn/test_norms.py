from __future__ import annotations

import pytest
import torch

from searchitect import nn
from searchitect.errors import EvaluationError, SpaceError


@pytest.mark.parametrize("dims", [0, 1, 2, 3])
@pytest.mark.parametrize("name", sorted(set(nn.NORMS) - {"instance"}))
def test_every_normalisation_keeps_the_shape(name, dims):
    assert nn.output_shape(nn.norm(name, 6, dims=dims), (6, *(3,) * dims)) == (6, *(3,) * dims)


def test_layer_normalisation_gives_every_example_zero_mean_and_unit_variance():
    y = nn.norm("layer", 6)(torch.randn(4, 6, 5, 5) * 3 + 2)
    torch.testing.assert_close(y.mean((1, 2, 3)), torch.zeros(4), atol=1e-5, rtol=0)
    torch.testing.assert_close(y.var((1, 2, 3), unbiased=False), torch.ones(4), atol=1e-3, rtol=0)


def test_instance_normalisation_gives_every_channel_zero_mean():
    y = nn.norm("instance", 3)(torch.randn(2, 3, 4, 4) + 5)
    torch.testing.assert_close(y.mean((2, 3)), torch.zeros(2, 3), atol=1e-5, rtol=0)


def test_instance_normalisation_refuses_a_map_of_one_place_with_its_shape():
    with pytest.raises(EvaluationError, match="got 3×1×1"):
        nn.norm("instance", 3)(torch.randn(2, 3, 1, 1))


def test_rms_normalisation_agrees_with_torch_on_vectors():
    x = torch.randn(5, 8)
    expected = torch.nn.functional.rms_norm(x, (8,), eps=1e-6)
    torch.testing.assert_close(nn.norm("rms", 8, dims=0)(x), expected)


@pytest.mark.parametrize(("channels", "groups"), [(6, 6), (7, 7), (16, 8), (20, 5), (13, 1)])
def test_group_normalisation_takes_the_most_groups_up_to_eight_that_divide(channels, groups):
    assert nn.norm("group", channels).num_groups == groups


def test_an_unknown_normalisation_names_the_nearest():
    with pytest.raises(SpaceError, match="did you mean 'batch'"):
        nn.norm("bath", 3)
