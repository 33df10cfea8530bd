"""All edges of DARTS' cells, and the way from them to two per node."""

import random

import pytest
import torch

import searchitect as sa
from searchitect.errors import SpaceError
from searchitect.spaces import SearchSpace
from searchitect.supernet import open_build
from searchitect.supernet.architecture_weights import edge_groups, mixed_decisions

SPEC = sa.TaskSpec((3, 16, 16), 10)
EDGES = [f"{cell}.edge_{i}_{j}" for cell in ("normal", "reduce") for j in range(2, 6) for i in range(j)]


@pytest.fixture(scope="module")
def space():
    return SearchSpace.of(sa.catalog.get("darts_edges", cells=3, channels=4))


def test_every_node_reads_all_earlier_ones_by_one_of_eight_operations(space):
    assert [d.path for d in space.decisions()] == EDGES
    assert space.size() == 8**28


def test_the_supernet_mixes_every_edge(space):
    decisions = mixed_decisions(supernet := open_build(space, SPEC))
    assert [d.path for d in decisions] == EDGES
    assert all(len(d.options) == 8 for d in decisions)
    assert {d.options[place] for d in decisions for place in d.skips} == {"skip_connect"}
    assert {d.options[place] for d in decisions for place in d.zeros} == {"none"}
    assert sorted(len(group) for group in edge_groups(supernet, decisions)) == [2, 2, 3, 3, 4, 4, 5, 5]
    supernet.selection.weights.update({path: torch.full((8,), 0.125) for path in EDGES})
    assert supernet(torch.randn(2, *SPEC.inputs)).shape == (2, 10)


def test_two_edges_of_each_node_are_kept_the_strongest(space):
    architecture = space.decide(lambda path, decision: "sep_conv_3x3" if path.endswith("_4") else "max_pool_3x3")
    strengths = dict.fromkeys(EDGES, 0.0) | {"normal.edge_3_4": 0.9, "normal.edge_1_4": 0.5, "reduce.edge_0_5": 1.0}
    found = sa.catalog.darts_from_edges(architecture, strengths)
    assert found["normal.node_4.reads"] == (1, 3)
    assert found["normal.node_4.first"] == found["normal.node_4.second"] == "sep_conv_3x3"
    assert found["reduce.node_5.reads"][0] == 0
    darts = SearchSpace.of(sa.catalog.get("darts"))
    assert darts.contains(found)
    assert darts.build(darts.sample(random.Random(0)), SPEC) is not None


def test_an_edge_without_an_operation_is_never_kept(space):
    architecture = space.decide(lambda path, decision: "none" if path.endswith("edge_0_3") else "skip_connect")
    found = sa.catalog.darts_from_edges(architecture, dict.fromkeys(EDGES, 0.0) | {"normal.edge_0_3": 9.0})
    assert found["normal.node_3.reads"] == (1, 2)


def test_a_node_without_two_operations_is_named(space):
    architecture = space.decide(lambda path, decision: "none" if path == "reduce.edge_0_2" else "skip_connect")
    with pytest.raises(SpaceError, match="reduce, node 2: two edges with an operation are needed, 1 has one"):
        sa.catalog.darts_from_edges(architecture, dict.fromkeys(EDGES, 0.0))


def test_an_operation_that_the_target_lacks_is_refused(space):
    architecture = space.decide(lambda path, decision: "dil_conv_5x5")
    target = sa.catalog.get("darts", operations=("sep_conv_3x3", "skip_connect"))
    with pytest.raises(SpaceError, match="dil_conv_5x5"):
        sa.catalog.darts_from_edges(architecture, dict.fromkeys(EDGES, 0.0), target=target)


@pytest.mark.parametrize("cells", [0, 1, 2])
def test_a_network_without_a_normal_cell_is_refused(cells):
    with pytest.raises(SpaceError, match=rf"at least 3 cells, got cells={cells}.*no normal cell") as refused:
        sa.catalog.get("darts_edges", cells=cells)
    assert "cells=3" in str(refused.value)
