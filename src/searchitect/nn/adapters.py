"""Modules that turn one shape into another, so that layers which do not fit can still be joined."""

from __future__ import annotations

import math

from torch import Tensor, nn
from torch.nn import functional as F

from searchitect.errors import SpaceError
from searchitect.nn.convolutions import conv
from searchitect.nn.elastic import now
from searchitect.nn.pooling import global_pool, pool_to
from searchitect.nn.shapes import Shape, describe, strided

__all__ = ["PaddedShortcut", "Resize", "adapt"]


class Resize(nn.Module):
    """Enlarge a map to a fixed size by repeating the nearest value."""

    def __init__(self, size: Shape) -> None:
        super().__init__()
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        return F.interpolate(x, size=self.size, mode="nearest")

    def extra_repr(self) -> str:
        return describe(self.size)


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


def adapt(source: Shape, target: Shape) -> nn.Module:
    """A module that turns `source` into `target`; the identity where they are equal.

    Maps: fewer places by a strided 1×1 projection where a stride gives exactly the target, by average pooling
    otherwise; more places by repetition; other channels by a 1×1 projection. A map becomes a vector by its
    global average. Vectors: one linear projection.

    Raises:
        SpaceError: a vector cannot become a map, nor a map one of another dimension.
    """
    if source == target:
        return nn.Identity()
    if len(target) == 1:
        parts = [] if len(source) == 1 else [global_pool("average")]
        if source[0] != target[0]:
            parts.append(nn.Linear(source[0], target[0]))
        return parts[0] if len(parts) == 1 else nn.Sequential(*parts)
    if len(source) != len(target):
        raise SpaceError(f"no adaptation from {describe(source)} to {describe(target)}: they differ in dimensions")
    dims, stride = len(source) - 1, _exact_stride(source[1:], target[1:])
    if stride is not None:
        return conv(source[0], target[0], 1, stride=stride, bias=False, dims=dims)
    parts = _resized(source[1:], target[1:])
    if source[0] != target[0]:
        parts.append(conv(source[0], target[0], 1, bias=False, dims=dims))
    return nn.Sequential(*parts)


def _exact_stride(source: Shape, target: Shape) -> int | None:
    """The one stride that leads from `source` to `target` in every dimension, if there is one."""
    stride = max(1, math.ceil(source[0] / max(target[0], 1)))
    return stride if strided(source, stride) == target else None


def _resized(source: Shape, target: Shape) -> list[nn.Module]:
    smaller = tuple(min(s, t) for s, t in zip(source, target, strict=True))
    parts = [pool_to(source, smaller)] if smaller != source else []
    return parts + ([Resize(target)] if smaller != target else [])
