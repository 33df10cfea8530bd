"""EfficientNet's space: published parameters and FLOPs, compound scaling, one supernet for all."""

from __future__ import annotations

import random

import pytest
import torch

from searchitect import catalog, hardware
from searchitect.catalog.scaling import round_channels, scaled_depth
from searchitect.errors import SpaceError
from searchitect.spaces import Architecture, SearchSpace, TaskSpec
from searchitect.supernet import open_build

TINY = {"width_multiplier": 0.25, "depth_multiplier": 0.5}
IMAGENET = TaskSpec((3, 224, 224), 1000)


def counted(space: SearchSpace, architecture: Architecture, spec: TaskSpec) -> tuple[int, int]:
    """Parameters and multiply-adds."""
    with torch.device("meta"):
        model = space.build(architecture, spec)
    return hardware.count_parameters(model), hardware.count_flops(model, spec.inputs) // 2


def test_the_default_is_efficientnet_b0():
    space = SearchSpace.of(catalog.get("mbconv"))
    parameters, multiply_adds = counted(space, space.default(), IMAGENET)
    assert parameters == 5_288_548
    assert multiply_adds == pytest.approx(0.39e9, rel=0.02)


@pytest.mark.parametrize(
    ("channels", "rounded"),
    [
        (32 * 1.1, 32),
        (16 * 1.1, 16),
        (24 * 1.1, 24),
        (24 * 1.2, 32),
        (1280 * 1.1, 1408),
        (3, 8),
        (11.9, 16),
        (19.2, 24),
    ],
)
def test_channels_are_rounded_to_multiples_of_8_but_not_below_90_percent(channels, rounded):
    assert round_channels(channels) == rounded
    assert rounded % 8 == 0
    assert rounded >= 0.9 * channels


def test_depths_are_rounded_up():
    assert [scaled_depth(depth, 1.1) for depth in (1, 2, 3, 4)] == [2, 3, 4, 5]
    assert scaled_depth(3, 0.1) == 1


def test_scaling_by_phi_multiplies_the_flops_as_equation_3_says():
    space = SearchSpace.of(catalog.get("mbconv", resolution=224))
    spec = TaskSpec((3, 224, 224), 1000)
    found = [counted(space, space.default(), spec)]
    for phi in (1, 2, 6):
        scaled = catalog.scale(space.instance(space.default()), phi)
        assert Architecture.of(scaled).decisions == space.default().decisions
        found.append(counted(SearchSpace.of(type(scaled)), Architecture.of(scaled), spec))
    assert found == sorted(found)
    once = 1.2 * 1.1**2 * 1.15**2
    assert once == pytest.approx(2, rel=0.05)
    assert found[-1][1] / found[0][1] == pytest.approx(once**6, rel=0.05)  # rounding counts for little at that size


def test_scaling_changes_the_words_of_the_space_and_back():
    space = SearchSpace.of(catalog.get("mbconv", resolution=32, kernels=(3,)))
    architecture = space.sample(random.Random(0))
    larger = catalog.scale(architecture, 2, space=space.source)
    assert catalog.reference(type(larger)) == {
        "family": "mbconv",
        "parameters": {"kernels": [3], "width_multiplier": 1.21, "depth_multiplier": 1.44, "resolution": 42},
    }
    back = catalog.scale(larger, -2)
    assert type(back) is space.source
    assert Architecture.of(back) == architecture


def test_scaled_images_are_brought_to_their_resolution_first():
    space = SearchSpace.of(catalog.get("mbconv", **TINY))
    scaled = catalog.scale(space.instance(space.default()), 1, resolution=28)
    model = scaled.build(TaskSpec((1, 28, 28), 10)).eval()
    sizes = []
    model[0].register_forward_hook(lambda m, i, out: sizes.append(tuple(out.shape)))
    assert model(torch.randn(2, 1, 28, 28)).shape == (2, 10)
    assert sizes == [(2, 1, 32, 32)]


def test_what_cannot_be_scaled_is_told():
    space = SearchSpace.of(catalog.get("mbconv"))
    with pytest.raises(SpaceError, match=r"no resolution to scale\n.*resolution=224"):
        catalog.scale(space.instance(space.default()), 1)
    with pytest.raises(SpaceError, match="space=…"):
        catalog.scale(space.default(), 1)
    plain = SearchSpace.of(catalog.get("plain_cnn"))
    with pytest.raises(SpaceError, match="plain_cnn cannot be scaled: it has no parameter 'width_multiplier'"):
        catalog.scale(plain.default(), 1, space=plain.source)
    with pytest.raises(SpaceError, match="multipliers above 0"):
        catalog.get("mbconv", width_multiplier=0)
    with pytest.raises(SpaceError, match="resolution=0"):
        catalog.get("mbconv", resolution=0)


def test_a_user_s_own_space_cannot_be_scaled():
    from tests.supernet.spaces import Perceptron

    space = SearchSpace.of(Perceptron)
    with pytest.raises(SpaceError, match="Perceptron is no space of the catalogue"):
        catalog.scale(space.instance(space.default()), 1)


@pytest.mark.parametrize("size", [(1, 1), (3, 9), (8, 8), (28, 28)])
def test_every_image_fits(size):
    space, rng = SearchSpace.of(catalog.get("mbconv", **TINY)), random.Random(0)
    model = space.build(space.sample(rng), TaskSpec((3, *size), 4)).eval()
    assert model(torch.randn(2, 3, *size)).shape == (2, 4)


@pytest.mark.parametrize("size", [8, 28])
def test_mbconv_networks_become_one_supernet(size):
    spec = TaskSpec((1, size, size), 10)
    supernet = open_build(catalog.get("mbconv", **TINY), spec).eval()
    rng, x = random.Random(2), torch.randn(4, *spec.inputs)
    for _ in range(8):
        architecture = supernet.space.sample(rng)
        with torch.no_grad():
            alone, shared = supernet.extract(architecture).eval()(x), supernet(x)
        assert float((alone - shared).abs().max()) <= 1e-5 * float(alone.abs().max())


def test_a_supernet_without_squeeze_and_excitation_has_none():
    space = catalog.get("mbconv", squeezes=(0.0,), **TINY)
    supernet = open_build(space, TaskSpec((1, 8, 8), 10), check=False)
    assert not any(type(part).__name__ == "SqueezeExcite" for part in supernet.modules())


def test_the_supernet_holds_the_largest_of_every_layer_and_no_more():
    spec = TaskSpec((3, 32, 32), 10)
    space = SearchSpace.of(catalog.get("mbconv", squeezes=(0.25,), activations=("silu",), **TINY))
    largest = space.decide(lambda path, decision: "silu" if path == "activation" else max(decision.domain.values()))
    supernet = open_build(space, spec, check=False)
    assert hardware.count_parameters(supernet) == counted(space, largest, spec)[0]
