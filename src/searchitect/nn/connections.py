"""Wiring of a list of layers: full, sparse, residual and dense, all by one module.

Node 0 is the input, node i the output of the i-th layer. What a layer reads from several nodes is adapted to
one shape and joined; residual wiring also adds what a layer read to what it gave.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Literal, get_args

from torch import Tensor, nn

from searchitect.errors import SpaceError, did_you_mean
from searchitect.nn.adapters import adapt
from searchitect.nn.elastic import is_open
from searchitect.nn.joins import How, Join, Residual, merge
from searchitect.nn.open_connections import MixedWiring, OpenConnected
from searchitect.nn.open_shapes import has_open
from searchitect.nn.shapes import Builder, Shape, output_shape
from searchitect.spaces.open_values import OpenOption

__all__ = ["CONNECTIONS", "Connected", "Join", "Residual", "connect", "merge"]

Kind = Literal["full", "sparse", "residual", "dense"]
Sources = Sequence[Sequence[int]]

CONNECTIONS: dict[str, str] = {
    "full": "each layer reads the one before",
    "sparse": "each layer reads the declared earlier nodes, summed",
    "residual": "each layer reads the one before and adds its result to what it read (He 2016)",
    "dense": "each layer reads all earlier nodes, concatenated (Huang 2017)",
}
"""Every kind of wiring by name, with its rule."""


class _IsOpen(Exception):  # noqa: N818 - no error: a layer turned out to be open
    """A layer's size, or whether it is there, is decided later."""


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
            if has_open(layer):
                raise _IsOpen
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


def connect(builders: Sequence[Builder], kind: Kind = "full", *, shape: Shape, sources: Sources | None = None) -> Any:
    """Build the layers one after the other and wire them.

    Everything may be open: the shape, the kind, the sources, sizes of layers, and whether a layer is there at all (a
    builder that returns what an element of a repeat builds). The result then has the weights of all wirings; layers of
    different kinds are not shared.

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
    option: Any = kind
    if isinstance(option, OpenOption):
        made = {label: connect(builders, _kind(label), shape=shape, sources=sources) for label in option.options}
        return MixedWiring(option, made)
    if kind not in get_args(Kind):
        raise SpaceError(f"no connections {kind!r}", hint=did_you_mean(str(kind), CONNECTIONS))
    if (sources is not None) != (kind == "sparse"):
        raise SpaceError(f"'sources' belong to 'sparse' connections and only there, got {kind!r} with {sources}")
    if not is_open(*shape, *(sources or ())):
        with suppress(_IsOpen):
            table = _table(kind, len(builders), sources)
            return Connected(builders, table, how=_how(kind), skip=kind == "residual", shape=shape)
    return open_connect(builders, kind, shape=shape, sources=sources)


def open_connect(
    builders: Sequence[Builder], kind: Kind, *, shape: Shape, sources: Sequence[Any] | None = None
) -> OpenConnected:
    """`connect` for layers of which some may be left out.

    Args:
        sources: for "sparse": for the first layer that is there, the second … the nodes it reads, counted likewise.
    """
    return OpenConnected(builders, kind, partial(_table, kind), sources, how=_how(kind), shape=shape)


def _how(kind: Kind) -> How:
    return "concatenate" if kind == "dense" else "sum"


def _kind(label: Any) -> Kind:
    found: Kind = label
    return found


def _table(kind: Kind, count: int, sources: Sources | None) -> Sources:
    """For each of `count` layers the nodes that it reads; last, those that make the result."""
    if kind == "dense":
        return [range(i + 1) for i in range(count + 1)]
    return [(i,) for i in range(count + 1)] if sources is None else _with_loose_ends(sources, count)


def _with_loose_ends(sources: Sources, count: int) -> Sources:
    if len(sources) != count:
        raise SpaceError(f"sparse connections need sources for each of {count} layers, got {len(sources)}")
    for number, read in enumerate(sources):
        if not read or len(set(read)) < len(read) or not all(0 <= i <= number for i in read):
            raise SpaceError(f"layer {number + 1} may read nodes 0 to {number}, each once, got {tuple(read)}")
    used = {i for read in sources for i in read}
    return [*sources, tuple(i for i in range(count + 1) if i not in used)]
