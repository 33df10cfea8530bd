"""Wiring of a list of layers: full, sparse, residual and dense, all by one module.

Node 0 is the input, node i the output of the i-th layer. What a layer reads from several nodes is adapted to
one shape and joined; residual wiring also adds what a layer read to what it gave.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from searchitect.errors import EvaluationError, SpaceError, did_you_mean
from searchitect.nn.adapters import adapt
from searchitect.nn.shapes import Builder, Shape, common_shape, describe, output_shape

__all__ = ["CONNECTIONS", "Connected", "Join", "Residual", "connect", "merge"]

Kind = Literal["full", "sparse", "residual", "dense"]
How = Literal["sum", "mean", "concatenate"]
Sources = Sequence[Sequence[int]]

CONNECTIONS: dict[str, str] = {
    "full": "each layer reads the one before",
    "sparse": "each layer reads the declared earlier nodes, summed",
    "residual": "each layer reads the one before and adds its result to what it read (He 2016)",
    "dense": "each layer reads all earlier nodes, concatenated (Huang 2017)",
}
"""Every kind of wiring by name, with its rule."""


def merge(nodes: Sequence[Tensor], which: Sequence[int], how: How = "sum") -> Tensor:
    """Join the chosen tensors, to be called in `forward`.

    Args:
        nodes: outputs of earlier nodes, batch first.
        which: positions in `nodes`, as a `subset` decision gives them.
        how: "sum", "mean" or "concatenate" (along the channels).

    Raises:
        EvaluationError: nothing is chosen, a position does not exist, or shapes differ (the message has
        both).
    """
    if not which or max(which) >= len(nodes) or min(which) < 0:
        raise EvaluationError(f"cannot read nodes {tuple(which)}: there are {len(nodes)}, numbered from 0")
    chosen = [nodes[i] for i in which]
    start = 2 if how == "concatenate" else 1
    for other in chosen[1:]:
        if other.shape[start:] != chosen[0].shape[start:]:
            first, second = describe(chosen[0].shape[1:]), describe(other.shape[1:])
            raise EvaluationError(f"cannot join {first} and {second}", hint="nn.Join adapts the shapes first")
    return _joined(chosen, how)


class Join(nn.Module):
    """Adapt several inputs to one shape and join them.

    Args:
        shapes: shape of each input, without the batch.
        how: "sum", "mean" or "concatenate".
    """

    def __init__(self, shapes: Sequence[Shape], how: How = "sum") -> None:
        super().__init__()
        concatenate = how == "concatenate"
        self.how: How = how
        self.shape = common_shape(shapes, concatenate=concatenate)
        self.adapters = nn.ModuleList(
            adapt(shape, (shape[0] if concatenate else self.shape[0], *self.shape[1:])) for shape in shapes
        )

    def forward(self, inputs: list[Tensor]) -> Tensor:
        adapted = [adapter(x) for adapter, x in zip(self.adapters, inputs, strict=True)]
        return _joined(adapted, self.how)


class Residual(nn.Module):
    """`after(body(x) + shortcut(x))`: one residual block (He 2016)."""

    def __init__(self, body: nn.Module, shortcut: nn.Module, after: nn.Module) -> None:
        super().__init__()
        self.body, self.shortcut, self.after = body, shortcut, after

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.after(self.body(x) + self.shortcut(x))
        return result


class Connected(nn.Module):
    """Layers with their wiring; made by `connect`.

    Attributes:
        shape: shape of the result, without the batch.
        sources: for each layer the nodes it reads; last, the nodes that make the result.
    """

    def __init__(self, builders: Sequence[Builder], sources: Sources, *, how: How, skip: bool, shape: Shape) -> None:
        super().__init__()
        self.sources = tuple(tuple(s) for s in sources)
        self.joins, self.layers, self.skips = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        shapes = [shape]
        for builder, read in zip(builders, self.sources, strict=False):
            join = Join([shapes[i] for i in read], how)
            layer = builder(join.shape)
            shapes.append(output_shape(layer, join.shape))
            self.joins.append(join)
            self.layers.append(layer)
            if skip:
                self.skips.append(adapt(join.shape, shapes[-1]))
        self.result = Join([shapes[i] for i in self.sources[-1]], how)
        self.shape = self.result.shape

    def forward(self, x: Tensor) -> Tensor:
        nodes = [x]
        for number, (join, layer) in enumerate(zip(self.joins, self.layers, strict=True)):
            read = join([nodes[i] for i in self.sources[number]])
            given = layer(read)
            nodes.append(given + self.skips[number](read) if self.skips else given)
        joined: Tensor = self.result([nodes[i] for i in self.sources[-1]])
        return joined


def connect(
    builders: Sequence[Builder], kind: Kind = "full", *, shape: Shape, sources: Sources | None = None
) -> Connected:
    """Build the layers one after the other and wire them.

    Args:
        builders: each makes a layer for the shape it will read.
        kind: a key of `CONNECTIONS`. Dense wiring ends with all nodes concatenated; sparse wiring with
            the sum of the last node and all that no layer reads.
        shape: shape of the input, without the batch.
        sources: for "sparse" only: for each layer the nodes it reads; node 0 is the input.

    Raises:
        SpaceError: the wiring is unknown, reads a node that does not exist yet, or cannot be adapted.
        EvaluationError: a layer cannot read what it is given.
    """
    if kind not in get_args(Kind):
        raise SpaceError(f"no connections {kind!r}", hint=did_you_mean(str(kind), CONNECTIONS))
    if (sources is not None) != (kind == "sparse"):
        raise SpaceError(f"'sources' belong to 'sparse' connections and only there, got {kind!r} with {sources}")
    count = len(builders)
    if kind == "dense":
        table: Sources = [range(i + 1) for i in range(count + 1)]
    elif sources is not None:
        table = _with_loose_ends(sources, count)
    else:
        table = [(i,) for i in range(count + 1)]
    how: How = "concatenate" if kind == "dense" else "sum"
    return Connected(builders, table, how=how, skip=kind == "residual", shape=shape)


def _with_loose_ends(sources: Sources, count: int) -> Sources:
    if len(sources) != count:
        raise SpaceError(f"sparse connections need sources for each of {count} layers, got {len(sources)}")
    for number, read in enumerate(sources):
        if not read or len(set(read)) < len(read) or not all(0 <= i <= number for i in read):
            raise SpaceError(f"layer {number + 1} may read nodes 0 to {number}, each once, got {tuple(read)}")
    used = {i for read in sources for i in read}
    return [*sources, tuple(i for i in range(count + 1) if i not in used)]


def _joined(tensors: Sequence[Tensor], how: How) -> Tensor:
    if how == "concatenate":
        return torch.cat(tuple(tensors), 1) if len(tensors) > 1 else tensors[0]
    total = tensors[0]
    for tensor in tensors[1:]:
        total = total + tensor
    return total / len(tensors) if how == "mean" else total
