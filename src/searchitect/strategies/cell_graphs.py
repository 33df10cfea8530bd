"""Which spaces are spaces of graphs, and the graph of an architecture, in the form of `searchitect.spaces.graphs`.

A class says so by a method `graph(self)` that returns an adjacency matrix and the operations of all nodes. Without it
a space is recognised by the names that catalogue and tables share: `edge_I_J` with operations as options (cells of
NAS-Bench-201, "none" is no edge), or `edge_I_J` yes or no with `operation_V` or `op_V` (cells of NAS-Bench-101).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from searchitect.spaces.architecture import Architecture
from searchitect.spaces.graphs import edges_as_nodes
from searchitect.spaces.search_space import SearchSpace

__all__ = ["CellGraph", "graph_reader"]

CellGraph = tuple[list[list[int]], list[str]]

_EDGE = re.compile(r"(?:.*_)?edge_(\d+)_(\d+)")
_OPERATION = re.compile(r"(?:op|operation)_(\d+)")


def graph_reader(space: SearchSpace) -> Callable[[Architecture], CellGraph] | None:
    """Return the function from architectures to their graphs, or None where the space shows none."""
    if callable(getattr(space.source, "graph", None)):
        return lambda architecture: _listed(*space.instance(architecture).graph())
    edges: dict[tuple[int, int], str] = {}
    labels: dict[int, str] = {}
    bits = True
    for decision in space.decisions():
        edge, label = _EDGE.fullmatch(decision.path), _OPERATION.fullmatch(decision.path)
        if edge is not None and decision.options is not None:
            edges[int(edge[1]), int(edge[2])] = decision.path
            bits = bits and set(decision.options) <= {0, 1}
        elif label is not None and decision.options is not None:
            labels[int(label[1])] = decision.path
        elif decision.role != "training":
            return None
    if not edges or any(not 0 <= i < j for i, j in edges):
        return None
    nodes = 1 + max(j for _, j in edges)
    if bits and sorted(labels) == list(range(1, nodes - 1)):
        return lambda architecture: _of_vertices(architecture, edges, labels, nodes)
    return None if bits or labels else lambda architecture: _of_edges(architecture, edges, nodes)


def _listed(matrix: list[list[int]], operations: list[str]) -> CellGraph:
    return [list(row) for row in matrix], list(operations)


def _of_vertices(
    architecture: Architecture, edges: Mapping[tuple[int, int], str], labels: Mapping[int, str], nodes: int
) -> CellGraph:
    matrix = [[0] * nodes for _ in range(nodes)]
    for (i, j), path in edges.items():
        matrix[i][j] = int(bool(architecture[path]))
    return matrix, ["input", *(str(architecture[labels[node]]) for node in range(1, nodes - 1)), "output"]


def _of_edges(architecture: Architecture, edges: Mapping[tuple[int, int], str], nodes: int) -> CellGraph:
    named = {edge: str(architecture[path]) for edge, path in edges.items()}
    return edges_as_nodes({edge: name for edge, name in named.items() if name != "none"}, nodes)
