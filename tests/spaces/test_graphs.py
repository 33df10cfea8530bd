"""Cells as graphs: published sizes, and keys that only structure decides."""

from __future__ import annotations

import random
from itertools import permutations, product

import pytest

from searchitect.errors import SpaceError
from searchitect.spaces.graphs import adjacency_encoding, edges_as_nodes, graph_key, path_encoding, paths, pruned

OPERATIONS = ("conv1x1", "conv3x3", "maxpool")
CHAIN = [[0, 1, 0, 1], [0, 0, 1, 0], [0, 0, 0, 1], [0, 0, 0, 0]]
NAMES = ["input", "conv3x3", "maxpool", "output"]


def test_adjacency_encoding_is_edges_then_operations() -> None:
    assert adjacency_encoding(CHAIN, NAMES, OPERATIONS).tolist() == [1, 0, 1, 1, 0, 1, 0, 1, 0, 0, 0, 1]


def test_paths_are_the_operations_on_every_way() -> None:
    assert paths(CHAIN, NAMES) == {(), ("conv3x3", "maxpool")}


def test_path_encoding_has_364_bits_for_nas_bench_101() -> None:
    matrix = [[int(j == i + 1) for j in range(7)] for i in range(7)]
    vector = path_encoding(matrix, ["input", *["conv1x1"] * 5, "output"], OPERATIONS)
    assert vector.shape == (364,)
    # The all-first-operation path is the first of its length: 1 + 3 + 9 + 27 + 81.
    assert vector.nonzero()[0].tolist() == [121]


def test_path_encoding_gives_every_path_its_own_bit_short_ones_first() -> None:
    vector = path_encoding(CHAIN, NAMES, OPERATIONS)
    assert vector.nonzero()[0].tolist() == [0, 2 + 3 * 3]
    assert path_encoding(CHAIN, NAMES, OPERATIONS, length=10).nonzero()[0].tolist() == [0]
    line = [[int(j == i + 1) for j in range(4)] for i in range(4)]
    bits = {
        int(path_encoding(line, ["i", *pair, "o"], OPERATIONS).nonzero()[0][0])
        for pair in product(OPERATIONS, repeat=2)
    }
    assert bits == set(range(4, 13))


def test_dead_nodes_are_removed_and_change_no_key() -> None:
    matrix = [[0, 1, 1, 0], [0, 0, 0, 1], [0, 0, 0, 0], [0, 0, 0, 0]]
    assert pruned(matrix, NAMES) == ([[0, 1, 0], [0, 0, 1], [0, 0, 0]], ["input", "conv3x3", "output"])
    assert graph_key(matrix, NAMES) == graph_key([[0, 1, 0], [0, 0, 1], [0, 0, 0]], ["", "conv3x3", ""])


def test_the_key_is_equal_exactly_for_isomorphic_graphs() -> None:
    """All graphs of four nodes and two operations, against trying every renumbering of the inner nodes."""

    def form(matrix: list[list[int]], names: list[str]) -> object:
        matrix, names = pruned(matrix, names)
        n = len(matrix)
        renumbered = [[0, *inner, n - 1] for inner in permutations(range(1, n - 1))]
        shapes = []
        for order in renumbered:
            edges = tuple(matrix[i][j] for i in order for j in order)
            shapes.append((edges, tuple(names[i] for i in order[1:-1])))
        return min(shapes)

    keys: dict[object, set[str]] = {}
    for bits in product((0, 1), repeat=6):
        slots = iter(bits)
        matrix = [[next(slots) if j > i else 0 for j in range(4)] for i in range(4)]
        for inner in product("ab", repeat=2):
            names = ["input", *inner, "output"]
            keys.setdefault(form(matrix, names), set()).add(graph_key(matrix, names))
    assert all(len(same) == 1 for same in keys.values())
    assert len({next(iter(same)) for same in keys.values()}) == len(keys)


def test_operations_on_edges_become_nodes() -> None:
    edges = {(0, 1): "conv", (0, 2): "skip", (1, 2): "pool"}
    matrix, names = edges_as_nodes(edges, nodes=3)
    assert names == ["input", "conv", "skip", "pool", "output"]
    assert paths(matrix, names) == {("skip",), ("conv", "pool")}
    dead = {(0, 1): "conv", (0, 2): "skip"}
    assert paths(*edges_as_nodes(dead, nodes=3)) == {("skip",)}
    with pytest.raises(SpaceError, match="does not lead forward"):
        edges_as_nodes({(2, 1): "conv"}, nodes=3)


def test_nas_bench_201_paths_fit_in_156_bits() -> None:
    vocabulary = ("skip", "conv1", "conv3", "pool")
    rng = random.Random(0)
    every = [(i, j) for j in range(4) for i in range(j)]
    for _ in range(20):
        matrix, names = edges_as_nodes({edge: rng.choice(vocabulary) for edge in every}, nodes=4)
        vector = path_encoding(matrix, names, vocabulary, length=1 + 4 + 16 + 64)
        assert vector.sum() == len(paths(matrix, names))


@pytest.mark.parametrize(
    ("matrix", "names", "reason"),
    [
        ([[0, 1]], ["a", "b"], "square"),
        ([[0, 0], [1, 0]], ["a", "b"], "above the diagonal"),
        ([[0, 2], [0, 0]], ["a", "b"], "0 or 1"),
        ([[0, 1], [0, 0]], ["a"], "one operation per node"),
        (CHAIN, ["i", "conv3x4", "maxpool", "o"], "did you mean 'conv3x3'"),
    ],
)
def test_what_is_no_graph_is_refused(matrix: list[list[int]], names: list[str], reason: str) -> None:
    with pytest.raises(SpaceError, match=reason):
        adjacency_encoding(matrix, names, OPERATIONS)


def test_a_path_encoding_that_fits_nowhere_is_refused() -> None:
    matrix = [[0] * 30 for _ in range(30)]
    with pytest.raises(SpaceError, match=r"(?s)too long.*length="):
        path_encoding(matrix, ["conv1x1"] * 30, OPERATIONS)
