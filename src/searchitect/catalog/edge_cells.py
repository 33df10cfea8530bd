"""Cells of four nodes with an operation on each of their six edges: NAS-Bench-201 and TransNAS-Bench-101, micro.

Node 0 is the input, node 3 the output; a node is the sum of what its edges bring. Which cells are the same model,
written differently, is said by a rule that turns a cell into a text; the first cell of a text stands for all of them.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from searchitect.catalog.cell_strings import CELL_EDGES, edge_name
from searchitect.spaces import Architecture

if TYPE_CHECKING:
    from torch import nn

__all__ = ["edge_cell", "exact_form", "published_form", "representative"]

NODES = 4
Operations = tuple[str, ...]
"""Operations of the edges, in the order of `CELL_EDGES`."""


def published_form(operations: Operations) -> str:
    """Return the text by which Dong & Yang 2020 tell cells apart (`Structure.to_unique_str`, zeros considered).

    A skip stands for what it skips from, "none" and whatever reads a node of "none" alone for nothing ("#"). The rule
    knows no sum of zeros ("#+#" is not "#") and no sum of sums: it leaves 6,466 classes, while merging all cells that
    are equal as sums would leave 4,930.
    """
    nodes = ["0"]
    for target in range(1, NODES):
        terms = []
        for source in range(target):
            operation = operations[CELL_EDGES.index((source, target))]
            if operation == "none" or nodes[source] == "#":
                terms.append("#")
            else:
                terms.append(nodes[source] if operation == "skip_connect" else f"({nodes[source]})@{operation}")
        nodes.append("+".join(sorted(terms)))
    return nodes[-1]


def exact_form(operations: Operations) -> str:
    """Return a text that only cells of exactly the same function share, whether or not they change the shape.

    "none" brings nothing and a skip between inner nodes is the identity. A skip from the input is an operation, because
    it has weights where the cell halves the map; and what reads an empty node is not empty (its normalisation shifts).
    """
    nodes: list[tuple[str, ...]] = [("0",)]
    for target in range(1, NODES):
        terms: list[str] = []
        for source in range(target):
            operation = operations[CELL_EDGES.index((source, target))]
            if operation == "skip_connect" and source > 0:
                terms += nodes[source]
            elif operation != "none":
                terms.append(f"({'+'.join(nodes[source])})@{operation}")
        nodes.append(tuple(sorted(terms)))
    return "+".join(nodes[-1])


def representative(
    architecture: Architecture, options: tuple[str, ...], form: Callable[[Operations], str]
) -> Architecture:
    """Return the architecture with its cell replaced by the first of the same form, in the order of `options`."""
    cell = tuple(str(architecture[edge_name(edge)]) for edge in CELL_EDGES)
    first = _first(options, form)[form(cell)]
    changed = {edge_name(edge): operation for edge, operation in zip(CELL_EDGES, first, strict=True)}
    return Architecture(architecture.space, {**architecture.decisions, **changed})


@functools.lru_cache(maxsize=8)
def _first(options: tuple[str, ...], form: Callable[[Operations], str]) -> dict[str, Operations]:
    """Every form to its first cell; a fifth of a second for all 15,625 cells of NAS-Bench-201, once."""
    found: dict[str, Operations] = {}
    for operations in itertools.product(options, repeat=len(CELL_EDGES)):
        found.setdefault(form(operations), operations)
    return found


def edge_cell(operations: Sequence[str], inputs: int, outputs: int, stride: int = 1) -> nn.Module:
    """Build a cell: (n, inputs, *size) to (n, outputs, *⌈size / stride⌉). The edges from the input have the stride."""
    from torch import nn

    from searchitect.nn import Cell, cell_operation

    edges = [
        (
            source,
            target,
            cell_operation(name, inputs, outputs, stride) if source == 0 else cell_operation(name, outputs, outputs),
        )
        for (source, target), name in zip(CELL_EDGES, operations, strict=True)
    ]
    return Cell([nn.Identity()], edges, (NODES - 1,))
