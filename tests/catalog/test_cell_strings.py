from __future__ import annotations

import itertools

import pytest

from searchitect.catalog.cell_strings import (
    CELL_EDGES,
    NATS_OPERATIONS,
    TRANSNAS_OPERATIONS,
    from_nats_string,
    from_transnas_string,
    to_nats_string,
    to_transnas_string,
)
from searchitect.errors import SpaceError

FIRST = "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|"


def test_the_first_string_of_the_benchmark_names_its_edges_in_order():
    operations = ("avg_pool_3x3", "nor_conv_1x1", "skip_connect", "nor_conv_1x1", "skip_connect", "skip_connect")
    names = ("edge_0_1", "edge_0_2", "edge_1_2", "edge_0_3", "edge_1_3", "edge_2_3")
    assert list(from_nats_string(FIRST).items()) == list(zip(names, operations, strict=True))


def test_every_cell_of_nasbench201_survives_the_way_to_text_and_back():
    names = [f"edge_{a}_{b}" for a, b in CELL_EDGES]
    texts = set()
    for operations in itertools.product(NATS_OPERATIONS, repeat=6):
        decisions = dict(zip(names, operations, strict=True))
        text = to_nats_string(decisions)
        texts.add(text)
        assert from_nats_string(text) == decisions
    assert len(texts) == 15_625


def test_the_example_of_transnas_reads_as_its_authors_explain_it():
    found = from_transnas_string("64-41414-1_02_333")
    assert found["edge_0_1"] == "skip_connect"
    assert (found["edge_0_2"], found["edge_1_2"]) == ("none", "nor_conv_1x1")
    assert {found[f"edge_{i}_3"] for i in range(3)} == {"nor_conv_3x3"}


def test_every_micro_cell_survives_the_way_to_text_and_back():
    names = [f"edge_{a}_{b}" for a, b in CELL_EDGES]
    for operations in itertools.product(TRANSNAS_OPERATIONS, repeat=6):
        decisions = dict(zip(names, operations, strict=True))
        assert from_transnas_string(to_transnas_string(decisions)) == decisions


def test_a_macro_network_is_a_length_and_its_digits():
    decisions = from_transnas_string("64-41232-basic")
    assert decisions == {"modules.length": 5, **{f"modules.{i}": d for i, d in enumerate((4, 1, 2, 3, 2))}}
    assert to_transnas_string(decisions) == "64-41232-basic"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "|none~0|",
        FIRST + "|",
        FIRST.replace("~1", "~0"),
        FIRST.replace("+", "-"),
        "|none|+|none~0|none~1|+|none~0|none~1|none~2|",
        "|" * 2_000,
    ],
)
def test_other_text_is_no_nats_string(text):
    with pytest.raises(SpaceError, match="NAS-Bench-201|at most"):
        from_nats_string(text)


def test_an_unknown_operation_is_refused_with_the_nearest():
    with pytest.raises(SpaceError, match="did you mean 'nor_conv_1x1'"):
        from_nats_string(FIRST.replace("nor_conv_1x1", "nor_conv_1x2"))


@pytest.mark.parametrize("text", ["64-41414-4_00_000", "32-41414-1_02_333", "64-411-basic", "64-4115-basic", "x"])
def test_other_text_is_no_transnas_string(text):
    with pytest.raises(SpaceError, match="TransNAS-Bench-101"):
        from_transnas_string(text)


def test_a_missing_decision_is_named():
    with pytest.raises(SpaceError, match="'edge_0_1' is None"):
        to_nats_string({})
    with pytest.raises(SpaceError, match="'edge_2_3' is 'avg_pool_3x3'"):
        to_transnas_string(
            dict.fromkeys((f"edge_{a}_{b}" for a, b in CELL_EDGES[:5]), "none") | {"edge_2_3": "avg_pool_3x3"}
        )
    with pytest.raises(SpaceError, match="64-1None11-basic"):
        to_transnas_string({"modules.length": 4, "modules.0": 1, "modules.2": 1, "modules.3": 1})
