"""Families become supernets by their own `build`, and every subnet computes what the supernet computes for it."""

import random

import pytest
import torch

import searchitect as sa
from searchitect.errors import SpaceError
from searchitect.supernet import open_build

TABLE = sa.TaskSpec((9,), 3, domain="tabular")


def shaken(supernet):
    """The supernet in evaluation mode, with nothing left at zero or one."""
    draw = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for tensor in [*supernet.parameters(), *supernet.buffers()]:
            if tensor.is_floating_point():
                tensor.add_(torch.rand(tensor.shape, generator=draw), alpha=0.2)
    return supernet.eval()


def largest_difference(supernet, spec, samples=12, seed=0):
    """The largest relative difference between the supernet and extracted subnets, over random architectures."""
    rng, inputs = random.Random(seed), torch.randn(3, *spec.inputs, generator=torch.Generator().manual_seed(1))
    found, seen = 0.0, set()
    for _ in range(samples):
        architecture = supernet.space.sample(rng)
        subnet = supernet.extract(architecture)
        with torch.no_grad():
            ours, alone = supernet(inputs), subnet(inputs)
        seen.add(round(float(alone.sum()), 6))
        found = max(found, float((ours - alone).abs().max() / alone.abs().max().clamp_min(1e-12)))
    assert len(seen) > samples // 2, "the architectures must not all give the same"
    return found


@pytest.mark.parametrize("size", [(3, 28, 28), (1, 8, 8), (3, 1, 5)])
def test_residual_networks_become_one_supernet(size):
    spec = sa.TaskSpec(size, 10)
    space = sa.catalog.get("resnet", widths=(4, 6), stages=(1, 3))
    assert largest_difference(shaken(open_build(space, spec)), spec) < 1e-5


def test_stages_that_grow_become_one_supernet():
    spec = sa.TaskSpec((1, 28, 28), 10)
    space = sa.catalog.get(
        "plain_cnn", stages=(2, 3), depths=(1, 2), widths=(4, 8), stems=(4, 8), growth=2.0, smallest=3
    )
    assert largest_difference(shaken(open_build(space, spec)), spec) < 1e-5


def test_a_residual_network_in_double_precision_agrees_to_ten_digits():
    spec = sa.TaskSpec((3, 8, 8), 4)
    supernet = shaken(open_build(sa.catalog.get("resnet", widths=(4, 6)), spec)).double()
    rng, inputs = random.Random(0), torch.randn(2, 3, 8, 8, dtype=torch.float64)
    for _ in range(5):
        subnet = supernet.extract(supernet.space.sample(rng))
        with torch.no_grad():
            assert torch.allclose(supernet(inputs), subnet(inputs), rtol=1e-10, atol=1e-12)


def test_stochastic_depth_rises_over_the_blocks_of_the_active_architecture():
    supernet = open_build(sa.catalog.get("resnet", stages=(2, 2), drop_paths=(0.2, 0.1)), sa.TaskSpec((3, 8, 8), 4))
    rng = random.Random(1)
    for _ in range(4):
        architecture = supernet.space.sample(rng)
        count = architecture["stages.0.depth"] + architecture["stages.1.depth"]
        alone = [m.rate for m in supernet.extract(architecture).modules() if type(m).__name__ == "DropPath"]
        expected = [architecture["drop_path"] * n / max(count - 1, 1) for n in range(count)]
        assert alone == [rate for rate in expected if rate > 0]


def test_a_depth_of_zero_is_refused_with_the_decision_and_the_way_out():
    with pytest.raises(SpaceError, match="stages.0.depth may be 0.*\n.*leave 0 out of depths"):
        open_build(sa.catalog.get("resnet", depths=(0, 1)), sa.TaskSpec((3, 8, 8), 4))


@pytest.mark.parametrize("wirings", [("full",), ("residual",), ("dense",), ("full", "residual", "dense")])
def test_perceptrons_of_every_wiring_become_one_supernet(wirings):
    space = sa.catalog.get("mlp", layers=(1, 4), widths=(3, 5, 8), connections=wirings)
    assert largest_difference(shaken(open_build(space, TABLE)), TABLE, samples=20) < 1e-5


def test_perceptrons_without_a_hidden_layer_belong_to_the_supernet():
    spec = sa.TaskSpec((1, 4, 4), 3)
    supernet = shaken(open_build(sa.catalog.get("mlp", layers=(0, 3), widths=(4, 6)), spec))
    assert largest_difference(supernet, spec, samples=20) < 1e-5
    lengths = {supernet.space.sample(random.Random(n))["layers.length"] for n in range(20)}
    assert lengths == {0, 1, 2, 3}
