"""NAS-Bench-201: the networks of the table, its classes, and cells that run."""

from __future__ import annotations

import random

import pytest
import torch

from searchitect import catalog, hardware
from searchitect.catalog.edge_cells import exact_form, published_form
from searchitect.spaces import Architecture, SearchSpace, TaskSpec
from tests.catalog.published import rows

SPACE = SearchSpace.of(catalog.get("nasbench201"))
SPECS = {
    "cifar10": TaskSpec((3, 32, 32), 10),
    "cifar100": TaskSpec((3, 32, 32), 100),
    "imagenet16_120": TaskSpec((3, 16, 16), 120),
}
RECORDED = {  # from the records of the benchmark's authors and the table: parameters and multiply-adds on CIFAR-10
    "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|": (
        129306,
        15647370,
    ),
    "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|nor_conv_3x3~0|nor_conv_3x3~1|nor_conv_3x3~2|": (
        1531546,
        220119690,
    ),
    "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|": (73306, 7783050),
}


def built(text: str, spec: TaskSpec) -> tuple[int, int]:
    """Parameters, and FLOPs as the table counts them: multiply-adds, and one addition per class."""
    with torch.device("meta"):
        model = SPACE.build(SPACE.read({"decisions": catalog.from_nats_string(text)}), spec)
    return hardware.count_parameters(model), hardware.count_flops(model, spec.inputs) // 2 + spec.outputs


@pytest.mark.parametrize("text", RECORDED)
def test_recorded_cells_have_their_published_parameters_and_flops(text):
    assert built(text, SPECS["cifar10"]) == RECORDED[text]


@pytest.mark.data
@pytest.mark.parametrize("data", SPECS)
def test_a_sample_of_cells_has_exactly_the_figures_of_the_table(data):
    figures = [f"params_million_{data}", f"flops_million_{data}"]
    for row in random.Random(0).sample(rows("nas_bench_201", ["arch", *figures]), 6):
        assert built(row["arch"], SPECS[data]) == tuple(round(row[f] * 1e6) for f in figures), row["arch"]


def test_keys_give_the_published_number_of_classes():
    assert SPACE.size() == 15_625
    assert len({SPACE.key(a) for a in SPACE.enumerate()}) == 6_466


@pytest.mark.data
def test_the_classes_are_those_of_the_table():
    table = rows("nas_bench_201", ["arch", "canonical_form", "canonical_class"])
    pairs = set()
    for row in table:
        decisions = catalog.from_nats_string(row["arch"])
        assert published_form(tuple(decisions.values())) == row["canonical_form"]
        pairs.add((SPACE.key(Architecture(SPACE.digest, decisions)), row["canonical_class"]))
    assert len(pairs) == len({key for key, _ in pairs}) == len({number for _, number in pairs}) == 6_466


@pytest.mark.parametrize(
    ("first", "second"),
    [
        # 1 is fed by nothing, so what it feeds is of no account
        ("|none~0|+|skip_connect~0|nor_conv_3x3~1|+|none~0|avg_pool_3x3~1|nor_conv_1x1~2|",
         "|none~0|+|skip_connect~0|none~1|+|none~0|none~1|nor_conv_1x1~2|"),
        # a skip from the input is the input
        ("|skip_connect~0|+|none~0|none~1|+|nor_conv_3x3~0|skip_connect~1|none~2|",
         "|skip_connect~0|+|none~0|none~1|+|skip_connect~0|nor_conv_3x3~1|none~2|"),
    ],
)  # fmt: skip
def test_cells_written_differently_share_a_key(first, second):
    keys = {SPACE.key(SPACE.read({"decisions": catalog.from_nats_string(text)})) for text in (first, second)}
    assert len(keys) == 1


def test_a_subspace_with_more_decisions_keeps_them_in_its_canonical_form():
    architecture = SPACE.default()
    wider = Architecture("other", {**architecture.decisions, "learning_rate": 0.1})
    assert SPACE.canonical(wider)["learning_rate"] == 0.1


def test_the_exact_rule_joins_only_what_computes_the_same():
    cells = [catalog.from_transnas_string(f"64-41414-{text}") for text in ("1_00_030", "0_10_003", "0_00_300")]
    forms = [exact_form(tuple(map(str, cell.values()))) for cell in cells]
    # the first two skip from the input, then convolve; the third convolves at once, which is another map where the
    # cell halves it
    assert forms[0] == forms[1] != forms[2]


def test_maps_are_halved_twice_but_not_below_two_places():
    sizes = []
    model = SPACE.build(SPACE.default(), TaskSpec((1, 6, 6), 3))
    for part in model:
        part.register_forward_hook(lambda m, i, out: sizes.append(out.shape[2:]) if out.dim() == 4 else None)
    model(torch.randn(2, 1, 6, 6))
    assert [tuple(size) for size in dict.fromkeys(sizes)] == [(6, 6), (3, 3)]
