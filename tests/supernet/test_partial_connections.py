"""With K = 1 partial connections are DARTS; with more, operations see a part of the channels."""

import pytest
import torch
from torch import nn

import searchitect as sa
from searchitect.errors import SpaceError
from searchitect.nn import choose
from searchitect.supernet import open_build
from searchitect.supernet.architecture_weights import mixed_decisions
from searchitect.supernet.partial_connections import partially_connected, shuffle

OPERATIONS = ("sep_conv_3x3", "skip_connect", "max_pool_3x3", "none")
SPEC = sa.TaskSpec((3, 8, 8), 5)
X = torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(0))


def cells(channels=8):
    supernet = open_build(sa.catalog.get("nasbench201", cells=1, channels=channels), SPEC, check=False)
    decisions = mixed_decisions(supernet)
    draw = torch.Generator().manual_seed(1)
    weights = {d.path: torch.randn(5, generator=draw).softmax(0) for d in decisions}

    def probe():
        supernet.selection.weights.update(weights)
        with torch.no_grad():
            return supernet(X)

    return supernet, decisions, probe


def test_with_all_channels_the_output_is_that_of_darts():
    supernet, decisions, probe = cells()
    supernet.eval()
    expected = probe()
    with partially_connected(decisions, 1, {}, probe):
        assert torch.equal(probe(), expected)
    edges = {d.path: torch.tensor(1.0) for d in decisions}
    with partially_connected(decisions, 1, edges, probe):
        assert torch.allclose(probe(), expected, rtol=1e-6)


def test_operations_see_a_part_of_the_channels_and_train_their_own_weights():
    supernet, decisions, probe = cells()
    seen = []
    convolution = next(m for m in decisions[0].mixed[0].operations.modules() if isinstance(m, nn.Conv2d))
    with partially_connected(decisions, 4, {}, probe):
        convolution.register_forward_hook(lambda m, inputs, output: seen.append((inputs[0].shape[1], output.shape[1])))
        supernet(X).sum().backward()
    assert seen == [(2, 2)]
    assert convolution.weight.grad[:2, :2].abs().sum() > 0
    assert convolution.weight.grad[2:].abs().sum() == 0
    assert convolution.weight.grad[:, 2:].abs().sum() == 0


def test_what_is_not_mixed_passes_by():
    supernet, decisions, probe = cells()
    probe()
    with partially_connected(decisions, 4, {}, probe):
        edge = decisions[0].mixed[0]
        supernet.selection.weights[decisions[0].path] = [0.0] * 5
        x = torch.randn(2, 8, 4, 4)
        output = edge(x)
        nothing = torch.cat((torch.zeros(2, 2, 4, 4), x[:, 2:]), 1)
        assert torch.equal(output, shuffle(nothing, 4))


def test_everything_is_as_before_when_it_ends():
    supernet, decisions, probe = cells()
    supernet.eval()
    expected = probe()
    with partially_connected(decisions, 4, {d.path: torch.tensor(0.5) for d in decisions}, probe):
        assert not torch.allclose(probe(), expected)
    assert torch.equal(probe(), expected)
    assert not any("forward" in vars(module) for module in supernet.modules())


def test_the_weight_of_an_edge_multiplies_what_it_brings():
    _, decisions, probe = cells()
    probe()
    edges = {decisions[0].path: torch.tensor(0.25)}
    x = torch.randn(2, 8, 4, 4)
    whole = decisions[0].mixed[0](x)
    with partially_connected(decisions, 1, edges, probe):
        assert torch.allclose(decisions[0].mixed[0](x), 0.25 * whole, rtol=1e-6)


def test_a_shuffle_interleaves_groups():
    x = torch.arange(6.0).view(1, 6, 1)
    assert shuffle(x, 2).flatten().tolist() == [0, 3, 1, 4, 2, 5]


def test_channels_that_do_not_divide_stay_whole():
    _, decisions, probe = cells(channels=6)
    with partially_connected(decisions, 4, {}, probe):
        shares = {mixed.around.share if mixed.around else 1 for d in decisions for mixed in d.mixed}
    assert shares == {1, 4}  # 6 and 12 and 24 channels: the last two divide


def test_the_reducing_cells_of_darts_halve_what_passes_by():
    supernet = open_build(
        sa.catalog.get("darts_edges", cells=3, channels=4, operations=OPERATIONS),
        sa.TaskSpec((3, 8, 8), 5),
        check=False,
    )
    decisions = mixed_decisions(supernet)

    def probe():
        supernet.selection.weights.update({d.path: torch.full((4,), 0.25) for d in decisions})
        return supernet(torch.randn(2, 3, 8, 8))

    with partially_connected(decisions, 4, {}, probe):
        assert all(mixed.around is not None for d in decisions for mixed in d.mixed)
        assert probe().shape == (2, 5)


def test_an_operation_that_wants_all_channels_is_refused():
    class Fixed(nn.Module):
        def forward(self, x):
            return x * torch.ones(8, 1, 1)

    @sa.space
    class Stubborn:
        kind: str = sa.choice("fixed", "skip")

        def build(self, task):
            return nn.Sequential(nn.Conv2d(3, 8, 1), choose(self.kind, {"fixed": Fixed, "skip": nn.Identity}))

    supernet = open_build(Stubborn, SPEC)
    decisions = mixed_decisions(supernet)

    def probe():
        supernet.selection.weights["kind"] = [0.5, 0.5]
        return supernet(X)

    refused = pytest.raises(SpaceError, match="cannot work on 1/2 of its channels.*\n.*without partial connections")
    with refused, partially_connected(decisions, 2, {}, probe):
        pass
    assert decisions[0].mixed[0].around is None
