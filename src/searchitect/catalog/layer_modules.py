"""From chosen layers to a model. Layers that connections lead to are wired; the others belong to the layer before."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from searchitect.catalog.vocabulary import LayerKind
from searchitect.errors import EvaluationError
from searchitect.spaces import TaskSpec

if TYPE_CHECKING:
    from torch import nn

    from searchitect.nn import Builder, Shape

__all__ = ["build_layers"]

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

    sources = [sorted({max(0, i + 1 - back) for back in reads[i]}) for i in range(len(groups))] if reads else None
    kind: Any = wiring
    body = connect([_builder(group) for group in groups], kind, shape=task.inputs, sources=sources)
    return nn.Sequential(body, classifier(body.shape, task.outputs))


def _builder(group: Sequence[Layer]) -> Builder:
    def build(shape: Shape) -> nn.Module:
        from torch import nn

        from searchitect.nn import output_shape

        parts: list[nn.Module] = []
        for kind, values in group:
            if kind.reads == "map" and len(shape) < 2:
                raise EvaluationError(
                    f"{kind.name} reads maps of (channels, *size), got a vector of {shape[0]} values",
                    hint="tables have vectors only: leave it out of the list",
                )
            part = BUILD[kind.name](shape, values)
            shape = output_shape(part, shape)
            parts.append(part)
        return parts[0] if len(parts) == 1 else nn.Sequential(*parts)

    return build


def _conv(shape: Shape, values: Mapping[str, Any]) -> nn.Module:
    from torch import nn

    from searchitect.nn import activation, conv, grouped_conv, norm

    dims, width, kind = len(shape) - 1, values["width"], values["convolution"]
    form: dict[str, Any] = {"stride": values["stride"], "dilation": values["dilation"], "dims": dims}
    bias = values["normalisation"] == "none"
    if kind == "plain":
        body = grouped_conv(shape[0], width, values["kernel"], groups=values["groups"], bias=bias, **form)
    else:
        width = shape[0] if kind == "depthwise" else width
        body = conv(shape[0], shape[0], values["kernel"], groups=shape[0], bias=bias and kind == "depthwise", **form)
        if kind == "separable":
            body = nn.Sequential(body, conv(shape[0], width, 1, bias=bias, dims=dims))
    after = [norm(values["normalisation"], width, dims=dims), activation(values["activation"])]
    return nn.Sequential(body, *(part for part in after if not isinstance(part, nn.Identity)))


def _pool(shape: Shape, values: Mapping[str, Any]) -> nn.Module:
    from searchitect.nn import Pool

    window = tuple(min(values["size"], n) for n in shape[1:])
    return Pool(values["how"], window, dims=len(window))


def _global_pool(shape: Shape, values: Mapping[str, Any]) -> nn.Module:
    from torch import nn

    from searchitect.nn import global_pool

    return global_pool(values["how"]) if len(shape) > 1 else nn.Identity()


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
