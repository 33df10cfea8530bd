"""DARTS and NASNet: published parameters, identity of cells, wiring."""

from __future__ import annotations

import itertools
import random

import pytest
import torch

from searchitect import catalog, hardware
from searchitect.catalog.chain_cells import CellPlan, chain_network, least_order
from searchitect.errors import SpaceError
from searchitect.spaces import SearchSpace, TaskSpec
from searchitect.supernet import open_build
from searchitect.testing.spaces import canonical_is_stable
from tests.catalog.test_darts_strings import DARTS_V2

CIFAR = TaskSpec((3, 32, 32), 10)
P_DARTS = (
    "Genotype(normal=[('skip_connect', 0), ('dil_conv_3x3', 1), ('skip_connect', 0), ('sep_conv_3x3', 1), "
    "('sep_conv_3x3', 1), ('sep_conv_3x3', 3), ('sep_conv_3x3', 0), ('dil_conv_5x5', 4)], normal_concat=range(2, 6), "
    "reduce=[('avg_pool_3x3', 0), ('sep_conv_5x5', 1), ('sep_conv_3x3', 0), ('dil_conv_5x5', 2), ('max_pool_3x3', 0), "
    "('dil_conv_3x3', 1), ('dil_conv_3x3', 1), ('dil_conv_5x5', 3)], reduce_concat=range(2, 6))"
)
# 3.349342 MB is what `train.py` of quark0/darts prints for DARTS_V2 (it leaves out the auxiliary head). For P-DARTS
# 3,433,798 without and 3,910,224 with that head were counted by a user of chenxin061/pdarts (issue 7).
PRINTED = [(DARTS_V2, 3_349_342), (P_DARTS, 3_433_798)]


@pytest.mark.parametrize(("text", "printed"), PRINTED, ids=["DARTS_V2", "P_DARTS"])
def test_published_cells_have_the_parameters_that_their_authors_print(text, printed):
    space = SearchSpace.of(catalog.get("darts"))
    with torch.device("meta"):
        model = space.build(space.read({"decisions": catalog.from_darts_string(text)}), CIFAR)
    assert hardware.count_parameters(model) == printed


def test_the_space_of_darts_has_its_known_size():
    assert SearchSpace.of(catalog.get("darts")).size() == (1 * 3 * 6 * 10 * 7**8) ** 2


@pytest.mark.parametrize(("family", "parameters"), [("darts", {}), ("nasnet", {}), ("nasnet", {"nodes": 2})])
def test_canonical_forms_are_stable_members_of_the_space(family, parameters):
    space, rng = SearchSpace.of(catalog.get(family, **parameters)), random.Random(0)
    for _ in range(20):
        architecture = space.sample(rng)
        assert space.contains(space.canonical(architecture))
        assert canonical_is_stable(space, architecture, rng)


def test_cells_whose_nodes_are_numbered_otherwise_share_a_key():
    space = SearchSpace.of(catalog.get("darts"))
    decisions = catalog.from_darts_string(DARTS_V2)
    # nodes 2 and 3 of the reducing cell change places, and whoever reads them follows
    swapped = dict(decisions)
    for field in ("first", "second"):
        swapped[f"normal.node_2.{field}"] = "max_pool_3x3"
    other = dict(swapped)
    for field in ("first", "second"):
        one, two = f"normal.node_2.{field}", f"normal.node_3.{field}"
        other[one], other[two] = swapped[two], swapped[one]
    other["normal.node_5.reads"] = (0, 3)
    keys = [space.key(space.read({"decisions": d})) for d in (decisions, swapped, other)]
    assert keys[0] != keys[1] == keys[2]


def test_the_order_of_nodes_is_the_least_of_all_that_lead_forward():
    cell = (((0, "b"), (1, "b")), ((0, "a"), (1, "a")), ((2, "a"), (3, "b")))
    assert least_order(cell) == (((0, "a"), (1, "a")), ((0, "b"), (1, "b")), ((2, "b"), (3, "a")))
    chain = (((0, "b"), (1, "b")), ((0, "a"), (2, "a")))
    assert least_order(chain) == chain  # the second reads the first: there is no other order


def test_isomorphic_cells_have_weights_of_the_same_shapes():
    first = (((0, "max_pool_3x3"), (1, "skip_connect")), ((0, "avg_pool_3x3"), (2, "skip_connect")))
    model, other = (
        chain_network((plan, plan), TaskSpec((1, 8, 8), 2), "darts", cells=3, channels=2)
        for plan in (CellPlan.of(nodes, (2, 3)) for nodes in (first, least_order(first)))
    )
    shapes = [sorted(tuple(p.shape) for p in m.parameters()) for m in (model, other)]
    assert shapes[0] == shapes[1]


def test_nothing_that_a_nasnet_cell_does_not_read_is_lost():
    # both nodes read the first input alone: the second is concatenated, which halves it first where the cell reduces
    nodes = (((0, "skip_connect"), (0, "max_pool_3x3")), ((0, "avg_pool_3x3"), (2, "skip_connect")))
    plan = CellPlan.of(nodes, (1, 3))
    model = chain_network((plan, plan), TaskSpec((3, 16, 16), 5), "nasnet", cells=3, channels=4)
    model(torch.randn(2, 3, 16, 16)).square().mean().backward()
    assert all(p.grad is not None for p in model.parameters())


def test_a_nasnet_has_one_to_six_nodes():
    for nodes in (0, 7):
        with pytest.raises(SpaceError, match="1 to 6 nodes"):
            catalog.get("nasnet", nodes=nodes)


@pytest.mark.parametrize(("cells", "reducing"), [(6, (2, 4)), (20, (6, 13)), (1, (0,))])
def test_cells_at_one_and_two_thirds_reduce(cells, reducing):
    space = SearchSpace.of(catalog.get("nasnet", layers=cells, nodes=1, filters=2))
    model = space.build(space.default(), CIFAR)
    sizes = [32]
    for cell in model[0].cells:
        cell.register_forward_hook(lambda m, i, out: sizes.append(out.shape[-1]))
    model(torch.randn(2, 3, 32, 32))
    assert tuple(i for i, (a, b) in enumerate(itertools.pairwise(sizes)) if b < a) == reducing


def test_a_nasnet_cell_can_keep_nodes_that_others_read():
    nodes = (((0, "skip_connect"), (1, "skip_connect")), ((1, "max_pool_3x3"), (2, "skip_connect")))
    decisions = {}
    for cell in ("normal", "reduce"):
        for number, ((left, first), (right, second)) in enumerate(nodes, 2):
            path = f"{cell}.node_{number}"
            decisions |= {f"{path}.left": left, f"{path}.left_operation": first}
            decisions |= {f"{path}.right": right, f"{path}.right_operation": second}
    ends = {}
    for keeps in ((), (0,), (0, 2)):
        space = SearchSpace.of(catalog.get("nasnet", layers=3, nodes=2, filters=4, normal_keeps=keeps))
        architecture = space.read({"decisions": decisions})
        model = space.build(architecture, CIFAR)
        ends[keeps] = model[0].cells[0](torch.randn(2, 12, 8, 8), torch.randn(2, 12, 8, 8)).shape[1] // 4
        model(torch.randn(2, 3, 32, 32)).sum().backward()
        assert all(p.grad is not None for p in model.parameters())
        assert canonical_is_stable(space, architecture, random.Random(0))
    assert ends == {(): 1, (0,): 2, (0, 2): 3}


def test_a_cell_of_enas_reads_the_one_before_through_two_units():
    spaces = [SearchSpace.of(catalog.get("nasnet", layers=3, nodes=2, filters=4, entry_units=n)) for n in (1, 2)]
    counts = [hardware.count_parameters(space.build(space.default(), CIFAR)) for space in spaces]
    # a 1×1 convolution and its norm more in each of the three cells, which have 4, 8 and 16 channels
    assert counts[1] - counts[0] == sum(c * c + 2 * c for c in (4, 8, 16))


@pytest.mark.parametrize("words", [{"normal_keeps": (4,)}, {"reduce_keeps": (-1,)}, {"entry_units": 0}])
def test_nodes_that_a_nasnet_cell_does_not_have_cannot_be_kept(words):
    with pytest.raises(SpaceError, match=r"keeps nodes 0 to 3[\s\S]*at least 1"):
        catalog.get("nasnet", nodes=2, **words)


def test_a_nasnet_that_keeps_nodes_becomes_one_supernet():
    words = {"layers": 3, "nodes": 2, "filters": 4, "operations": ("skip_connect", "conv_7x1_1x7")}
    space = catalog.get("nasnet", **words, normal_keeps=(0, 2), reduce_keeps=(3,), entry_units=2)
    supernet = open_build(space, TaskSpec((1, 8, 8), 3)).eval()
    rng, x = random.Random(0), torch.randn(2, 1, 8, 8)
    for _ in range(5):
        architecture = supernet.space.sample(rng)
        with torch.no_grad():
            assert torch.allclose(supernet.extract(architecture).eval()(x), supernet(x), rtol=1e-5, atol=1e-6)
