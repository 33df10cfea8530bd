"""From chosen layers to a model. Layers that connections lead to are wired; the others belong to the layer before."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from searchitect.catalog.open_layers import Place, open_builders
from searchitect.catalog.vocabulary import LayerKind
from searchitect.errors import EvaluationError
from searchitect.spaces import TaskSpec
from searchitect.spaces.open_values import OpenOption, OpenSubset

if TYPE_CHECKING:
    from torch import nn

    from searchitect.nn import Builder, Shape

__all__ = ["build_layers", "build_open_layers"]

Layer = tuple[LayerKind, Mapping[str, Any]]


def build_layers(
    groups: Sequence[Sequence[Layer]], wiring: str, reads: Sequence[Sequence[int]], task: TaskSpec
) -> nn.Module:
    """Return the model: the layers, wired, and a classifier.

    Args:
        groups: kind and values of each layer; a layer that connections lead to with those that belong to it.
        wiring: a key of `nn.CONNECTIONS`.
        reads: for "sparse", per group how many groups back it reads; places before the input mean the input.

    Raises:
        EvaluationError: a layer that reads maps is given a vector.
    """
    from torch import nn

    from searchitect.nn import classifier, connect

    kind: Any = wiring
    sources = _sources(reads)[: len(groups)] if reads else None
    body = connect([_builder(group) for group in groups], kind, shape=task.inputs, sources=sources)
    return nn.Sequential(body, classifier(body.shape, task.outputs))


def build_open_layers(
    places: Sequence[Place], wirings: Mapping[Any, tuple[str, Sequence[Any]]], option: OpenOption | None, task: TaskSpec
) -> nn.Module:
    """Return the supernet of declared layers whose choice is open.

    Args:
        wirings: label to wiring and, for "sparse", what is read; several where the connections are open too.
        option: the choice of connections, where it is open.
    """
    from torch import nn

    from searchitect.nn import classifier
    from searchitect.nn.connections import open_connect
    from searchitect.nn.open_connections import MixedWiring

    made = {}
    for label, (wiring, reads) in wirings.items():
        kind: Any = wiring
        builders = open_builders(places, _builder)
        made[label] = open_connect(builders, kind, shape=task.inputs, sources=_sources(reads) if reads else None)
    body: Any = next(iter(made.values())) if option is None else MixedWiring(option, made)
    return nn.Sequential(body, classifier(body.shape, task.outputs))


def _sources(reads: Sequence[Any]) -> list[Any]:
    """Positions of the groups that each group reads, from how far back they lie."""

    def positions(backs: Sequence[int], place: int) -> tuple[int, ...]:
        return tuple(sorted({max(0, place + 1 - back) for back in backs}))

    return [
        read.mapped(partial(positions, place=place)) if isinstance(read, OpenSubset) else positions(read, place)
        for place, read in enumerate(reads)
    ]


def _builder(group: Sequence[Layer]) -> Builder:
    def build(shape: Shape) -> nn.Module:
        from torch import nn

        from searchitect.nn.open_shapes import shape_after

        parts: list[nn.Module] = []
        for kind, values in group:
            if kind.reads == "map" and len(shape) < 2:
                raise EvaluationError(
                    f"{kind.name} reads maps of (channels, *size), got a vector of {shape[0]} values",
                    hint="tables have vectors only: leave it out of the list",
                )
            part = BUILD[kind.name](shape, values)
            shape = shape_after(part, shape)
            parts.append(part)
        return parts[0] if len(parts) == 1 else nn.Sequential(*parts)

    return build


def _conv(shape: Shape, values: Mapping[str, Any]) -> nn.Module:
    from torch import nn

    from searchitect.nn import activation, choose, condition, conv, depthwise_conv, grouped_conv, norm, number_for

    dims, width, kind = len(shape) - 1, values["width"], values["convolution"]
    form: dict[str, Any] = {"stride": values["stride"], "dilation": values["dilation"], "dims": dims}
    bias = condition(lambda name: name == "none", values["normalisation"])

    def plain() -> nn.Module:
        return grouped_conv(shape[0], width, values["kernel"], groups=values["groups"], bias=bias, **form)

    def depthwise(bias: Any = bias) -> nn.Module:
        return depthwise_conv(shape[0], values["kernel"], bias=bias, **form)

    def separable() -> nn.Module:
        return nn.Sequential(depthwise(bias=False), conv(shape[0], width, 1, bias=bias, dims=dims))

    body = choose(kind, {"plain": plain, "depthwise": depthwise, "separable": separable})
    width = number_for(kind, {"plain": width, "depthwise": shape[0], "separable": width})
    after = [norm(values["normalisation"], width, dims=dims), activation(values["activation"])]
    return nn.Sequential(body, *(part for part in after if not isinstance(part, nn.Identity)))


def _pool(shape: Shape, values: Mapping[str, Any]) -> nn.Module:
    from searchitect.nn import Pool, calculate, choose

    window = tuple(calculate(min, values["size"], n) for n in shape[1:])
    kinds: tuple[Any, ...] = ("max", "average")
    return choose(values["how"], {how: partial(Pool, how, window, dims=len(window)) for how in kinds})


def _global_pool(shape: Shape, values: Mapping[str, Any]) -> nn.Module:
    from torch import nn

    from searchitect.nn import choose, global_pool

    if len(shape) == 1:
        return nn.Identity()
    kinds: tuple[Any, ...] = ("max", "average")
    return choose(values["how"], {how: partial(global_pool, how) for how in kinds})


def _flatten(shape: Shape, values: Mapping[str, Any]) -> nn.Module:
    from torch import nn

    return nn.Flatten() if len(shape) > 1 else nn.Identity()


def _fc(shape: Shape, values: Mapping[str, Any]) -> nn.Module:
    from torch import nn

    from searchitect.nn import fully_connected_unit, global_pool

    unit = fully_connected_unit(
        shape[0], values["width"], norm=values["normalisation"], activation=values["activation"]
    )
    return unit if len(shape) == 1 else nn.Sequential(global_pool("average"), unit)


def _dropout(shape: Shape, values: Mapping[str, Any]) -> nn.Module:
    from searchitect.nn import dropout

    return dropout(values["rate"])


def _norm(shape: Shape, values: Mapping[str, Any]) -> nn.Module:
    from searchitect.nn import norm

    return norm(values["how"], shape[0], dims=len(shape) - 1)


def _activation(shape: Shape, values: Mapping[str, Any]) -> nn.Module:
    from searchitect.nn import activation

    return activation(values["function"])


BUILD: dict[str, Callable[[Any, Mapping[str, Any]], Any]] = {
    "conv": _conv,
    "pool": _pool,
    "global_pool": _global_pool,
    "flatten": _flatten,
    "fc": _fc,
    "dropout": _dropout,
    "norm": _norm,
    "activation": _activation,
}
"""Short name of a layer to the function that builds it for a shape."""
