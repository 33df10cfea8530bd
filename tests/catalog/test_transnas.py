"""TransNAS-Bench-101: sizes, parameters of the published networks, small images."""

from __future__ import annotations

import itertools
import random

import pytest
import torch

from searchitect import catalog, hardware
from searchitect.spaces import SearchSpace, TaskSpec
from tests.catalog.published import rows

SCENES = TaskSpec((3, 256, 256), 63)
RECORDED = {  # in millions, as the table has them
    "64-41414-3_33_333": 41.443935,
    "64-41414-1_01_211": 0.910687,
    "64-41414-0_00_000": 0.051807,
    "64-1114-basic": 0.997087,
    "64-242333-basic": 40.184159,
}


def space_of(text: str) -> SearchSpace:
    return SearchSpace.of(catalog.get("transnas_macro" if text.endswith("basic") else "transnas_micro"))


def parameters(text: str) -> int:
    space = space_of(text)
    with torch.device("meta"):
        return hardware.count_parameters(
            space.build(space.read({"decisions": catalog.from_transnas_string(text)}), SCENES)
        )


@pytest.mark.parametrize("text", RECORDED)
def test_recorded_networks_have_their_published_parameters(text):
    assert parameters(text) == round(RECORDED[text] * 1e6)


@pytest.mark.data
def test_a_sample_of_the_table_has_its_parameters():
    figure = "class_scene_params_million"
    known = [row for row in rows("transnas_bench_101", ["arch", figure]) if row[figure] is not None]
    for row in random.Random(0).sample(known, 20):
        assert parameters(row["arch"]) == round(row[figure] * 1e6), row["arch"]


@pytest.mark.data
def test_the_macro_space_holds_exactly_the_networks_of_the_table():
    published = {row["arch"] for row in rows("transnas_bench_101", ["arch", "space"]) if row["space"] == "macro"}
    space = SearchSpace.of(catalog.get("transnas_macro"))
    assert {catalog.to_transnas_string(a.decisions) for a in space.enumerate()} == published


def test_the_spaces_have_their_published_sizes():
    assert SearchSpace.of(catalog.get("transnas_macro")).size() == 3_256
    assert SearchSpace.of(catalog.get("transnas_micro")).size() == 4_096


def test_micro_cells_that_compute_the_same_share_a_key():
    space = SearchSpace.of(catalog.get("transnas_micro"))
    texts = ("3_00_010", "3_01_001", "0_30_001")
    keys = {t: space.key(space.read({"decisions": catalog.from_transnas_string(f"64-41414-{t}")})) for t in texts}
    assert len(set(keys.values())) == 1
    assert len({space.key(a) for a in space.enumerate()}) == 1_519


def test_cells_with_one_key_give_equal_outputs_for_equal_weights():
    """Two written cells of one key, no dead operations: the same weights in the same order give the same scores."""
    space = SearchSpace.of(catalog.get("transnas_micro", channels=4, cells=1))
    first, second = (
        space.read({"decisions": catalog.from_transnas_string(f"64-41414-{t}")}) for t in ("3_01_001", "0_30_001")
    )
    models = [space.build(a, TaskSpec((1, 32, 32), 3)).eval() for a in (first, second)]
    for target, source in zip(models[1].parameters(), models[0].parameters(), strict=True):
        target.data.copy_(source.data)
    x = torch.randn(3, 1, 32, 32)
    torch.testing.assert_close(models[0](x), models[1](x))


@pytest.mark.parametrize("family", ["transnas_micro", "transnas_macro"])
@pytest.mark.parametrize("size", [(1, 1), (8, 8), (5, 33)])
def test_no_map_is_halved_below_two_places(family, size):
    space = SearchSpace.of(catalog.get(family, channels=4))
    model = space.build(space.default(), TaskSpec((1, *size), 3))
    sizes = []
    for part in model:
        part.register_forward_hook(lambda m, i, out: sizes.append(out.shape[2:]) if out.dim() == 4 else None)
    assert model(torch.randn(2, 1, *size)).shape == (2, 3)
    assert all(min(shape) >= min(2, *size) for shape in sizes)
    assert all(a >= b for first, second in itertools.pairwise(sizes) for a, b in zip(first, second, strict=True))
