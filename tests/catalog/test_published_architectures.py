"""Published architectures have the sizes that their publications give, and stay as they are."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import pytest
import torch

import searchitect as sa
from searchitect import catalog, hardware
from searchitect.catalog.published_architectures import PUBLISHED
from searchitect.errors import SpaceError
from searchitect.spaces import Architecture, SearchSpace, TaskSpec

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "published.json").read_text())
CELLS = [name for name, found in PUBLISHED.items() if found.family in ("darts", "nasnet")]
EFFICIENTNETS = [name for name in PUBLISHED if name.startswith("EfficientNet")]


LARGE = ("NASNet-A", "AmoebaNet-A", "ENAS", "P-DARTS", "GDAS", *(f"EfficientNet-B{n}" for n in range(2, 8)))
"""Networks whose layers take seconds to build and count."""


def each(names: Iterable[str]) -> list[object]:
    return [pytest.param(name, marks=pytest.mark.slow) if name in LARGE else name for name in names]


@cache
def counts(name: str) -> dict[str, int]:
    facts = PUBLISHED[name]
    with torch.device("meta"):
        model = catalog.published(name).build(facts.spec)
    flops = hardware.count_flops(model, facts.spec.inputs)
    return {"model_parameters": hardware.count_parameters(model), "flops": flops}


@pytest.mark.parametrize("name", each(sorted(PUBLISHED)))
def test_golden_rows_do_not_drift(name):
    assert counts(name) == GOLDEN[name]


def test_every_published_architecture_has_a_golden_row():
    assert set(GOLDEN) == set(PUBLISHED)


@pytest.mark.parametrize("name", each(name for name in CELLS if name != "DARTS-V1"))
def test_cells_have_the_published_parameters_within_2_percent(name):
    assert counts(name)["model_parameters"] == pytest.approx(PUBLISHED[name].parameters, rel=0.02)


DARTS_V1 = {
    "normal": "sep_conv_3x3 1 sep_conv_3x3 0 skip_connect 0 sep_conv_3x3 1 skip_connect 0 sep_conv_3x3 1 "
    "sep_conv_3x3 0 skip_connect 2",
    "reduce": "max_pool_3x3 0 max_pool_3x3 1 skip_connect 2 max_pool_3x3 0 max_pool_3x3 0 skip_connect 2 "
    "skip_connect 2 avg_pool_3x3 0",
}
"""As cnn/genotypes.py of quark0/darts writes it, edge by edge."""

DARTS_V2 = {
    "normal": "sep_conv_3x3 0 sep_conv_3x3 1 sep_conv_3x3 0 sep_conv_3x3 1 sep_conv_3x3 1 skip_connect 0 "
    "skip_connect 0 dil_conv_3x3 2",
    "reduce": "max_pool_3x3 0 max_pool_3x3 1 skip_connect 2 max_pool_3x3 1 max_pool_3x3 0 skip_connect 2 "
    "skip_connect 2 max_pool_3x3 1",
}


def counted(cells: dict[str, str], layers: int = 20, width: int = 36) -> int:
    """The parameters of a network of DARTS cells by arithmetic alone: Liu et al. 2019, section 3.2, no auxiliary head.

    A normalisation has two per channel; pooling has none; of a unit only convolutions, never a bias.
    """

    def unit(reads: int, gives: int) -> int:
        return reads * gives + 2 * gives

    def edge(operation: str, read: int, c: int, reduces: bool) -> int:
        if operation.startswith("sep_conv"):
            return 2 * (int(operation[-1]) ** 2 * c + unit(c, c))
        if operation.startswith("dil_conv"):
            return int(operation[-1]) ** 2 * c + unit(c, c)
        return unit(c, c) if operation == "skip_connect" and reduces and read < 2 else 0

    before, last, total = 3 * width, 3 * width, 3 * 9 * 3 * width + 2 * 3 * width
    for layer in range(layers):
        reduces = layer in (layers // 3, 2 * layers // 3)
        width *= 2 if reduces else 1
        words = cells["reduce" if reduces else "normal"].split()
        total += unit(before, width) + unit(last, width)
        total += sum(edge(o, int(r), width, reduces) for o, r in zip(words[::2], words[1::2], strict=True))
        before, last = last, 4 * width
    return total + (last + 1) * 10


def test_the_cells_of_darts_are_entered_as_published_and_counted_right():
    """The paper's rounded 3.3 M stands for both orders: it is that of V2, and V1 has one convolution less per cell."""
    for name, cells in (("DARTS-V1", DARTS_V1), ("DARTS-V2", DARTS_V2)):
        pairs = {
            kind: list(zip(words.split()[::2], map(int, words.split()[1::2]), strict=True))
            for kind, words in cells.items()
        }
        text = f"Genotype(normal={pairs['normal']}, reduce={pairs['reduce']})"
        assert catalog.published_architectures.from_darts_string(text) == PUBLISHED[name].decisions
        assert counts(name)["model_parameters"] == counted(cells)
    # V2 has a dilated convolution where V1 skips, in each of 18 normal cells, six of each width.
    assert counted(DARTS_V2) - counted(DARTS_V1) == 6 * sum(c * c + 9 * c + 2 * c for c in (36, 72, 144)) == 179_928
    assert (counted(DARTS_V1), counted(DARTS_V2)) == (3_169_414, 3_349_342)
    assert "3,169,414" in PUBLISHED["DARTS-V1"].note


@pytest.mark.parametrize("name", each(EFFICIENTNETS))
def test_efficientnets_have_exactly_the_published_parameters_and_nearly_the_flops(name):
    facts = PUBLISHED[name]
    assert counts(name)["model_parameters"] == facts.parameters
    assert counts(name)["flops"] / 2 == pytest.approx(facts.multiply_adds, rel=0.05)


def test_mobilenet_v3_large_has_the_published_size():
    facts = PUBLISHED["MobileNetV3-Large"]
    assert counts("MobileNetV3-Large")["model_parameters"] == pytest.approx(facts.parameters, rel=0.02)
    assert counts("MobileNetV3-Large")["flops"] / 2 == pytest.approx(facts.multiply_adds, rel=0.02)


def test_nasnet_a_as_darts_writes_it_has_the_parameters_of_that_paper():
    facts = PUBLISHED["NASNet-A"]
    space = SearchSpace.of(catalog.get("nasnet", **{**facts.words, "normal_keeps": (), "reduce_keeps": ()}))
    with torch.device("meta"):
        model = space.build(space.read({"decisions": dict(facts.decisions)}), facts.spec)
    assert hardware.count_parameters(model) == pytest.approx(3.1e6, rel=0.02)


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_every_one_is_a_member_of_a_space_of_the_catalogue(name):
    instance = catalog.published(name)
    space = SearchSpace.of(type(instance))
    architecture = Architecture.of(instance)
    assert space.contains(architecture)
    assert space.contains(space.canonical(architecture))
    assert catalog.resolve(catalog.reference(type(instance))) is type(instance)
    assert PUBLISHED[name].source


def test_a_cell_can_be_built_small_and_trained():
    facts = PUBLISHED["ENAS"]
    space = SearchSpace.of(catalog.get("nasnet", **{**facts.words, "layers": 3, "filters": 4}))
    model = space.build(space.read({"decisions": dict(facts.decisions)}), TaskSpec((1, 8, 8), 3))
    model(torch.randn(4, 1, 8, 8)).square().mean().backward()
    assert all(p.grad is not None for p in model.parameters())


def test_the_cells_of_amoebanet_have_a_convolution_by_rows_and_columns():
    facts = PUBLISHED["AmoebaNet-A"]
    space = SearchSpace.of(catalog.get("nasnet", **{**facts.words, "layers": 3, "filters": 4}))
    model = space.build(space.read({"decisions": dict(facts.decisions)}), TaskSpec((1, 8, 8), 3))
    kernels = {m.kernel_size for m in model.modules() if isinstance(m, torch.nn.Conv2d)}
    assert {(1, 7), (7, 1)} <= kernels


def test_an_unknown_name_is_told_with_the_nearest():
    with pytest.raises(SpaceError, match=r"'PCDARTS'[\s\S]*PC-DARTS"):
        sa.catalog.published("PCDARTS")
