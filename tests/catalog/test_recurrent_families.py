"""Recurrent spaces: strings of ENAS, equal cells, sizes, supernets."""

import math
import random

import pytest
import torch

from searchitect import catalog
from searchitect.errors import EvaluationError, SpaceError
from searchitect.spaces import SearchSpace, TaskSpec
from searchitect.supernet import open_build

DIGITS = TaskSpec((1, 8, 8), 10)
SEQUENCE = TaskSpec((9, 4), 3, domain="sequence")
VECTOR = TaskSpec((11,), 1, "regression", "tabular")

PUBLISHED = "0 0 0 1 1 2 1 2 0 2 0 5 1 1 0 6 1 8 1 8 1 8 1"
"""The cell of Pham et al. 2018, figure 6, from the script of their code that trains it."""

AS_DARTS_QUOTES_IT = [
    *(("tanh", 0), ("tanh", 1), ("relu", 1), ("tanh", 3), ("tanh", 3), ("relu", 3)),
    *(("relu", 4), ("relu", 7), ("relu", 8), ("relu", 8), ("relu", 8)),
]
"""The same cell in `rnn/genotypes.py` of DARTS: what nodes 1 to 11 do, and which node they read; node 0 is tanh."""


def test_a_string_is_read_and_written_exactly():
    space = SearchSpace.of(catalog.get("enas_rnn"))
    architecture = space.read({"decisions": catalog.from_enas_string(PUBLISHED)})
    assert catalog.to_enas_string(architecture.decisions) == PUBLISHED
    rng = random.Random(0)
    for _ in range(20):
        sample = space.sample(rng)
        assert catalog.from_enas_string(catalog.to_enas_string(sample.decisions)) == dict(sample.decisions)


def test_the_published_cell_as_its_authors_and_as_darts_write_it_is_one():
    space = SearchSpace.of(catalog.get("enas_rnn"))
    names = ("tanh", "relu", "identity", "sigmoid")
    quoted = "0 " + " ".join(f"{read} {names.index(name)}" for name, read in AS_DARTS_QUOTES_IT)
    first, second = (space.read({"decisions": catalog.from_enas_string(text)}) for text in (PUBLISHED, quoted))
    assert first != second
    assert space.key(first) == space.key(second)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "expected an activation"),
        ("0 0", "expected an activation"),
        ("0 x 1", "expected an activation"),
        ("0 1 1", "node 1 can read nodes 0 to 0, got 1"),
        ("0 0 4", "activations are 0 to 3"),
        ("0 " * 900, "expected an activation"),
    ],
)
def test_a_string_that_is_no_cell_is_refused(text, words):
    with pytest.raises(SpaceError, match=words):
        catalog.from_enas_string(text)


@pytest.mark.parametrize("nodes", [1, 2, 4, 12])
def test_the_number_of_written_cells_is_that_of_the_procedure_in_the_paper(nodes):
    assert SearchSpace.of(catalog.get("enas_rnn", nodes=nodes)).size() == 4**nodes * math.factorial(nodes - 1)


def test_equal_trees_share_a_key_and_no_others_do():
    space = SearchSpace.of(catalog.get("enas_rnn", nodes=4))
    keys = {space.key(architecture) for architecture in space.enumerate()}
    # Rooted trees of four nodes in four colours: 4 · (chain 64 + chain with a fork at the end 40 + 64 + star 20).
    assert len(keys) == 4 * (64 + 40 + 64 + 20)


def test_equal_trees_compute_the_same_with_their_weights_exchanged():
    space = SearchSpace.of(catalog.get("enas_rnn", nodes=3, hidden=6))
    first, second = (
        space.build(space.read({"decisions": catalog.from_enas_string(text)}), DIGITS)
        for text in ("0 0 1 0 2", "0 0 2 0 1")
    )
    state = first.state_dict()
    one, two = "1.reading.0.body.weight", "1.reading.1.body.weight"
    state[one], state[two] = state[two], state[one]
    second.load_state_dict(state)
    x = torch.randn(2, 1, 8, 8)
    torch.testing.assert_close(first(x), second(x))


@pytest.mark.parametrize(("family", "parameters"), [("rnn", {}), ("enas_rnn", {"nodes": 5, "hidden": 8})])
@pytest.mark.parametrize("spec", [DIGITS, SEQUENCE, VECTOR], ids=["image", "sequence", "vector"])
def test_the_space_becomes_one_supernet(family, parameters, spec):
    supernet = open_build(catalog.get(family, **parameters), spec).eval()
    rng, x = random.Random(0), torch.randn(4, *spec.inputs)
    for _ in range(10):
        subnet = supernet.extract(supernet.space.sample(rng))
        with torch.no_grad():
            expected, got = subnet(x), supernet(x)
        assert float((got - expected).abs().max()) <= 1e-5 * float(expected.abs().max())


def test_a_cell_whose_decisions_are_all_weighted_trains_weights_of_every_pair():
    supernet = open_build(catalog.get("enas_rnn", nodes=4, hidden=6), DIGITS)
    logits = {
        d.path: torch.zeros(len(d.options), requires_grad=True)
        for d in supernet.space.decisions()
        if d.role != "training"
    }
    supernet.selection.weights.update({path: tensor.softmax(0) for path, tensor in logits.items()})
    supernet(torch.randn(3, 1, 8, 8)).square().sum().backward()
    assert all(float(tensor.grad.abs().sum()) > 0 for tensor in logits.values())
    assert all(p.grad is not None and float(p.grad.abs().sum()) > 0 for p in supernet.parameters())


@pytest.mark.parametrize("nodes", [0, 21])
def test_a_cell_of_too_few_or_too_many_nodes_is_refused(nodes):
    with pytest.raises(SpaceError, match="1 to 20 nodes"):
        catalog.get("enas_rnn", nodes=nodes)


@pytest.mark.parametrize("family", ["rnn", "enas_rnn"])
def test_what_is_no_sequence_is_refused_with_its_shape(family):
    space = SearchSpace.of(catalog.get(family))
    with pytest.raises(EvaluationError, match=r"got inputs of \(2, 3, 4, 5\)"):
        space.build(space.default(), TaskSpec((2, 3, 4, 5), 2))
    with pytest.raises(EvaluationError, match="2,000 places"):
        space.build(space.default(), TaskSpec((2000, 3), 2, domain="sequence"))
