"""The published cell spaces become supernets: wiring and operations open at once."""

import random

import pytest
import torch

import searchitect as sa
from searchitect.errors import SpaceError
from searchitect.supernet import open_build

SPEC = sa.TaskSpec((3, 8, 8), 5)
FAMILIES = {
    "darts": {"cells": 3, "channels": 4},
    "nasnet": {"layers": 3, "nodes": 3, "filters": 4},
    "nasbench101": {"cells": 1, "channels": 8},
    "nasbench1shot1": {"part": 3, "cells": 1, "channels": 8},
    "transnas_micro": {"cells": 1, "channels": 4},
}


def batch(count=4):
    return torch.randn(count, *SPEC.inputs, generator=torch.Generator().manual_seed(0))


def agree(supernet, architecture):
    subnet = supernet.extract(architecture).eval()
    with torch.no_grad():
        first, second = supernet(batch()), subnet(batch())
    return float((first - second).abs().max() / second.abs().max().clamp_min(1e-12)) < 1e-5


@pytest.mark.parametrize("family", FAMILIES)
def test_a_cell_computes_alone_what_it_computes_in_the_supernet(family):
    supernet = open_build(sa.catalog.get(family, **FAMILIES[family]), SPEC).eval()
    rng = random.Random(1)
    assert all(agree(supernet, supernet.space.sample(rng)) for _ in range(12))


@pytest.mark.parametrize("family", FAMILIES)
def test_a_step_of_training_reaches_what_the_cell_has_and_nothing_else(family):
    supernet = open_build(sa.catalog.get(family, **FAMILIES[family]), SPEC)
    architecture = supernet.space.sample(random.Random(3))
    supernet.activate(architecture)
    supernet(batch()).square().sum().backward()
    touched = sum(int((p.grad != 0).any()) for p in supernet.parameters() if p.grad is not None)
    assert 0 < touched <= len(list(supernet.extract(architecture).parameters()))


@pytest.mark.parametrize(
    ("family", "fixed"),
    [
        ("darts", {"normal.node_3.reads": (0, 2), "reduce.node_2.first": "skip_connect"}),
        ("nasnet", {"normal.node_2.left": 0, "reduce.node_4.right": 3}),
        ("nasbench1shot1", {"parents_4": (0, 1), "operation_2": "maxpool3x3"}),
    ],
)
def test_some_decisions_of_a_cell_can_be_fixed(family, fixed):
    supernet = open_build(sa.catalog.get(family, **FAMILIES[family]), SPEC, fixed=fixed).eval()
    rng = random.Random(2)
    for _ in range(4):
        drawn = supernet.space.sample(rng)
        architecture = sa.Architecture(drawn.space, {**drawn.decisions, **fixed})
        assert agree(supernet, architecture)


def test_an_edge_shares_its_weights_whichever_side_of_the_node_reads_it():
    supernet = open_build(sa.catalog.get("darts", cells=1, channels=4), SPEC)
    space = supernet.space
    base = dict(space.default().decisions)
    base |= {"reduce.node_3.first": "sep_conv_3x3", "reduce.node_3.second": "sep_conv_3x3"}
    low = sa.Architecture(space.digest, {**base, "reduce.node_3.reads": (1, 2)})
    high = sa.Architecture(space.digest, {**base, "reduce.node_3.reads": (0, 1)})

    def weights_of_edge(architecture, place):
        supernet.activate(architecture)
        cell = supernet.extract(architecture)[0].cells[0]
        at = [i for i, edge in enumerate(cell.wiring) if edge == (1, 3)][place]
        return next(cell.edges[at].parameters())

    assert torch.equal(weights_of_edge(low, 0), weights_of_edge(high, 0))


def test_plain_values_repeated_in_a_macro_space_are_refused_with_the_remedy():
    with pytest.raises(SpaceError, match="modules repeats plain values"):
        open_build(sa.catalog.get("transnas_macro"), SPEC)
