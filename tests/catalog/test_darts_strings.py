from __future__ import annotations

import pytest

from searchitect.catalog.darts_strings import from_darts_string, to_darts_string
from searchitect.errors import SpaceError

DARTS_V2 = (
    "Genotype(normal=[('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ('sep_conv_3x3', 1), "
    "('sep_conv_3x3', 1), ('skip_connect', 0), ('skip_connect', 0), ('dil_conv_3x3', 2)], normal_concat=[2, 3, 4, 5], "
    "reduce=[('max_pool_3x3', 0), ('max_pool_3x3', 1), ('skip_connect', 2), ('max_pool_3x3', 1), "
    "('max_pool_3x3', 0), ('skip_connect', 2), ('skip_connect', 2), ('max_pool_3x3', 1)], reduce_concat=[2, 3, 4, 5])"
)
EXAMPLE = DARTS_V2.replace("[2, 3, 4, 5]", "range(2, 6)")


def test_the_two_inputs_of_a_node_are_put_in_ascending_order():
    found = from_darts_string(DARTS_V2)
    assert len(found) == 2 * 4 * 3
    assert found["normal.node_4.reads"] == (0, 1)
    assert (found["normal.node_4.first"], found["normal.node_4.second"]) == ("skip_connect", "sep_conv_3x3")
    assert found["reduce.node_5.reads"] == (1, 2)


def test_text_and_decisions_turn_into_each_other():
    decisions = from_darts_string(DARTS_V2)
    text = to_darts_string(decisions)
    assert text.startswith("Genotype(normal=[('sep_conv_3x3', 0), ")
    assert from_darts_string(text) == decisions
    assert to_darts_string(from_darts_string(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "DARTS_V2 = " + EXAMPLE,
        EXAMPLE.replace("range(2, 6)", "list(range(2, 6))"),
        EXAMPLE.replace("normal=", "")
        .replace("normal_concat=", "")
        .replace("reduce=", "")
        .replace("reduce_concat=", ""),
        " " + EXAMPLE.replace("), (", "),\n    (") + "\n",
    ],
)
def test_all_ways_of_writing_it_mean_the_same(text):
    assert from_darts_string(text) == from_darts_string(DARTS_V2)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no cells of DARTS"),
        ("Genotype", "no cells of DARTS"),
        ("(" * 5_000, "no cells of DARTS"),
        ("x" * 20_000, "at most 10,000"),
        (EXAMPLE.replace("sep_conv_3x3", "sep_conv_9x9"), "did you mean 'sep_conv_"),
        (EXAMPLE.replace("('dil_conv_3x3', 2)", "('dil_conv_3x3', 0)"), "two different nodes of 0 to 4, got 0 and 0"),
        (EXAMPLE.replace("('dil_conv_3x3', 2)", "('dil_conv_3x3', 5)"), "two different nodes"),
        (EXAMPLE.replace("('dil_conv_3x3', 2)", "('dil_conv_3x3', True)"), "expected \\('operation', node\\)"),
        (EXAMPLE.replace(", ('dil_conv_3x3', 2)", ""), "a list of 8 pairs"),
        (EXAMPLE.replace("range(2, 6)", "range(3, 6)"), "concatenates range\\(2, 6\\)"),
        (EXAMPLE.replace("normal_concat", "normal_join"), "'normal_join'"),
        (EXAMPLE.replace("range(2, 6)", "__import__('os').listdir()"), "a plain list"),
        ("Genotype(**{'normal': 1})", "this has '\\*\\*'"),
    ],
)
def test_what_is_no_cell_of_the_space_is_refused_and_nothing_runs(text, words):
    with pytest.raises(SpaceError, match=words):
        from_darts_string(text)


def test_missing_decisions_are_named():
    with pytest.raises(SpaceError, match="'normal.node_2.reads' is None"):
        to_darts_string({})
    with pytest.raises(SpaceError, match="normal, node 3"):
        to_darts_string(from_darts_string(DARTS_V2) | {"normal.node_3.first": None})
