"""The cell space of DARTS: a normal and a reducing cell of four nodes, each of which reads two earlier ones.

Liu, Simonyan & Yang, "DARTS: differentiable architecture search", 2019. With seven operations there are
(1 · 3 · 6 · 10 · 7⁸)² ≈ 1.1 · 10¹⁸ written architectures; those that number the nodes of a cell otherwise share a key.
The network is the one that the paper evaluates on CIFAR-10, without the auxiliary head and drop path: DARTS_V2 has
3,349,342 parameters, which is what the authors' code prints.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from searchitect.catalog.chain_cells import CellPlan, Node, Read, chain_network, least_order
from searchitect.catalog.darts_strings import DARTS_CELLS, DARTS_NODES, DARTS_OPERATIONS
from searchitect.spaces import Architecture, TaskSpec, Value, choice, make_space, nested, space, subset
from searchitect.spaces.open_values import OpenOption, OpenSubset

if TYPE_CHECKING:
    from torch import nn

__all__ = ["darts"]

FIELDS = ("reads", "first", "second")


def darts(
    *,
    operations: Sequence[str] = DARTS_OPERATIONS[:-1],
    cells: int = 20,
    channels: int = 36,
) -> type[Any]:
    """Return the space of DARTS cells. Conversions: `from_darts_string`, `to_darts_string`.

    Args:
        operations: of an edge; the eighth of the paper, "none", never stands in its results.
        cells: in the whole network.
        channels: of a node in the first cells.
    """

    def node(number: int) -> type[Any]:
        fields = {"reads": subset(range(number), 2, 2), "first": choice(*operations), "second": choice(*operations)}
        return make_space(f"Node{number}", fields, doc="Two earlier nodes and what is done to them.")

    Cell = make_space("Cell", {f"node_{i}": nested(node(i)) for i in DARTS_NODES}, doc="Four nodes.")  # noqa: N806

    @space
    class DARTS:
        normal: Any = nested(Cell)
        reduce: Any = nested(Cell)

        @staticmethod
        def canonical(architecture: Architecture) -> Architecture:
            return _canonical(architecture)

        def build(self, task: TaskSpec) -> nn.Module:
            normal, reduce = (_plan(cell) for cell in (self.normal, self.reduce))
            return chain_network((normal, reduce), task, "darts", cells=cells, channels=channels)

    return DARTS


class _EdgeOperation(OpenOption):
    """The operation between two nodes: `first` where it reads the lower of the two nodes read, else `second`."""

    def __init__(self, node: Any, source: int) -> None:
        # A decision that is fixed is a plain name.
        names = [name.options if isinstance(name, OpenOption) else (name,) for name in (node.first, node.second)]
        options = tuple(dict.fromkeys((*names[0], *names[1])))
        super().__init__(node.reads.selection, f"{node.reads.paths[0]}.{source}", options)
        self._node, self._source = node, source

    @property
    def now(self) -> Value:
        side = self._node.first if self._source == self._node.reads.now[0] else self._node.second
        return side.now if isinstance(side, OpenOption) else str(side)


def _plan(cell: Any) -> CellPlan:
    nodes = (getattr(cell, f"node_{number}") for number in DARTS_NODES)
    return CellPlan(tuple(_reads(node) for node in nodes), tuple((i, None) for i in DARTS_NODES), len(DARTS_NODES))


def _reads(node: Any) -> tuple[Read, ...]:
    """Two terms, or one for every earlier node where it is open which two are read."""
    if not isinstance(node.reads, OpenSubset):
        low, high = node.reads
        return Read(low, node.first), Read(high, node.second)
    earlier = [source for source in node.reads.elements if isinstance(source, int)]
    return tuple(Read(source, _EdgeOperation(node, source), node.reads.holds(source)) for source in earlier)


def _nodes(decisions: Mapping[str, Value], cell: str) -> tuple[Node, ...]:
    nodes = []
    for number in DARTS_NODES:
        reads, first, second = (decisions[f"{cell}.node_{number}.{field}"] for field in FIELDS)
        assert isinstance(reads, tuple), "a subset is a tuple"
        low, high = (int(str(read)) for read in reads)
        nodes.append(((low, str(first)), (high, str(second))))
    return tuple(nodes)


def _canonical(architecture: Architecture) -> Architecture:
    """The same cells with their nodes in one agreed order."""
    decisions = architecture.decisions
    changed: dict[str, Value] = {}
    for cell in DARTS_CELLS:
        for number, node in zip(DARTS_NODES, least_order(_nodes(decisions, cell)), strict=True):
            (low, first), (high, second) = node
            path = f"{cell}.node_{number}"
            changed |= {f"{path}.reads": (low, high), f"{path}.first": first, f"{path}.second": second}
    return Architecture(architecture.space, {**decisions, **changed})
