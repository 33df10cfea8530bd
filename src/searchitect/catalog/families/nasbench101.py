"""The cell space of NAS-Bench-101: any small graph, operations in its nodes.

Ying, Klein, Real, Christiansen, Murphy & Hutter, "NAS-Bench-101: towards reproducible neural architecture search",
2019. At most 7 nodes, input and output included, at most 9 edges, three operations: 423,624 cells up to isomorphism,
which share a key. A bit for each possible edge and an operation for each inner node; nodes on no way from input to
output are dead, and neither they nor their edges count. Parameters agree with the published ones.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from searchitect.catalog.vertex_cells import VERTEX_OPERATIONS, graph_of, live, representative, vertex_network
from searchitect.errors import SpaceError
from searchitect.spaces import Architecture, TaskSpec, choice, constraint, make_space

if TYPE_CHECKING:
    from torch import nn

__all__ = ["nasbench101"]


def nasbench101(*, vertices: int = 7, edges: int = 9, cells: int = 3, channels: int = 128) -> type[Any]:
    """Return the space of NAS-Bench-101 cells. Conversions: `vertex_cells.from_vertex_strings`, `module_hash`.

    The size cannot be counted for more than 6 vertices (the condition ties too many bits together).

    Args:
        vertices: most nodes of a cell, input and output included.
        edges: most edges of a cell, dead ones not counted.
        cells: cells per stack.
        channels: of the stem and the first stack.
    """
    if not 3 <= vertices <= 7 or edges < 3:
        raise SpaceError(f"nasbench101 has 3 to 7 vertices and at least 3 edges, got {vertices} and {edges}")
    pairs = list(itertools.combinations(range(vertices), 2))
    chain = {(0, 1), (1, 2), (min(2, vertices - 2), vertices - 1), (0, vertices - 1)}  # the default
    bits = {f"edge_{i}_{j}": choice(*((1, 0) if (i, j) in chain else (0, 1))) for i, j in pairs}
    inner = {f"operation_{i}": choice(*VERTEX_OPERATIONS) for i in range(1, vertices - 1)}

    @constraint(*bits)
    def connected(self: Any) -> bool:
        decisions = {name: getattr(self, name) for name in bits} | dict.fromkeys(inner, VERTEX_OPERATIONS[0])
        matrix, _ = live(*graph_of(decisions, vertices))
        return 0 < sum(map(sum, matrix)) <= edges

    connected.__doc__ = f"the output can be reached, by a cell of at most {edges} edges"

    def canonical(architecture: Architecture) -> Architecture:
        """The same graph with its inner nodes in one agreed order, dead ones last and without edges."""
        graph = live(*graph_of(architecture.decisions, vertices))
        (matrix, names), _ = representative(graph, len(graph[1]))
        node = [*range(len(matrix) - 1), vertices - 1]
        on = {(node[i], node[j]) for i, row in enumerate(matrix) for j, bit in enumerate(row) if bit}
        filled = [*names, *[VERTEX_OPERATIONS[0]] * (len(inner) - len(names))]
        changed = {f"edge_{i}_{j}": int((i, j) in on) for i, j in pairs} | dict(zip(inner, filled, strict=True))
        return Architecture(architecture.space, {**architecture.decisions, **changed})

    def build(self: Any, task: TaskSpec) -> nn.Module:
        decisions = {name: getattr(self, name) for name in (*bits, *inner)}
        return vertex_network(decisions, vertices, task, "nasbench101", cells, channels)

    methods = {"connected": connected, "canonical": staticmethod(canonical), "build": build}
    return make_space("NASBench101", bits | inner, methods, doc="A cell of NAS-Bench-101.")
