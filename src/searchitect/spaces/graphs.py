"""Cells as graphs: adjacency and path encodings, removal of dead nodes, a key that isomorphic graphs share.

A graph is an upper-triangular adjacency matrix over n nodes and n operation names. Node 0 is the input, node n - 1 the
output, `matrix[i][j]` is 1 where i feeds j. The names of input and output are of no account. This is the form of
NAS-Bench-101 (Ying et al. 2019); spaces with operations on edges (NAS-Bench-201, DARTS) come to it by `edges_as_nodes`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from searchitect.errors import SpaceError, did_you_mean

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Vector = npt.NDArray[np.float64]

__all__ = ["adjacency_encoding", "edges_as_nodes", "graph_key", "path_encoding", "paths", "pruned"]

Matrix = Sequence[Sequence[int]]

MAX_PATH_COLUMNS = 2_000_000
"""Longest path encoding; give `length` to cut it off."""


def adjacency_encoding(matrix: Matrix, operations: Sequence[str], vocabulary: Sequence[str]) -> Vector:
    """Return n(n-1)/2 edge bits, row by row above the diagonal, then one-hot operations of the n - 2 inner nodes.

    Raises:
        SpaceError: the matrix is not square, 0/1 and upper-triangular, or an operation is not in the vocabulary.
    """
    import numpy as np

    _check(matrix, operations, vocabulary)
    nodes = len(matrix)
    edges = [float(matrix[i][j]) for i in range(nodes) for j in range(i + 1, nodes)]
    labels = [float(operation == name) for operation in operations[1:-1] for name in vocabulary]
    return np.array(edges + labels)


def paths(matrix: Matrix, operations: Sequence[str]) -> frozenset[tuple[str, ...]]:
    """Return the operations met on each way from input to output; a direct edge is the empty way."""
    _check(matrix, operations, None)
    nodes = len(matrix)
    from_node: dict[int, set[tuple[str, ...]]] = {nodes - 1: {()}}
    for node in range(nodes - 2, -1, -1):
        own = () if node == 0 else (operations[node],)
        onward = (j for j in range(node + 1, nodes) if matrix[node][j])
        from_node[node] = {own + rest for j in onward for rest in from_node[j]}
    return frozenset(from_node[0])


def path_encoding(
    matrix: Matrix, operations: Sequence[str], vocabulary: Sequence[str], length: int | None = None
) -> Vector:
    """Return one bit per possible path, short paths first (White et al. 2021, BANANAS).

    With q operations and at most n - 2 inner nodes there are sum(q^i, i = 0..n-2) paths (364 for NAS-Bench-101). The
    path of operations m_0, m_1, … has the place sum(q^i (m_i + 1)), as in the authors' code.

    Args:
        length: keep the first so many bits; a few dozen lose little.

    Raises:
        SpaceError: as for `adjacency_encoding`, or there are more than two million paths and no `length`.
    """
    import numpy as np

    _check(matrix, operations, vocabulary)
    base = len(vocabulary)
    columns = sum(base**i for i in range(len(matrix) - 1)) if length is None else length
    if columns > MAX_PATH_COLUMNS:
        raise SpaceError(f"a path encoding of {columns:,} bits is too long", hint="cut it off with length=…")
    places = {name: place + 1 for place, name in enumerate(vocabulary)}
    vector = np.zeros(columns)
    for path in paths(matrix, operations):
        place = sum(base**i * places[operation] for i, operation in enumerate(path))
        if place < columns:
            vector[place] = 1.0
    return vector


def pruned(matrix: Matrix, operations: Sequence[str]) -> tuple[list[list[int]], list[str]]:
    """Return the graph without the nodes that lie on no way from input to output (input and output stay)."""
    _check(matrix, operations, None)
    nodes = len(matrix)
    forward, backward = {0}, {nodes - 1}
    for j in range(1, nodes):
        if any(matrix[i][j] and i in forward for i in range(j)):
            forward.add(j)
    for i in range(nodes - 2, -1, -1):
        if any(matrix[i][j] and j in backward for j in range(i + 1, nodes)):
            backward.add(i)
    kept = [i for i in range(nodes) if (i in forward and i in backward) or i in (0, nodes - 1)]
    return [[int(matrix[i][j]) for j in kept] for i in kept], [operations[i] for i in kept]


def graph_key(matrix: Matrix, operations: Sequence[str]) -> str:
    """Return 32 hexadecimal characters that isomorphic graphs share, dead nodes aside.

    Each node's label is refined n times by those of the nodes that feed it and that it feeds, as in the hash of
    NAS-Bench-101. Useful in the `canonical` of a space of cells.
    """
    matrix, operations = pruned(matrix, operations)
    nodes = range(len(matrix))
    ends = {0: "input", len(matrix) - 1: "output"}
    labels = [_hash(f"{ends.get(i, 'node')}:{'' if i in ends else operations[i]}") for i in nodes]
    for _ in nodes:
        labels = [
            _hash(
                labels[i]
                + "<" + "".join(sorted(labels[j] for j in nodes if matrix[j][i]))
                + ">" + "".join(sorted(labels[j] for j in nodes if matrix[i][j]))
            )
            for i in nodes
        ]  # fmt: skip
    return _hash("".join(sorted(labels)))


def edges_as_nodes(edges: Mapping[tuple[int, int], str], nodes: int) -> tuple[list[list[int]], list[str]]:
    """Turn a cell with operations on its edges into the form of this module: every edge becomes a node.

    Args:
        edges: (from, to) to operation, from < to; leave out the edges that carry nothing ("none").
        nodes: number of nodes of the cell; 0 is its input, the last its output.

    Raises:
        SpaceError: an edge leaves the cell or leads backwards.
    """
    for i, j in edges:
        if not 0 <= i < j < nodes:
            raise SpaceError(f"the edge {i} -> {j} does not lead forward in a cell of {nodes} nodes")
    ordered = sorted(edges)
    ends = [(-1, 0), *ordered, (nodes - 1, nodes)]
    matrix = [[int(place < other and a[1] == b[0]) for other, b in enumerate(ends)] for place, a in enumerate(ends)]
    return matrix, ["input", *(edges[edge] for edge in ordered), "output"]


def _check(matrix: Matrix, operations: Sequence[str], vocabulary: Sequence[str] | None) -> None:
    nodes = len(matrix)
    if nodes < 2 or any(len(row) != nodes for row in matrix):
        raise SpaceError(f"expected a square adjacency matrix of at least 2 nodes, got rows {[len(r) for r in matrix]}")
    if any(matrix[i][j] not in ((0, 1) if j > i else (0,)) for i in range(nodes) for j in range(nodes)):
        raise SpaceError("expected 0 or 1 above the diagonal of the adjacency matrix and 0 elsewhere")
    if len(operations) != nodes:
        raise SpaceError(
            f"expected one operation per node ({nodes}), got {len(operations)}",
            hint='name input and output too: ["input", …, "output"]',
        )
    for operation in operations[1:-1] if vocabulary is not None else ():
        if operation not in (vocabulary or ()):
            raise SpaceError(
                f"the operation {operation!r} is not in the vocabulary", hint=did_you_mean(operation, vocabulary or ())
            )


def _hash(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
