"""Pooling over 1, 2 or 3 dimensions. A map that is too small is refused by name instead of becoming empty."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

from torch import Tensor, nn
from torch.nn import functional as F

from searchitect.errors import EvaluationError, SpaceError, did_you_mean
from searchitect.nn.elastic import now
from searchitect.nn.shapes import describe
from searchitect.spaces.open_values import calculate

__all__ = ["POOLINGS", "GlobalPool", "Pool", "average_pool", "global_pool", "max_pool", "pool_to"]

_MAX: dict[int, Callable[..., Tensor]] = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}
_AVERAGE: dict[int, Callable[..., Tensor]] = {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}
How = Literal["max", "average"]


class Pool(nn.Module):
    """Maximum or average over windows, without padding: size n becomes ⌊(n − kernel) / stride⌋ + 1.

    Args:
        kernel, stride: one number for each dimension, or one for all; they may be open.
    """

    def __init__(
        self,
        how: How,
        kernel: int | tuple[int, ...],
        stride: int | tuple[int, ...] | None = None,
        *,
        dims: int = 2,
    ) -> None:
        super().__init__()
        if how not in POOLINGS:
            raise SpaceError(f"no pooling {how!r}", hint=did_you_mean(str(how), POOLINGS))
        self.how, self.dims = how, dims
        self.kernel = kernel if isinstance(kernel, tuple) else (kernel,) * dims
        self.stride = self.kernel if stride is None else stride if isinstance(stride, tuple) else (stride,) * dims

    def forward(self, x: Tensor) -> Tensor:
        size, kernel = tuple(x.shape[2:]), tuple(int(now(n)) for n in self.kernel)
        if len(size) != self.dims or any(n < k for n, k in zip(size, kernel, strict=True)):
            raise EvaluationError(
                f"a pooling window of {describe(kernel)} cannot read a map of {describe(x.shape[1:])}",
                hint="pool less often, or with a smaller window",
            )
        pool = _MAX[self.dims] if self.how == "max" else _AVERAGE[self.dims]
        return pool(x, kernel, tuple(int(now(n)) for n in self.stride))

    def shape_after(self, shape: Sequence[Any]) -> tuple[Any, ...]:
        """The shape of the result, whose numbers may be open."""
        windows = zip(shape[1:], self.kernel, self.stride, strict=True)
        return (shape[0], *(calculate(_windows, *window) for window in windows))

    def extra_repr(self) -> str:
        return f"{self.how!r}, kernel={self.kernel!r}, stride={self.stride!r}"


def _windows(size: int, kernel: int, stride: int) -> int:
    """How many windows fit; one where none does, which `forward` refuses."""
    return max((size - kernel) // max(stride, 1) + 1, 1)


class GlobalPool(nn.Module):
    """One number per channel: (n, channels, *size) to (n, channels); a vector stays what it is."""

    def __init__(self, how: How) -> None:
        super().__init__()
        self.how = how

    def forward(self, x: Tensor) -> Tensor:
        if x.dim() < 3:
            return x
        flat = x.flatten(2)
        return flat.amax(2) if self.how == "max" else flat.mean(2)

    def extra_repr(self) -> str:
        return repr(self.how)


def max_pool(kernel: int = 2, stride: int | None = None, *, dims: int = 2) -> nn.Module:
    """The largest value of each window; the stride is the kernel where none is given."""
    return Pool("max", kernel, stride, dims=dims)


def average_pool(kernel: int = 2, stride: int | None = None, *, dims: int = 2) -> nn.Module:
    """The mean of each window; the stride is the kernel where none is given."""
    return Pool("average", kernel, stride, dims=dims)


def global_pool(how: How = "average") -> nn.Module:
    """One number per channel (Lin 2014): (n, channels, *size) to (n, channels)."""
    if how not in POOLINGS:
        raise SpaceError(f"no pooling {how!r}", hint=did_you_mean(str(how), POOLINGS))
    return GlobalPool(how)


def pool_to(source: tuple[int, ...], target: tuple[int, ...], how: How = "average") -> nn.Module:
    """Pool a map of size `source` to exactly `target`, with windows as equal as whole numbers allow.

    Unlike torch's adaptive pooling the windows are fixed when it is built, so every exporter can write them.

    Raises:
        SpaceError: `target` is larger than `source` somewhere, or empty.
    """
    if len(source) != len(target) or any(not 1 <= t <= s for s, t in zip(source, target, strict=True)):
        raise SpaceError(f"a map of {describe(source)} cannot be pooled to {describe(target)}")
    stride = tuple(s // t for s, t in zip(source, target, strict=True))
    kernel = tuple(s - (t - 1) * step for s, t, step in zip(source, target, stride, strict=True))
    return Pool(how, kernel, stride, dims=len(source))


POOLINGS: dict[str, Callable[..., nn.Module]] = {"max": max_pool, "average": average_pool}
"""Windowed poolings by name: (kernel, stride, *, dims)."""
