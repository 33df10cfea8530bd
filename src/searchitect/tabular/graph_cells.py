"""Tables of small graphs, as in NAS-Bench-101: an adjacency matrix and a label for each vertex.

The space is the upper triangle of the largest matrix and a choice for each inner vertex. Vertices and edges that no
path from the input to the output uses mean nothing, and the order of vertices means little; hence the space has
`canonical`: every written graph that computes the same as a member of the table has that member's key.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from searchitect.errors import ConfigError, TaskError
from searchitect.spaces import Architecture
from searchitect.spaces.graphs import graph_key
from searchitect.tabular.fields import PlainField
from searchitect.tabular.rows import Rows

__all__ = ["Graph", "canonical_by", "graph_fields", "graph_of"]

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

    def written(self) -> tuple[list[list[int]], list[str]]:
        """The matrix and the names of all vertices, in the form of `spaces.graphs`."""
        vertices = range(self.last + 1)
        matrix = [[int((i, j) in self.edges) for j in vertices] for i in vertices]
        return matrix, ["input", *map(str, self.labels), "output"]


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
            rows.spot,
            {"options": [False, True]},
        )
        for j in range(1, last + 1)
        for i in range(j)
    ]
    options = sorted({label for graph in graphs for label in graph.labels})
    for v in range(1, last):
        cells = [graph.labels[v - 1] if v < graph.last else spare for graph in graphs]
        fields.append(PlainField(f"op_{v}", f"op_{v}", cells, rows.label, rows.spot, {"options": options}))
    return fields


def _read(matrix: str, text: str, rows: Rows, row: int) -> Graph:
    labels = text.split(LABELS)
    n = len(labels)
    if not 2 <= n <= LARGEST or len(matrix) != n * n or set(matrix) - {"0", "1"}:
        raise TaskError(
            f"{rows.spot(row)} is no graph: {n} labels and a matrix of {len(matrix)} digits",
            hint="labels joined by |, and as many rows of as many digits 0 and 1, without separators",
        )
    edges = frozenset(divmod(place, n) for place, digit in enumerate(matrix) if digit == "1")
    if any(i >= j for i, j in edges):
        raise TaskError(f"{rows.spot(row)}: an edge leads back; the matrix is upper triangular")
    return Graph(tuple(labels[1:-1]), edges)


def graph_of(values: Mapping[str, Any], last: int) -> Graph:
    """Return the graph that decisions write down."""
    edges = frozenset((i, j) for j in range(1, last + 1) for i in range(j) if values[f"edge_{i}_{j}"])
    return Graph(tuple(values[f"op_{v}"] for v in range(1, last)), edges)


def canonical_by(members: Mapping[str, Architecture], last: int) -> Callable[[Architecture], Architecture]:
    """Return the function from a written graph to the member of the table that computes the same, or to itself.

    Args:
        members: by text.
    """
    found: dict[str, Architecture] = {}

    def key(architecture: Architecture) -> str:
        return graph_key(*graph_of(architecture.decisions, last).written())

    def canonical(architecture: Architecture) -> Architecture:
        if architecture.text in members:
            return members[architecture.text]
        if not found:
            found.update((key(member), member) for member in members.values())
        return found.get(key(architecture), architecture)

    return canonical
