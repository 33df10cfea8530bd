"""The operations of published cells: what stands on an edge, by the name that papers and tables use.

Each is called alike, (inputs, outputs, stride), and turns a map (n, inputs, h, w) into (n, outputs, ⌈h / stride⌉,
⌈w / stride⌉). Convolutions stand between an activation and a normalisation: ReLU, convolution, batch norm.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from searchitect.errors import SpaceError, did_you_mean
from searchitect.nn.convolutions import conv
from searchitect.nn.mixed import Mixed
from searchitect.spaces.open_values import OpenOption

__all__ = [
    "CELL_OPERATIONS",
    "FactorizedReduce",
    "Zero",
    "cell_operation",
    "dilated_unit",
    "preactivated_conv",
    "row_and_column",
    "same_pool",
    "separable_unit",
    "skip",
]


class Zero(nn.Module):
    """Zeros of the right shape. They depend on the input, so that what led here still has a gradient, of zero."""

    def __init__(self, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.outputs, self.stride = outputs, stride

    def forward(self, x: Tensor) -> Tensor:
        nothing = x[:, :, :: self.stride, :: self.stride] * 0.0
        return nothing if x.shape[1] == self.outputs else nothing[:, :1].expand(-1, self.outputs, -1, -1)

    def extra_repr(self) -> str:
        return f"{self.outputs}, stride={self.stride}"


class FactorizedReduce(nn.Module):
    """Two 1×1 convolutions on places shifted by one against each other, so that a stride of 2 leaves out less.

    ReLU, the two convolutions with half of the outputs each, batch norm (Liu et al. 2019, `cnn/operations.py`). A map
    of odd size is padded with a row and a column of zeros at its end.
    """

    def __init__(self, inputs: int, outputs: int, stride: int = 2) -> None:
        super().__init__()
        if outputs < 2:
            raise SpaceError(f"a factorized reduction needs at least 2 output channels, got {outputs}")
        half = outputs // 2
        self.even = conv(inputs, half, 1, stride=stride, bias=False)
        self.odd = conv(inputs, outputs - half, 1, stride=stride, bias=False)
        self.activation, self.norm = nn.ReLU(), nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        x = self.activation(x)
        shifted = nn.functional.pad(x, (0, 1, 0, 1))[:, :, 1:, 1:]
        result: Tensor = self.norm(torch.cat((self.even(x), self.odd(shifted)), 1))
        return result


def preactivated_conv(inputs: int, outputs: int, stride: int = 1, *, kernel: int = 3) -> nn.Module:
    """ReLU, convolution, batch norm."""
    body = conv(inputs, outputs, kernel, stride=stride, bias=False)
    return nn.Sequential(nn.ReLU(), body, nn.BatchNorm2d(outputs))


def separable_unit(inputs: int, outputs: int, stride: int = 1, *, kernel: int = 3) -> nn.Module:
    """Twice: ReLU, depthwise, 1×1, batch norm; the first has the stride (Zoph et al. 2018)."""
    return nn.Sequential(
        *_depthwise(inputs, inputs, kernel, stride, 1),
        *_depthwise(inputs, outputs, kernel, 1, 1),
    )


def dilated_unit(inputs: int, outputs: int, stride: int = 1, *, kernel: int = 3) -> nn.Module:
    """ReLU, depthwise with every second place, 1×1, batch norm (Liu et al. 2019)."""
    return nn.Sequential(*_depthwise(inputs, outputs, kernel, stride, 2))


def same_pool(inputs: int, outputs: int, stride: int = 1, *, how: str = "average", kernel: int = 3) -> nn.Module:
    """Pool windows that reach over the border, which does not count; other channels by a 1×1 unit before."""
    pool: nn.Module = (
        nn.MaxPool2d(kernel, stride, kernel // 2)
        if how == "max"
        else nn.AvgPool2d(kernel, stride, kernel // 2, count_include_pad=False)
    )
    return pool if inputs == outputs else nn.Sequential(preactivated_conv(inputs, outputs, kernel=1), pool)


def skip(inputs: int, outputs: int, stride: int = 1) -> nn.Module:
    """The identity, or a factorized reduction where the shape changes."""
    return nn.Identity() if stride == 1 and inputs == outputs else FactorizedReduce(inputs, outputs, stride)


def row_and_column(inputs: int, outputs: int, stride: int = 1, *, kernel: int = 7) -> nn.Module:
    """ReLU, 1×k, k×1, batch norm; each has the stride along its own axis (Szegedy et al. 2016, Real et al. 2019)."""
    half = kernel // 2
    return nn.Sequential(
        nn.ReLU(),
        nn.Conv2d(inputs, outputs, (1, kernel), (1, stride), (0, half), bias=False),
        nn.Conv2d(outputs, outputs, (kernel, 1), (stride, 1), (half, 0), bias=False),
        nn.BatchNorm2d(outputs),
    )


def _zero(inputs: int, outputs: int, stride: int = 1) -> nn.Module:
    return Zero(outputs, stride)


def _depthwise(inputs: int, outputs: int, kernel: int, stride: int, dilation: int) -> list[nn.Module]:
    return [
        nn.ReLU(),
        conv(inputs, inputs, kernel, stride=stride, dilation=dilation, groups=inputs, bias=False),
        conv(inputs, outputs, 1, bias=False),
        nn.BatchNorm2d(outputs),
    ]


CELL_OPERATIONS: dict[str, Callable[..., nn.Module]] = {
    "none": _zero,
    "skip_connect": skip,
    "nor_conv_1x1": partial(preactivated_conv, kernel=1),
    "nor_conv_3x3": preactivated_conv,
    "avg_pool_3x3": same_pool,
    "max_pool_3x3": partial(same_pool, how="max"),
    "sep_conv_3x3": separable_unit,
    "sep_conv_5x5": partial(separable_unit, kernel=5),
    "sep_conv_7x7": partial(separable_unit, kernel=7),
    "dil_conv_3x3": dilated_unit,
    "dil_conv_5x5": partial(dilated_unit, kernel=5),
    "conv_7x1_1x7": row_and_column,
}
"""Every operation of a cell by its published name: (inputs, outputs, stride)."""


def cell_operation(name: str, inputs: int, outputs: int, stride: int = 1) -> nn.Module:
    """Return a fresh operation.

    Raises:
        SpaceError: no operation has this name; the message names the nearest.
    """
    if isinstance(name, OpenOption):
        return Mixed(name, {op: cell_operation(str(op), inputs, outputs, stride) for op in name.options})
    if name not in CELL_OPERATIONS:
        raise SpaceError(f"no operation of a cell is called {name!r}", hint=did_you_mean(str(name), CELL_OPERATIONS))
    return CELL_OPERATIONS[name](inputs, outputs, stride)
