"""Once-for-all's space: its size, its largest and smallest networks, one supernet for all."""

from __future__ import annotations

import random

import pytest
import torch

from searchitect import catalog, hardware
from searchitect.errors import SpaceError
from searchitect.spaces import Architecture, SearchSpace, TaskSpec
from searchitect.supernet import open_build

IMAGENET = TaskSpec((3, 224, 224), 1000)


def parameters(space: SearchSpace, architecture: Architecture, spec: TaskSpec) -> int:
    with torch.device("meta"):
        return hardware.count_parameters(space.build(architecture, spec))


def largest(space: SearchSpace) -> Architecture:
    return space.decide(lambda path, decision: max(decision.domain.values(), key=float))


def test_the_space_has_the_size_that_the_paper_gives():
    size = SearchSpace.of(catalog.get("mobilenet_v3")).size()
    assert size == (9**2 + 9**3 + 9**4) ** 5
    assert size == pytest.approx(2e19, rel=0.1)  # section 3.1


def test_all_networks_share_as_many_weights_as_the_paper_says():
    space = SearchSpace.of(catalog.get("mobilenet_v3", width_multiplier=1.0))
    with torch.device("meta"):
        supernet = open_build(space, IMAGENET, check=False)
    assert hardware.count_parameters(supernet) == pytest.approx(7.7e6, rel=0.01)  # section 3.1: 7.7 M


def test_widths_outside_the_blocks_are_those_of_once_for_all():
    space = SearchSpace.of(catalog.get("mobilenet_v3"))
    with torch.device("meta"):
        model = space.build(space.default(), IMAGENET)
    widths = [m.out_channels for m in model.modules() if isinstance(m, torch.nn.Conv2d) and m.kernel_size == (1, 1)]
    assert {24, 32, 48, 96, 136, 192, 1152} <= set(widths)


def test_one_supernet_holds_the_largest_of_every_layer_and_no_more():
    space = SearchSpace.of(catalog.get("mobilenet_v3"))
    with torch.device("meta"):
        supernet = open_build(space, IMAGENET, check=False)
    assert hardware.count_parameters(supernet) == parameters(space, largest(space), IMAGENET) == 10_703_168


@pytest.mark.parametrize("size", [8, 28])
def test_a_subnet_computes_what_the_supernet_computes_for_it(size):
    spec = TaskSpec((1, size, size), 10)
    supernet = open_build(catalog.get("mobilenet_v3", width_multiplier=0.3), spec).eval()
    rng, x = random.Random(2), torch.randn(4, *spec.inputs)
    for _ in range(8):
        architecture = supernet.space.sample(rng)
        with torch.no_grad():
            alone, shared = supernet.extract(architecture).eval()(x), supernet(x)
        assert float((alone - shared).abs().max()) <= 1e-5 * float(alone.abs().max())


@pytest.mark.parametrize("size", [(1, 1), (3, 9), (28, 28)])
def test_every_image_fits(size):
    space = SearchSpace.of(catalog.get("mobilenet_v3", width_multiplier=0.25))
    model = space.build(space.sample(random.Random(0)), TaskSpec((3, *size), 4)).eval()
    assert model(torch.randn(2, 3, *size)).shape == (2, 4)


def test_widths_of_nothing_are_refused():
    with pytest.raises(SpaceError, match="widths above 0"):
        catalog.get("mobilenet_v3", width_multiplier=0)
    with pytest.raises(SpaceError, match="widths above 0"):
        catalog.get("mobilenet_v3", expansions=(3, 0))
