"""The cells of DARTS as gradient search relaxes them: every node reads all earlier ones, each edge has an operation.

Liu, Simonyan & Yang, "DARTS: differentiable architecture search", 2019, section 2.1: fourteen edges with one of eight
operations in each of two cells. What a search found here becomes an architecture of `darts` by keeping the two
strongest edges of each node (section 2.4): `darts_from_edges`. The network is that of the search, of 8 cells.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from searchitect.catalog.chain_cells import CellPlan, Read, chain_network
from searchitect.catalog.darts_strings import DARTS_CELLS, DARTS_NODES, DARTS_OPERATIONS
from searchitect.catalog.registry import get
from searchitect.errors import SpaceError
from searchitect.spaces import Architecture, SearchSpace, TaskSpec, Value, choice, make_space, nested, space

if TYPE_CHECKING:
    from torch import nn

__all__ = ["darts_edges", "darts_from_edges"]

NOTHING = "none"
FEWEST_CELLS = 3
EDGES = tuple((source, target) for target in DARTS_NODES for source in range(target))


def darts_edges(
    *,
    operations: Sequence[str] = DARTS_OPERATIONS,
    cells: int = 8,
    channels: int = 16,
) -> type[Any]:
    """Return the space of DARTS cells with all their edges. Conversion: `darts_from_edges`.

    Args:
        operations: of an edge, keys of `nn.CELL_OPERATIONS`.
        cells: in the whole network, at least 3; those at one and two thirds reduce.
        channels: of a node in the first cells.

    Raises:
        SpaceError: so few cells that none is a normal one, whose edges would be decided for nothing.
    """
    if cells < FEWEST_CELLS:
        raise SpaceError(
            f"darts_edges has at least {FEWEST_CELLS} cells, got cells={cells}: "
            "those at one and two thirds reduce, so no normal cell would remain to search",
            hint=f"darts_edges(cells={FEWEST_CELLS})",
        )
    fields: dict[str, Any] = {_name(edge): choice(*operations) for edge in EDGES}
    Cell = make_space("Cell", fields, doc="Four nodes, fourteen edges.")  # noqa: N806

    @space
    class DARTSEdges:
        normal: Any = nested(Cell)
        reduce: Any = nested(Cell)

        def build(self, task: TaskSpec) -> nn.Module:
            normal, reduce = (_plan(cell) for cell in (self.normal, self.reduce))
            return chain_network((normal, reduce), task, "darts_edges", cells=cells, channels=channels)

    return DARTSEdges


def darts_from_edges(
    architecture: Architecture | Mapping[str, Value],
    strengths: Mapping[str, float],
    *,
    target: type[Any] | SearchSpace | None = None,
) -> Architecture:
    """Return the architecture of `darts` that keeps the two strongest edges of each node.

    Args:
        architecture: of `darts_edges`.
        strengths: path of each edge to how much it counts, as `SearchRun.strengths` tells; "none" never counts.
        target: the space of the result; None takes `darts()` as it is.

    Raises:
        SpaceError: a node has fewer than two edges with an operation, or the target lacks an operation.
    """
    chosen: dict[str, Value] = {}
    for cell in DARTS_CELLS:
        for node in DARTS_NODES:
            paths = {source: f"{cell}.{_name((source, node))}" for source in range(node)}
            real = [source for source, path in paths.items() if architecture[path] != NOTHING]
            if len(real) < 2:
                raise SpaceError(
                    f"{cell}, node {node}: two edges with an operation are needed, {len(real)} has one",
                    hint="let a gradient search choose: its selections take 'none' for no edge",
                )
            low, high = sorted(sorted(real, key=lambda source: -strengths[paths[source]])[:2])
            where = f"{cell}.node_{node}"
            chosen |= {f"{where}.reads": (low, high)}
            chosen |= {f"{where}.first": architecture[paths[low]], f"{where}.second": architecture[paths[high]]}
    found = SearchSpace.of(get("darts") if target is None else target)
    result = found.decide(lambda path, decision: chosen[path])
    if not found.contains(result):
        raise SpaceError("; ".join(found.violations(result)))
    return result


def _name(edge: tuple[int, int]) -> str:
    return f"edge_{edge[0]}_{edge[1]}"


def _plan(cell: Any) -> CellPlan:
    nodes = tuple(
        tuple(Read(source, getattr(cell, _name((source, target)))) for source in range(target))
        for target in DARTS_NODES
    )
    return CellPlan(nodes, tuple((node, None) for node in DARTS_NODES), len(DARTS_NODES))
