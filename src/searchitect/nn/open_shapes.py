"""Shapes whose numbers are decided later: what a layer makes of one."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from torch import nn

from searchitect.errors import SpaceError
from searchitect.nn.adapters import Resize
from searchitect.nn.conditions import Either
from searchitect.nn.elastic import Elastic, Switch, is_open
from searchitect.nn.elastic_layers import ElasticConv, ElasticDropout, ElasticLinear, ElasticNorm
from searchitect.nn.joins import Residual
from searchitect.nn.mixed import Gated, Mixed
from searchitect.nn.norms import ChannelRMSNorm
from searchitect.nn.pooling import GlobalPool
from searchitect.nn.regularisation import DropPath
from searchitect.nn.shapes import output_shape
from searchitect.spaces.open_values import calculate

__all__ = ["OpenShape", "by_number", "features_of", "has_open", "shape_after"]


class OpenShape(tuple[Any, ...]):
    """(channels, *size); every number may be open.

    Where alternatives have different shapes, a product of the largest of each number would be far too large: then the
    number of all values is kept beside.

    Attributes:
        features: how many values there are; open where a number is.
    """

    features: Any

    def __new__(cls, numbers: Iterable[Any], features: Any = None) -> OpenShape:
        self = super().__new__(cls, numbers)
        self.features = calculate(lambda *each: math.prod(each), *self) if features is None else features
        return self


def has_open(module: nn.Module) -> bool:
    """Whether any part of a module is decided later."""
    return any(isinstance(one, (Elastic, Switch)) or is_open(*vars(one).values()) for one in module.modules())


def features_of(shape: Sequence[Any]) -> Any:
    """How many values a shape has; may be open."""
    return shape.features if isinstance(shape, OpenShape) else OpenShape(shape).features


def shape_after(module: nn.Module, shape: Sequence[Any]) -> tuple[Any, ...]:
    """The shape that a module makes of one whose numbers may be open.

    A module of a user says it by a method `shape_after(shape)`.

    Raises:
        SpaceError: the module does not say what it makes of an open shape.
    """
    if not is_open(*shape) and not has_open(module):
        return output_shape(module, tuple(shape))
    method = getattr(module, "shape_after", None)
    if method is not None:
        return method(shape)  # type: ignore[no-any-return]
    for kinds, rule in RULES:
        if isinstance(module, kinds):
            return rule(module, shape)
    raise SpaceError(
        f"the shape behind {type(module).__name__} is open and not known: what follows depends on it",
        hint="give the module a method shape_after(shape) that returns (channels, *size) from open numbers",
    )


def _through(module: Any, shape: OpenShape) -> tuple[Any, ...]:
    after: tuple[Any, ...] = shape
    for one in module:
        after = shape_after(one, after)
    return after


def _mixed(module: Any, shape: Any) -> tuple[Any, ...]:
    made = {label: shape_after(module.operations[place], shape) for label, place in module.places.items()}
    # Where the others stand elsewhere, it is not reached.
    each = dict.fromkeys(module.option.options, next(iter(made.values()))) | made
    return by_number(each, lambda *numbers: module.option.number(dict(zip(each, numbers, strict=True))))


def _either(module: Any, shape: Any) -> tuple[Any, ...]:
    otherwise = shape if isinstance(module, Gated) else shape_after(module.otherwise, shape)
    return by_number({True: shape_after(module.body, shape), False: otherwise}, module.flag.number)


def by_number(shapes: Mapping[Any, Sequence[Any]], choose: Callable[..., Any]) -> OpenShape:
    """Choose number by number. Where some are vectors, the shape is that of a map; a vector has one place."""
    dims = max(map(len, shapes.values()))
    padded = [(*shape, *(1,) * (dims - len(shape))) for shape in shapes.values()]
    features = [features_of(shape) for shape in shapes.values()]

    def chosen(each: Sequence[Any]) -> Any:
        return each[0] if _same(each) else choose(*each)

    return OpenShape([chosen(each) for each in zip(*padded, strict=True)], chosen(features))


def _same(numbers: Sequence[Any]) -> bool:
    first = numbers[0]
    return all(n is first or (not is_open(n, first) and n == first) for n in numbers)


def _convolved(module: Any, shape: Any) -> tuple[Any, ...]:
    outputs = shape[0] if module.depthwise else module.outputs
    return (outputs, *(calculate(lambda n, s: -(-n // s), size, module.stride) for size in shape[1:]))


def _plainly_convolved(module: Any, shape: Any) -> tuple[Any, ...]:
    windows = zip(shape[1:], module.padding, module.dilation, module.kernel_size, module.stride, strict=True)
    sizes = (
        (n + (2 * pad - dilation * (kernel - 1) - 1)) // stride + 1 for n, pad, dilation, kernel, stride in windows
    )
    return (module.out_channels, *sizes)


def _padded(module: Any, shape: Any) -> tuple[Any, ...]:
    pairs = [sum(module.padding[i : i + 2]) for i in range(0, len(module.padding), 2)]
    return (shape[0], *(size + more for size, more in zip(shape[1:], reversed(pairs), strict=True)))


_KEEPING = (
    *(nn.Identity, nn.modules.dropout._DropoutNd, nn.modules.batchnorm._NormBase, nn.LayerNorm, nn.GroupNorm),
    *(ChannelRMSNorm, DropPath, ElasticNorm, ElasticDropout),
    *(nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.PReLU, nn.ELU, nn.SELU, nn.CELU, nn.GELU, nn.SiLU, nn.Mish, nn.Sigmoid),
    *(nn.Tanh, nn.Softplus, nn.Softsign, nn.Hardsigmoid, nn.Hardswish, nn.Hardtanh),
)

RULES: list[tuple[Any, Callable[[Any, Any], tuple[Any, ...]]]] = [
    (_KEEPING, lambda module, shape: shape),
    (nn.Sequential, _through),
    (Mixed, _mixed),
    ((Gated, Either), _either),
    (Residual, lambda module, shape: shape_after(module.body, shape)),
    (ElasticConv, _convolved),
    (ElasticLinear, lambda module, shape: (*shape[:-1], module.outputs)),
    ((nn.Conv1d, nn.Conv2d, nn.Conv3d), _plainly_convolved),
    ((nn.ConstantPad1d, nn.ConstantPad2d, nn.ConstantPad3d), _padded),
    (nn.Linear, lambda module, shape: (*shape[:-1], module.out_features)),
    (GlobalPool, lambda module, shape: shape[:1]),
    (nn.Flatten, lambda module, shape: (features_of(shape),)),
    (Resize, lambda module, shape: (shape[0], *module.size)),
]
"""Kinds of modules and what they make of a shape, the first that fits."""
