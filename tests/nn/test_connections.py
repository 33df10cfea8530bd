from __future__ import annotations

import pytest
import torch

from searchitect import nn
from searchitect.errors import EvaluationError, SpaceError

IMAGE = (3, 8, 8)


def conv_to(channels: int, stride: int = 1) -> nn.Builder:
    return lambda shape: nn.conv_unit(shape[0], channels, stride=stride)


def double(shape: nn.Shape) -> torch.nn.Module:
    class Double(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return 2 * x

    return Double()


@pytest.mark.parametrize("kind", ["full", "residual", "dense"])
def test_every_wiring_runs_over_layers_that_change_channels_and_size(kind):
    model = nn.connect([conv_to(8), conv_to(12, 2), conv_to(16, 2)], kind, shape=IMAGE)
    y = model(torch.randn(2, *IMAGE))
    assert tuple(y.shape[1:]) == model.shape
    y.sum().backward()
    assert all(p.grad is not None for p in model.parameters())


def test_full_wiring_is_the_plain_sequence():
    model = nn.connect([double, double, double], "full", shape=(5,))
    assert torch.equal(model(torch.ones(1, 5)), torch.full((1, 5), 8.0))


def test_residual_wiring_adds_what_was_read():
    model = nn.connect([double, double], "residual", shape=(5,))
    assert torch.equal(model(torch.ones(1, 5)), torch.full((1, 5), 9.0))


def test_dense_wiring_reads_and_gives_all_earlier_nodes():
    model = nn.connect([double, double], "dense", shape=(2,))
    assert model.shape == (8,)
    assert model(torch.ones(1, 2)).tolist() == [[1, 1, 2, 2, 2, 2, 4, 4]]


def test_sparse_wiring_reads_declared_nodes_and_sums_loose_ends():
    model = nn.connect([double, double, double], "sparse", shape=(1,), sources=[(0,), (0, 1), (1,)])
    # node 1 = 2, node 2 = 2·(1 + 2) = 6, node 3 = 4; nodes 2 and 3 are read by nobody
    assert model(torch.ones(1, 1)).item() == 10


def test_sparse_wiring_with_only_the_node_before_equals_full_wiring():
    torch.manual_seed(0)
    sparse = nn.connect([conv_to(4), conv_to(5)], "sparse", shape=IMAGE, sources=[(0,), (1,)])
    torch.manual_seed(0)
    full = nn.connect([conv_to(4), conv_to(5)], "full", shape=IMAGE)
    x = torch.randn(2, *IMAGE)
    assert torch.equal(sparse(x), full(x))


@pytest.mark.parametrize("sources", [[(0,)], [(1,), (0,)], [(0,), (0, 0)], [(0,), ()]])
def test_sources_that_do_not_exist_yet_are_refused(sources):
    with pytest.raises(SpaceError, match=r"may read nodes|need sources"):
        nn.connect([double, double], "sparse", shape=(1,), sources=sources)


def test_sources_belong_to_sparse_wiring_only():
    with pytest.raises(SpaceError, match="belong to 'sparse'"):
        nn.connect([double], "full", shape=(1,), sources=[(0,)])
    with pytest.raises(SpaceError, match="belong to 'sparse'"):
        nn.connect([double], "sparse", shape=(1,))


def test_an_unknown_wiring_names_the_nearest():
    with pytest.raises(SpaceError, match="did you mean 'residual'"):
        nn.connect([double], "residul", shape=(1,))


def test_no_layers_at_all_is_the_identity():
    x = torch.randn(2, 3)
    assert torch.equal(nn.connect([], "residual", shape=(3,))(x), x)


def test_a_layer_that_cannot_read_its_input_says_both():
    with pytest.raises(EvaluationError, match="Conv2d cannot read 3×8×8"):
        nn.connect([lambda shape: nn.conv(4, 4)], shape=IMAGE)


def test_merge_sums_averages_and_concatenates_the_chosen_nodes():
    nodes = [torch.full((1, 2), value) for value in (1.0, 2.0, 4.0)]
    assert nn.merge(nodes, (0, 2)).tolist() == [[5, 5]]
    assert nn.merge(nodes, (1, 2), "mean").tolist() == [[3, 3]]
    assert nn.merge(nodes, (2, 0), "concatenate").tolist() == [[4, 4, 1, 1]]


def test_merge_refuses_different_shapes_with_both_and_nodes_that_do_not_exist():
    with pytest.raises(EvaluationError, match="cannot join 2×4×4 and 3×4×4"):
        nn.merge([torch.zeros(1, 2, 4, 4), torch.zeros(1, 3, 4, 4)], (0, 1))
    for which in ((), (0, 1), (-1,)):
        with pytest.raises(EvaluationError, match="cannot read nodes"):
            nn.merge([torch.zeros(1, 2)], which)


def test_join_adapts_maps_of_other_sizes_and_channels():
    join = nn.Join([(4, 8, 8), (6, 3, 3)])
    y = join([torch.randn(2, 4, 8, 8), torch.randn(2, 6, 3, 3)])
    assert tuple(y.shape) == (2, 6, 3, 3) == (2, *join.shape)
