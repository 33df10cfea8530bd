"""The recurrent cell that is a tree of nodes: ENAS, DARTS."""

import itertools

import pytest
import torch
from torch import nn

import searchitect as sa
from searchitect.errors import SpaceError
from searchitect.nn import recurrent_cell
from searchitect.supernet import open_build
from tests.nn.opened import opened

SEQUENCE = sa.TaskSpec((4, 5), 2, domain="sequence")
READS = {"r2": ("node_0", "node_1"), "r3": ("node_0", "node_1", "node_2")}
ACTIVATIONS = {f"a{node}": ("tanh", "relu") for node in range(4)}


def batch(count=3, seed=0):
    return torch.randn(count, *SEQUENCE.inputs, generator=torch.Generator().manual_seed(seed))


def cell_of(s, hidden=6):
    return recurrent_cell(5, hidden, [s.a0, s.a1, s.a2, s.a3], ["node_0", s.r2, s.r3])


def test_a_cell_computes_the_equations_of_the_paper():
    cell = recurrent_cell(5, 3, ["tanh", "relu", "sigmoid"], ["node_0", "node_0"])
    x, state = batch(), torch.zeros(3, 3)
    for t in range(4):
        c, h = (x[:, t] @ cell.given.weight.T + state @ cell.before.weight.T).chunk(2, 1)
        first = c.sigmoid() * h.tanh() + (1 - c.sigmoid()) * state
        leaves = []
        for node, f in ((0, torch.relu), (1, torch.sigmoid)):
            c, h = (first @ cell.reading[node].body.weight.T).chunk(2, 1)
            leaves.append(c.sigmoid() * f(h) + (1 - c.sigmoid()) * first)
        state = (leaves[0] + leaves[1]) / 2  # node 0 is read, so it is no part of the state
        torch.testing.assert_close(cell(x)[:, t], state)


def test_the_state_is_the_mean_of_what_no_node_reads_or_of_all_later_nodes():
    loose = recurrent_cell(5, 3, ["tanh"] * 4, ["node_0", "node_1", "node_1"])
    later = recurrent_cell(5, 3, ["tanh"] * 4, ["node_0", "node_1", "node_1"], result="later")
    assert loose.shares() == [0.0, 0.0, 1.0, 1.0]
    assert later.shares() == [0.0, 1.0, 1.0, 1.0]


def test_the_recurrent_cell_of_darts_has_the_parameters_of_its_paper():
    # Liu et al. 2019, table 4: 23 M on Penn Treebank, with tied embeddings of 10,000 words and 850 values.
    cell = recurrent_cell(850, 850, ["relu"] * 9, ["node_0"] * 8, result="later")
    count = sum(p.numel() for p in cell.parameters())
    assert count == 14_450_000
    assert round((count + 10_000 * 850 + 10_000) / 1e6) == 23


def test_an_open_cell_is_the_plain_one_with_copied_weights():
    space = opened(lambda s, task: cell_of(s, s.hidden), **ACTIVATIONS, **READS, hidden=(3, 6))
    supernet = open_build(space, SEQUENCE).double().eval()
    for architecture in itertools.islice(supernet.space.enumerate(), 0, None, 7):
        plain = supernet.extract(architecture).double().eval()
        with torch.no_grad():
            expected, got = plain(batch().double()), supernet(batch().double())
        assert float((got - expected).abs().max()) <= 1e-6 * float(expected.abs().max())


def test_every_pair_of_nodes_has_weights_of_its_own():
    supernet = open_build(opened(lambda s, task: cell_of(s), **ACTIVATIONS, **READS), SEQUENCE)
    maps = [m for m in supernet.modules() if isinstance(m, nn.Linear)]
    assert len(maps) == 2 + 1 + 2 + 3


def test_weighted_reads_agree_with_decided_ones_where_the_weights_are_certain():
    supernet = open_build(opened(lambda s, task: cell_of(s), **ACTIVATIONS, **READS), SEQUENCE).eval()
    for reads in itertools.product(*READS.values()):
        decisions = dict.fromkeys(ACTIVATIONS, "relu") | dict(zip(READS, reads, strict=True))
        supernet.activate(supernet.space.read({"decisions": decisions}))
        expected = supernet(batch())
        for path, options in (ACTIVATIONS | READS).items():
            certain = torch.tensor([float(option == decisions[path]) for option in options])
            supernet.selection.weights[path] = certain
        torch.testing.assert_close(supernet(batch()), expected)


def test_a_node_counts_with_the_probability_that_none_reads_it():
    supernet = open_build(opened(lambda s, task: cell_of(s), **ACTIVATIONS, **READS), SEQUENCE)
    supernet.selection.weights.update({"r2": torch.tensor([0.25, 0.75]), "r3": torch.tensor([0.5, 0.3, 0.2])})
    shares = [float(share) for share in supernet.body.shares()]
    assert shares == pytest.approx([0.0, 0.25 * 0.7, 0.8, 1.0])


@pytest.mark.parametrize(
    ("activations", "reads", "words"),
    [
        ([], [], "one activation for each node"),
        (["tanh", "tanh"], [], "got 2 and 0"),
        (["tanh", "tanh"], ["node_1"], "node 1 cannot read 'node_1'\n.*node_0"),
        (["tan"], [], "did you mean 'tanh'"),
    ],
)
def test_what_makes_no_cell_is_refused(activations, reads, words):
    with pytest.raises(SpaceError, match=words):
        recurrent_cell(5, 3, activations, reads)
