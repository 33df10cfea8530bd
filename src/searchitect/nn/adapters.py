"""Modules that turn one shape into another, so that layers which do not fit can still be joined."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from searchitect.errors import SpaceError
from searchitect.nn.convolutions import conv
from searchitect.nn.elastic import Elastic, Switch, is_open, largest, now, part
from searchitect.nn.elastic_layers import CONVOLVE
from searchitect.nn.pooling import global_pool, pool_to
from searchitect.nn.shapes import Shape, describe, strided

__all__ = ["OpenAdapt", "PaddedShortcut", "Resize", "Resolution", "adapt", "to_resolution"]


MOST_WEIGHTS = 2**27
"""Weights of one adapter of open size; half a gigabyte."""


class Resize(nn.Module):
    """Enlarge a map to a fixed size by repeating the nearest value."""

    def __init__(self, size: Shape) -> None:
        super().__init__()
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        return F.interpolate(x, size=self.size, mode="nearest")

    def extra_repr(self) -> str:
        return describe(self.size)


class Resolution(nn.Module):
    """Bring inputs of one, two or three dimensions to so many places along each, by linear interpolation.

    Args:
        side: at least 1; may be open.
    """

    modes = ("linear", "bilinear", "trilinear")

    def __init__(self, side: Any) -> None:
        super().__init__()
        self.side = side

    def forward(self, x: Tensor) -> Tensor:
        size, dims = int(now(self.side)), x.dim() - 2
        if all(length == size for length in x.shape[2:]):
            return x
        return F.interpolate(x, size=(size,) * dims, mode=self.modes[dims - 1], align_corners=False)

    def extra_repr(self) -> str:
        return f"{self.side!r}"


class PaddedShortcut(nn.Module):
    """Every `stride`-th place, and `more` channels of zeros at the end: a shortcut without parameters (He 2016, A)."""

    def __init__(self, more: int, stride: int = 1) -> None:
        super().__init__()
        self.more, self.stride = more, stride

    def forward(self, x: Tensor) -> Tensor:
        stride = now(self.stride)
        thinned = x[:, :, ::stride, ::stride]
        return F.pad(thinned, (0, 0, 0, 0, 0, now(self.more)))

    def extra_repr(self) -> str:
        return f"more={self.more!r}, stride={self.stride!r}"


def to_resolution(side: Any) -> nn.Module:
    """Bring maps to a resolution, which may be an open decision: elastic resolution (Cai et al. 2020, section 3.3).

    What follows must read maps of any size, as convolutions and a classifier with global pooling do.

    Raises:
        SpaceError: the side is, or may become, smaller than 1.
    """
    smallest = side.smallest if is_open(side) else side
    if smallest < 1:
        raise SpaceError(
            f"maps are brought to a side of at least 1, got {smallest}", hint="leave it out of the options"
        )
    return Resolution(side)


def adapt(source: Shape, target: Shape) -> nn.Module:
    """A module that turns `source` into `target`; the identity where they are equal. Either may be open.

    Maps: fewer places by a strided 1×1 projection where a stride gives exactly the target, by average pooling
    otherwise; more places by repetition; other channels by a 1×1 projection. A map becomes a vector by its
    global average. Vectors: one linear projection.

    Raises:
        SpaceError: a vector cannot become a map, nor a map one of another dimension.
    """
    if is_open(*source, *target):
        return OpenAdapt(source, target)
    parts, projection = _plan(source, target)
    made = list(parts)
    if projection is not None and len(target) == 1:
        made.append(nn.Linear(source[0], target[0]))
    elif projection is not None:
        made.append(conv(source[0], target[0], 1, stride=projection, bias=False, dims=len(source) - 1))
    return nn.Identity() if not made else made[0] if len(made) == 1 else nn.Sequential(*made)


class OpenAdapt(Switch):
    """`adapt` between shapes of which some numbers are open: what it does is told by the shapes that are active.

    Args:
        source, target: shapes; numbers may be open, and the dimensions of the target may be given up for a vector.
        vector: whether the target can be a vector although it is written as a map.
        keeps: whether the channels are the same on both sides, so that a vector never needs a projection.
    """

    def __init__(
        self, source: Sequence[Any], target: Sequence[Any], *, vector: bool = False, keeps: bool = False
    ) -> None:
        super().__init__()
        self.source, self.target = tuple(source), tuple(target)
        dims, inputs, outputs = len(source) - 1, int(largest(source[0])), int(largest(target[0]))
        self.on_maps = self.on_vectors = None
        on_maps, on_vectors = len(source) > 1 and len(target) > 1, (len(target) == 1 or vector) and not keeps
        if (on_maps or on_vectors) and inputs * outputs > MOST_WEIGHTS:
            raise SpaceError(
                f"adapting any of {inputs:,} channels to any of {outputs:,} would take {inputs * outputs:,} weights",
                hint="pool before flattening, or leave out residual, dense or sparse connections",
            )
        if on_maps:
            self.on_maps = ElasticProjection(conv(inputs, outputs, 1, bias=False, dims=dims))
        if on_vectors:
            self.on_vectors = ElasticProjection(nn.Linear(inputs, outputs))

    def steps(self, source: Shape, target: Shape) -> tuple[list[nn.Module], nn.Module | None, int]:
        """Parts without weights, then the projection, if there is one, and its stride."""
        parts, stride = _plan(source, target)
        projection = self.on_vectors if len(target) == 1 else self.on_maps
        return parts, projection if stride is not None else None, stride or 1

    def parts_between(self, source: Shape, target: Shape) -> Iterator[nn.Module]:
        """Yield what has weights between these shapes."""
        projection = self.steps(source, target)[1]
        if projection is not None:
            yield projection

    def between(self, x: Tensor, source: Shape, target: Shape) -> Tensor:
        """Turn a tensor of one shape into one of another."""
        parts, projection, stride = self.steps(source, target)
        for step in parts:
            x = step(x)
        return x if projection is None else projection(x, target[0], stride)

    def _now(self) -> tuple[Shape, Shape]:
        return tuple(int(now(n)) for n in self.source), tuple(int(now(n)) for n in self.target)

    def active_parts(self) -> Iterator[nn.Module]:
        yield from self.parts_between(*self._now())

    def forward(self, x: Tensor) -> Tensor:
        return self.between(x, *self._now())


class ElasticProjection(Elastic):
    """A 1×1 convolution or a linear map that is told its outputs and its stride each time."""

    def __init__(self, full: nn.Module) -> None:
        super().__init__()
        self.full = full

    def forward(self, x: Tensor, outputs: int, stride: int = 1) -> Tensor:
        inputs, dims = x.shape[1], self.full.weight.dim() - 2
        weight = part(self.full.weight, (outputs, inputs))
        if dims == 0:
            return F.linear(x, weight, self.full.bias[:outputs])
        return CONVOLVE[dims](x, weight, None, stride)


def _plan(source: Shape, target: Shape) -> tuple[list[nn.Module], int | None]:
    """The parts without weights, and the stride of the projection behind them; None where there is none."""
    if source == target:
        return [], None
    if len(target) == 1:
        return [] if len(source) == 1 else [global_pool("average")], None if source[0] == target[0] else 1
    if len(source) != len(target):
        raise SpaceError(f"no adaptation from {describe(source)} to {describe(target)}: they differ in dimensions")
    stride = _exact_stride(source[1:], target[1:])
    if stride is not None:
        return [], stride
    return _resized(source[1:], target[1:]), None if source[0] == target[0] else 1


def _exact_stride(source: Shape, target: Shape) -> int | None:
    """The one stride that leads from `source` to `target` in every dimension, if there is one."""
    stride = max(1, math.ceil(source[0] / max(target[0], 1)))
    return stride if strided(source, stride) == target else None


def _resized(source: Shape, target: Shape) -> list[nn.Module]:
    smaller = tuple(min(s, t) for s, t in zip(source, target, strict=True))
    parts = [pool_to(source, smaller)] if smaller != source else []
    return parts + ([Resize(target)] if smaller != target else [])
