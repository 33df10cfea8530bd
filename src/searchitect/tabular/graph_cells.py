"""Tables of small graphs, as in NAS-Bench-101: an adjacency matrix and a label for each vertex.

The space is the upper triangle of the largest matrix and a choice for each inner vertex. Vertices and edges that no
path from the input to the output uses mean nothing, and the order of vertices means little; hence the space has
`canonical`: every written graph that computes the same as a member of the table has that member's key.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from searchitect.errors import ConfigError, TaskError
from searchitect.spaces import Architecture
from searchitect.tabular.fields import PlainField
from searchitect.tabular.rows import Rows

__all__ = ["Graph", "canonical_by", "graph_fields", "graph_of", "invariant", "pruned"]

LARGEST = 32
"""Most vertices of a graph in a table."""

LABELS = "|"


@dataclass(frozen=True)
class Graph:
    """A directed graph without cycles: `edges` (i, j) have i < j; vertex 0 is the input, the last one the output.

    Attributes:
        labels: one for each inner vertex.
    """

    labels: tuple[Any, ...]
    edges: frozenset[tuple[int, int]]

    @property
    def last(self) -> int:
        return len(self.labels) + 1


def graph_fields(words: Mapping[str, Any], rows: Rows) -> list[PlainField]:
    """Return the fields of graphs in two columns: an adjacency matrix row by row, and labels joined by `|`.

    Raises:
        ConfigError: a column is not named.
        TaskError: a cell is no graph.
    """
    if not isinstance(words.get("adjacency"), str) or not isinstance(words.get("operations"), str):
        raise ConfigError("graph needs two columns", hint='graph = { adjacency = "matrix", operations = "labels" }')
    matrices, labels = rows.column(words["adjacency"]), rows.column(words["operations"])
    graphs = [
        _read(str(matrix), str(text), rows, row)
        for row, (matrix, text) in enumerate(zip(matrices, labels, strict=True))
    ]
    last = max(graph.last for graph in graphs)
    # The output is the last vertex of the space; a smaller graph leaves vertices before it without edges.
    moved = [frozenset((i, last if j == g.last else j) for i, j in g.edges) for g in graphs]
    spare = min(label for graph in graphs for label in graph.labels)
    fields = [
        PlainField(
            f"edge_{i}_{j}",
            f"edge_{i}_{j}",
            [(i, j) in edges for edges in moved],
            rows.label,
            {"options": [False, True]},
        )
        for j in range(1, last + 1)
        for i in range(j)
    ]
    options = sorted({label for graph in graphs for label in graph.labels})
    for v in range(1, last):
        cells = [graph.labels[v - 1] if v < graph.last else spare for graph in graphs]
        fields.append(PlainField(f"op_{v}", f"op_{v}", cells, rows.label, {"options": options}))
    return fields


def _read(matrix: str, text: str, rows: Rows, row: int) -> Graph:
    labels = text.split(LABELS)
    n = len(labels)
    if not 2 <= n <= LARGEST or len(matrix) != n * n or set(matrix) - {"0", "1"}:
        raise TaskError(
            f"row {rows.numbers[row]} of {rows.label} is no graph: {n} labels and a matrix of {len(matrix)} digits",
            hint="labels joined by |, and as many rows of as many digits 0 and 1, without separators",
        )
    edges = frozenset(divmod(place, n) for place, digit in enumerate(matrix) if digit == "1")
    if any(i >= j for i, j in edges):
        raise TaskError(f"row {rows.numbers[row]} of {rows.label}: an edge leads back; the matrix is upper triangular")
    return Graph(tuple(labels[1:-1]), edges)


def graph_of(values: Mapping[str, Any], last: int) -> Graph:
    """Return the graph that decisions write down."""
    edges = frozenset((i, j) for j in range(1, last + 1) for i in range(j) if values[f"edge_{i}_{j}"])
    return Graph(tuple(values[f"op_{v}"] for v in range(1, last)), edges)


def pruned(graph: Graph) -> Graph | None:
    """Return the graph without what lies on no path from input to output; None where there is no path."""
    forward, backward = {0}, {graph.last}
    for j in range(1, graph.last + 1):
        if any((i, j) in graph.edges for i in forward):
            forward.add(j)
    for i in range(graph.last - 1, -1, -1):
        if any((i, j) in graph.edges for j in backward):
            backward.add(i)
    kept = sorted(forward & backward)
    if 0 not in backward:
        return None
    place = {vertex: i for i, vertex in enumerate(kept)}
    edges = frozenset((place[i], place[j]) for i, j in graph.edges if i in place and j in place)
    return Graph(tuple(graph.labels[v - 1] for v in kept[1:-1]), edges)


def invariant(graph: Graph) -> int:
    """Return a number that does not depend on the order of vertices: neighbourhood hashes, refined as often as there
    are vertices (the scheme of NAS-Bench-101, Ying et al. 2019, without its text form)."""
    n = graph.last + 1
    before: Sequence[list[int]] = [[i for i in range(n) if (i, j) in graph.edges] for j in range(n)]
    after: Sequence[list[int]] = [[j for j in range(n) if (i, j) in graph.edges] for i in range(n)]
    names = ("in", *graph.labels, "out")
    codes = [hash((len(before[v]), len(after[v]), _number(str(names[v])))) for v in range(n)]
    for _ in range(n):
        codes = [
            hash((tuple(sorted(codes[i] for i in before[v])), tuple(sorted(codes[j] for j in after[v])), codes[v]))
            for v in range(n)
        ]
    return hash(tuple(sorted(codes)))


def _number(text: str) -> int:
    """Python's own hash of a text differs from process to process."""
    return int.from_bytes(text.encode()[:64], "big")


def canonical_by(members: Mapping[str, Architecture], last: int) -> Callable[[Architecture], Architecture]:
    """Return the function from a written graph to the member of the table that computes the same, or to itself.

    Args:
        members: by text.
    """
    found: dict[int, Architecture] = {}

    def number(architecture: Architecture) -> int:
        graph = pruned(graph_of(dict(architecture.items()), last))
        return 0 if graph is None else invariant(graph)

    def canonical(architecture: Architecture) -> Architecture:
        if architecture.text in members:
            return members[architecture.text]
        if not found:
            found.update((number(member), member) for member in members.values())
        return found.get(number(architecture), architecture)

    return canonical
