from __future__ import annotations

import pytest
import torch

from searchitect import nn
from searchitect.errors import EvaluationError, SpaceError


def test_output_shape_leaves_modes_statistics_and_the_generator_alone():
    module = torch.nn.Sequential(nn.conv_unit(3, 4), torch.nn.Dropout(0.5))
    module[1].eval()
    torch.manual_seed(7)
    state = torch.get_rng_state()
    assert nn.output_shape(module, (3, 8, 8)) == (4, 8, 8)
    assert module.training
    assert not module[1].training
    assert torch.equal(torch.get_rng_state(), state)
    assert module[0][1].num_batches_tracked == 0


def test_output_shape_works_on_the_meta_device():
    with torch.device("meta"):
        module = nn.conv_unit(3, 4, stride=2)
        assert nn.output_shape(module, (3, 9, 9)) == (4, 5, 5)
        assert nn.output_shape(torch.nn.Flatten(), (3, 9, 9)) == (243,)


def test_output_shape_says_what_cannot_be_read():
    with pytest.raises(EvaluationError, match=r"Conv2d cannot read 5×8×8: .*channels"):
        nn.output_shape(nn.conv(3, 4), (5, 8, 8))


def test_halving_stops_before_a_map_becomes_too_small():
    assert nn.halved((8, 8))
    assert not nn.halved((7, 28))
    assert nn.halved((2, 2), smallest=1)
    assert not nn.halved(())


def test_the_common_shape_is_the_smallest_size_with_the_channels_of_the_last():
    assert nn.common_shape([(8, 4, 9), (16, 6, 6)]) == (16, 4, 6)
    assert nn.common_shape([(8, 4, 4), (16, 2, 2)], concatenate=True) == (24, 2, 2)
    assert nn.common_shape([(8, 4, 4), (5,)]) == (5,)


@pytest.mark.parametrize(("shapes", "words"), [([], "nothing to join"), ([(3, 4), (3, 4, 4)], "3×4, 3×4×4")])
def test_shapes_that_cannot_be_joined_are_refused(shapes, words):
    with pytest.raises(SpaceError, match=words):
        nn.common_shape(shapes)
