"""Cells that read the two cells before them, in two kinds, normal and reducing: NASNet, DARTS.

Zoph, Vasudevan, Shlens & Le, "Learning transferable architectures for scalable image recognition", 2018; the network
for small images is that of Liu, Simonyan & Yang, "DARTS", 2019 (`cnn/model.py: NetworkCIFAR`, no auxiliary head). In a
cell, nodes 0 and 1 are the two cells before, each through a 1×1 unit; every further node is the sum of two operations.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from searchitect.catalog.inputs import image_shape
from searchitect.spaces import TaskSpec
from searchitect.spaces.open_values import OpenFlag, OpenNumber

if TYPE_CHECKING:
    from torch import nn

__all__ = ["CellPlan", "Node", "Read", "chain_network", "least_order", "loose_ends"]

INPUTS = 2

Node = tuple[tuple[int, str], tuple[int, str]]
"""What a node sums: (node read, operation), twice."""


@dataclass(frozen=True)
class Read:
    """One term of the sum that a node is.

    Attributes:
        source: the node read.
        operation: a key of `nn.CELL_OPERATIONS`, or an open option of them.
        here: whether the active architecture has this term; None where all have it.
    """

    source: int
    operation: Any
    here: OpenFlag | None = None


@dataclass(frozen=True)
class CellPlan:
    """One kind of cell.

    Attributes:
        nodes: of nodes 2, 3, … what they sum.
        result: the nodes that are concatenated, each with whether it is now (None: always); an input among them is
            brought to the size of the others.
        ends: how many are concatenated.
    """

    nodes: tuple[tuple[Read, ...], ...]
    result: tuple[tuple[int, OpenFlag | None], ...]
    ends: int | OpenNumber

    @classmethod
    def of(cls, nodes: Sequence[Node], result: Sequence[int]) -> CellPlan:
        """The plan of one architecture."""
        written = tuple(tuple(Read(*term) for term in node) for node in nodes)
        return cls(written, tuple((i, None) for i in result), len(result))

    def uses(self, source: int) -> bool | OpenFlag:
        """Whether the cell reads a node, or hands it on."""
        found = [term.here for node in self.nodes for term in node if term.source == source]
        found += [flag for node, flag in self.result if node == source]
        flags = [flag for flag in found if flag is not None]
        if len(flags) < len(found) or not flags:
            return bool(found)
        return OpenFlag(lambda: any(flag.now for flag in flags), _paths(flags))


def loose_ends(nodes: Sequence[tuple[Read, ...]], kept: Sequence[int] = ()) -> tuple[tuple[int, OpenFlag | None], ...]:
    """The nodes of a cell, its inputs included, that no node reads; each with whether that is so now.

    Args:
        kept: nodes that belong to them whoever reads them.
    """
    found: list[tuple[int, OpenFlag | None]] = []
    for source in range(INPUTS + len(nodes)):
        readers = [term.here for node in nodes for term in node if term.source == source and source not in kept]
        flags = [flag for flag in readers if flag is not None]
        if len(flags) == len(readers):
            found.append((source, _none_of(flags) if flags else None))
    return tuple(found)


def _none_of(flags: Sequence[OpenFlag]) -> OpenFlag:
    return OpenFlag(lambda: not any(flag.now for flag in flags), _paths(flags))


def _paths(flags: Sequence[OpenFlag]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(path for flag in flags for path in flag.paths))


@functools.lru_cache(maxsize=100_000)
def least_order(nodes: tuple[Node, ...]) -> tuple[Node, ...]:
    """Return the same cell with its nodes in the order, of all that lead forward, that comes first as tuples."""
    found = []
    for order in itertools.permutations(range(len(nodes))):
        place = {0: 0, 1: 1} | {old + INPUTS: new + INPUTS for new, old in enumerate(order)}
        written = [tuple(sorted((place[read], operation) for read, operation in nodes[old])) for old in order]
        if all(read < new + INPUTS for new, node in enumerate(written) for read, _ in node):
            found.append(tuple((node[0], node[1]) for node in written))
    return min(found)


def chain_network(
    plans: tuple[CellPlan, CellPlan],
    task: TaskSpec,
    family: str,
    *,
    cells: int,
    channels: int,
    stem: int = 3,
    entry_units: int = 1,
) -> nn.Module:
    """Build the network: a 3×3 stem and a chain of cells; those at one third and two thirds reduce.

    A reducing cell doubles the channels and halves the map, the latter only while two places are left.

    Args:
        plans: the normal cell and the reducing one.
        cells: in the whole chain.
        channels: of a node in the first cells.
        stem: the stem has so many times `channels`.
        entry_units: 1×1 units through which a cell reads the one just before it.
    """
    from torch import nn

    from searchitect.nn import CellChain, classifier, conv, halved, strided

    inputs, size = image_shape(task, family)
    width = channels
    before: Any = stem * channels
    last = before
    head = nn.Sequential(conv(inputs, stem * channels, 3, bias=False), nn.BatchNorm2d(stem * channels))
    chain: list[nn.Module] = []
    shrunk = False
    for number in range(cells):
        reducing = number in (cells // 3, 2 * cells // 3)
        plan, width = plans[reducing], width * (2 if reducing else 1)
        stride = 2 if reducing and halved(size, smallest=2) else 1
        chain.append(_cell(plan, (before, last), width, stride, shrunk, entry_units))
        before, last = last, plan.ends * width
        size, shrunk = strided(size, stride), stride == 2
    return nn.Sequential(CellChain(head, chain), classifier((last, *size), task.outputs))


def _cell(plan: CellPlan, inputs: Sequence[Any], width: int, stride: int, shrunk: bool, entry_units: int) -> nn.Module:
    """Build one cell.

    Args:
        inputs: channels of the two cells before.
        shrunk: whether the cell before halved the map, so that the one before that is twice as large.
    """
    from torch import nn

    from searchitect.nn import Cell, FactorizedReduce, cell_operation, preactivated_conv
    from searchitect.nn.mixed import Gated

    def gated(flag: bool | OpenFlag | None, module: nn.Module) -> nn.Module:
        if isinstance(flag, OpenFlag):
            return Gated(flag, module)
        return nn.Identity() if flag is False else module

    units = [preactivated_conv(width if n else inputs[1], width, kernel=1) for n in range(entry_units)]
    entries: list[nn.Module] = [
        FactorizedReduce(inputs[0], width) if shrunk else preactivated_conv(inputs[0], width, kernel=1),
        units[0] if len(units) == 1 else nn.Sequential(*units),
    ]
    wanted = [(term, target) for target, node in enumerate(plan.nodes, INPUTS) for term in node]
    result, shown = [], {}
    for node, flag in plan.result:
        place = node
        if node < INPUTS and stride > 1:
            place = INPUTS + len(plan.nodes) + node
            wanted.append((Read(node, "skip_connect", flag), place))
        result.append(place)
        if flag is not None:
            shown[place] = flag
    edges = [
        (term.source, target, gated(term.here, cell_operation(term.operation, width, width, _stride(term, stride))))
        for term, target in wanted
    ]
    return Cell([gated(plan.uses(i), entry) for i, entry in enumerate(entries)], edges, result, shown)


def _stride(term: Read, stride: int) -> int:
    return stride if term.source < INPUTS else 1
