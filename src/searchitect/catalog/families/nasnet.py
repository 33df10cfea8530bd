"""The cell space of NASNet: every node of a cell reads any two earlier ones, the same one twice included.

Zoph, Vasudevan, Shlens & Le, "Learning transferable architectures for scalable image recognition", 2018, section 3.
What no node reads, an input of the cell included, is concatenated. The chain of cells is that of DARTS (`chain_cells`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from searchitect.catalog.chain_cells import INPUTS, CellPlan, Node, Read, chain_network, least_order, loose_ends
from searchitect.errors import SpaceError
from searchitect.spaces import Architecture, TaskSpec, Value, choice, make_space, nested, space
from searchitect.spaces.open_values import OpenFlag, OpenNumber

if TYPE_CHECKING:
    from torch import nn

__all__ = ["nasnet"]

CELLS = ("normal", "reduce")
FIELDS = ("left", "left_operation", "right", "right_operation")


def nasnet(
    *,
    layers: int = 6,
    nodes: int = 4,
    filters: int = 24,
    operations: Sequence[str] = (
        *("sep_conv_3x3", "skip_connect", "avg_pool_3x3", "max_pool_3x3", "sep_conv_5x5", "sep_conv_7x7"),
        *("dil_conv_3x3", "nor_conv_1x1", "nor_conv_3x3"),
    ),
    normal_keeps: Sequence[int] = (),
    reduce_keeps: Sequence[int] = (),
    entry_units: int = 1,
) -> type[Any]:
    """Return the space of NASNet cells.

    Args:
        layers: cells in the whole network; those at one third and two thirds reduce.
        nodes: per cell, 1 to 6; the paper has 5.
        filters: channels of a node in the first cells.
        operations: keys of `nn.CELL_OPERATIONS`.
        normal_keeps, reduce_keeps: nodes of a cell that are concatenated although others read them; 0 and 1 are its
            inputs. The code of NASNet-A has 0 in the normal and 3 in the reducing cell.
        entry_units: 1×1 units through which a cell reads the one just before it. ENAS has 2 (Pham et al. 2018).
    """
    numbers = tuple(range(INPUTS, INPUTS + nodes))
    keeps = {"normal": tuple(normal_keeps), "reduce": tuple(reduce_keeps)}
    if not 1 <= nodes <= 6:
        raise SpaceError(f"nasnet has 1 to 6 nodes per cell, got {nodes}")
    if entry_units < 1 or not {*normal_keeps, *reduce_keeps} <= {0, 1, *numbers}:
        raise SpaceError(f"nasnet keeps nodes 0 to {nodes + 1}, got {keeps}; entry_units is {entry_units}, at least 1")

    def node(number: int) -> type[Any]:
        fields = {
            "left": choice(*range(number)),
            "left_operation": choice(*operations),
            "right": choice(1, 0, *range(INPUTS, number)),
            "right_operation": choice(*operations),
        }
        return make_space(f"Node{number}", fields, doc="Two earlier nodes and what is done to them.")

    Cell = make_space("Cell", {f"node_{i}": nested(node(i)) for i in numbers}, doc="The nodes of a cell.")  # noqa: N806

    @space
    class NASNet:
        normal: Any = nested(Cell)
        reduce: Any = nested(Cell)

        @staticmethod
        def canonical(architecture: Architecture) -> Architecture:
            return _canonical(architecture, numbers, [cell for cell in CELLS if max(keeps[cell], default=0) < INPUTS])

        def build(self, task: TaskSpec) -> nn.Module:
            normal, reduce = (_plan(getattr(self, cell), numbers, keeps[cell]) for cell in CELLS)
            size = {"cells": layers, "channels": filters, "entry_units": entry_units}
            return chain_network((normal, reduce), task, "nasnet", **size)

    return NASNet


def _plan(cell: Any, numbers: Sequence[int], kept: Sequence[int]) -> CellPlan:
    inner = [getattr(cell, f"node_{number}") for number in numbers]
    nodes = tuple(
        (*_reads(node.left, node.left_operation), *_reads(node.right, node.right_operation)) for node in inner
    )
    result = loose_ends(nodes, kept)
    return CellPlan(nodes, result, _ends(inner, result))


def _reads(source: Any, operation: Any) -> tuple[Read, ...]:
    """One term, or one for every earlier node where it is open which one is read."""
    if not isinstance(source, OpenNumber):
        return (Read(source, operation),)
    return tuple(Read(int(i), operation, source.equals(i)) for i in source.candidates)


def _ends(nodes: Sequence[Any], result: tuple[tuple[int, OpenFlag | None], ...]) -> int | OpenNumber:
    """How many nodes are concatenated."""
    flags = [flag for _, flag in result if flag is not None]
    always = len(result) - len(flags)
    sources = [side for node in nodes for side in (node.left, node.right) if isinstance(side, OpenNumber)]
    if not flags:
        return always
    paths = tuple(path for source in sources for path in source.paths)
    counts = range(max(always, 1), always + len(flags) + 1)
    return OpenNumber(sources[0].selection, paths, lambda values: always + sum(f.now for f in flags), tuple(counts))


def _nodes(decisions: Mapping[str, Value], cell: str, numbers: Sequence[int]) -> tuple[Node, ...]:
    nodes = []
    for number in numbers:
        left, first, right, second = (decisions[f"{cell}.node_{number}.{field}"] for field in FIELDS)
        nodes.append(((int(str(left)), str(first)), (int(str(right)), str(second))))
    return tuple(nodes)


def _canonical(architecture: Architecture, numbers: Sequence[int], cells: Sequence[str]) -> Architecture:
    """The same cells with their nodes, and the two sides of each, in one agreed order; those among `cells` alone.

    A cell that keeps a node by its number has no other order.
    """
    decisions = architecture.decisions
    changed: dict[str, Value] = {}
    for cell in cells:
        for number, (left, right) in zip(numbers, least_order(_nodes(decisions, cell, numbers)), strict=True):
            path = f"{cell}.node_{number}"
            changed |= {f"{path}.left": left[0], f"{path}.left_operation": left[1]}
            changed |= {f"{path}.right": right[0], f"{path}.right_operation": right[1]}
    return Architecture(architecture.space, {**decisions, **changed})
