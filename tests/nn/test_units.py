from __future__ import annotations

import pytest
import torch

from searchitect import nn
from searchitect.errors import SpaceError


def test_a_convolution_drops_its_bias_only_where_a_normalisation_follows():
    assert nn.conv_unit(3, 4, norm="batch")[0].bias is None
    assert nn.conv_unit(3, 4, norm="none")[0].bias is not None


def test_a_fully_connected_unit_maps_vectors():
    unit = nn.fully_connected_unit(5, 7, norm="layer", activation="gelu", dropout=0.1)
    assert nn.output_shape(unit, (5,)) == (7,)


@pytest.mark.parametrize(("pooling", "features"), [("average", 6), ("max", 6), ("flatten", 6 * 16)])
def test_the_classifier_gives_one_score_per_output(pooling, features):
    head = nn.classifier((6, 4, 4), 10, pooling=pooling, dropout=0.2)
    assert nn.output_shape(head, (6, 4, 4)) == (10,)
    assert sum(p.numel() for p in head.parameters()) == features * 10 + 10


def test_the_classifier_reads_vectors_as_they_are():
    assert nn.output_shape(nn.classifier((6,), 3), (6,)) == (3,)


def test_an_unknown_convolution_names_the_nearest():
    with pytest.raises(SpaceError, match="did you mean 'separable'"):
        nn.conv_unit(3, 4, kind="seperable")


@pytest.mark.parametrize("seed", [0, 1])
def test_weights_come_from_torch_s_own_generator_alone(seed):
    def weights() -> torch.Tensor:
        torch.manual_seed(seed)
        model = torch.nn.Sequential(nn.conv_unit(3, 4, kind="separable"), nn.classifier((4, 8, 8), 2))
        return torch.cat([p.flatten() for p in model.parameters()])

    assert torch.equal(weights(), weights())
