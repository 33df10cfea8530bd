"""The three cell spaces of NAS-Bench-1Shot1: parts of NAS-Bench-101 in which every node reads a fixed number of others.

Zela, Siems & Hutter, "NAS-Bench-1Shot1: benchmarking and dissecting one-shot neural architecture search", 2020. Written
architectures: 14,580, 29,160 and 1,312,200. The paper counts otherwise: leaving out the operations of nodes that no
node reads there are 6,240, 16,632 and 363,648; it prints 6,240, 29,160 and 363,648. A node that nothing reads is dead:
isomorphic cells, dead nodes aside, share a key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from searchitect.catalog.vertex_cells import VERTEX_OPERATIONS, graph_of, live, representative, vertex_network
from searchitect.errors import SpaceError
from searchitect.spaces import Architecture, TaskSpec, Value, choice, make_space, subset

if TYPE_CHECKING:
    from torch import nn

__all__ = ["PARENTS", "nasbench1shot1"]

PARENTS = {1: (0, 1, 2, 2, 2, 2), 2: (0, 1, 1, 2, 2, 3), 3: (0, 1, 1, 1, 2, 2, 2)}
"""For each search space how many nodes each node reads, from the input (none) to the output."""


def nasbench1shot1(*, part: int = 1, cells: int = 3, channels: int = 128) -> type[Any]:
    """Return one of the three spaces. `vertex_cells.to_vertex_strings` writes its cells as NAS-Bench-101 does.

    Args:
        part: 1, 2 or 3.
        cells: cells per stack.
        channels: of the stem and the first stack.
    """
    if part not in PARENTS:
        raise SpaceError(f"nasbench1shot1 has the parts 1, 2 and 3, got {part!r}")
    counts = PARENTS[part]
    vertices = len(counts)
    names = {j: f"parents_{'output' if j == vertices - 1 else j}" for j in range(1, vertices)}
    parents: dict[str, Any] = {name: subset(range(j), counts[j], counts[j]) for j, name in names.items()}
    inner: dict[str, Any] = {f"operation_{i}": choice(*VERTEX_OPERATIONS) for i in range(1, vertices - 1)}

    def canonical(architecture: Architecture) -> Architecture:
        """The same graph with its inner nodes in one agreed order; dead ones read the first nodes."""
        graph = live(*graph_of(architecture.decisions, vertices))
        (matrix, operations), places = representative(graph, vertices - 2, counts)
        node = [0, *places, vertices - 1]
        changed: dict[str, Value] = {name: tuple(range(counts[j])) for j, name in names.items()}
        changed |= dict.fromkeys(inner, VERTEX_OPERATIONS[0])
        changed |= {f"operation_{place}": name for place, name in zip(places, operations, strict=True)}
        for j in range(1, len(matrix)):
            changed[names[node[j]]] = tuple(node[i] for i in range(j) if matrix[i][j])
        return Architecture(architecture.space, {**architecture.decisions, **changed})

    def build(self: Any, task: TaskSpec) -> nn.Module:
        decisions = {name: getattr(self, name) for name in (*parents, *inner)}
        return vertex_network(decisions, vertices, task, "nasbench1shot1", cells, channels)

    methods = {"canonical": staticmethod(canonical), "build": build}
    return make_space(f"NASBench1Shot1Part{part}", parents | inner, methods, doc="A cell of NAS-Bench-1Shot1.")
