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
from typing import TYPE_CHECKING

from searchitect.catalog.inputs import image_shape
from searchitect.spaces import TaskSpec

if TYPE_CHECKING:
    from torch import nn

__all__ = ["CellPlan", "Node", "chain_network", "least_order"]

INPUTS = 2

Node = tuple[tuple[int, str], tuple[int, str]]
"""What a node sums: (node read, operation), twice."""


@dataclass(frozen=True)
class CellPlan:
    """One kind of cell.

    Attributes:
        nodes: of nodes 2, 3, … what they sum.
        result: the nodes that are concatenated; an input among them is brought to the size of the others.
    """

    nodes: tuple[Node, ...]
    result: tuple[int, ...]


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
    plans: tuple[CellPlan, CellPlan], task: TaskSpec, family: str, *, cells: int, channels: int, stem: int = 3
) -> nn.Module:
    """Build the network: a 3×3 stem and a chain of cells; those at one third and two thirds reduce.

    A reducing cell doubles the channels and halves the map, the latter only while two places are left.

    Args:
        plans: the normal cell and the reducing one.
        cells: in the whole chain.
        channels: of a node in the first cells.
        stem: the stem has so many times `channels`.
    """
    from torch import nn

    from searchitect.nn import CellChain, classifier, conv, halved, strided

    inputs, size = image_shape(task, family)
    width, before, last = channels, stem * channels, stem * channels
    head = nn.Sequential(conv(inputs, last, 3, bias=False), nn.BatchNorm2d(last))
    chain: list[nn.Module] = []
    shrunk = False
    for number in range(cells):
        reducing = number in (cells // 3, 2 * cells // 3)
        plan, width = plans[reducing], width * (2 if reducing else 1)
        stride = 2 if reducing and halved(size, smallest=2) else 1
        chain.append(_cell(plan, (before, last), width, stride, shrunk))
        before, last = last, len(plan.result) * width
        size, shrunk = strided(size, stride), stride == 2
    return nn.Sequential(CellChain(head, chain), classifier((last, *size), task.outputs))


def _cell(plan: CellPlan, inputs: Sequence[int], width: int, stride: int, shrunk: bool) -> nn.Module:
    """Build one cell.

    Args:
        inputs: channels of the two cells before.
        shrunk: whether the cell before halved the map, so that the one before that is twice as large.
    """
    from torch import nn

    from searchitect.nn import Cell, FactorizedReduce, cell_operation, preactivated_conv

    read = {source for node in plan.nodes for source, _ in node} | set(plan.result)
    entries: list[nn.Module] = [
        FactorizedReduce(inputs[0], width) if shrunk else preactivated_conv(inputs[0], width, kernel=1),
        preactivated_conv(inputs[1], width, kernel=1),
    ]
    wanted = [(source, target, name) for target, node in enumerate(plan.nodes, INPUTS) for source, name in node]
    result = list(plan.result)
    for place, node in enumerate(result):
        if node < INPUTS and stride > 1:
            result[place] = INPUTS + len(plan.nodes) + node
            wanted.append((node, result[place], "skip_connect"))
    edges = [
        (source, target, cell_operation(name, width, width, stride if source < INPUTS else 1))
        for source, target, name in wanted
    ]
    return Cell([entry if i in read else nn.Identity() for i, entry in enumerate(entries)], edges, result)
