"""Convolutions over 1, 2 or 3 dimensions, all with "same" padding: a stride s turns a size n into ⌈n / s⌉."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from searchitect.errors import SpaceError
from searchitect.nn.elastic import is_open
from searchitect.nn.elastic_layers import ElasticConv
from searchitect.spaces.open_values import calculate

__all__ = ["CONVOLUTIONS", "conv", "depthwise_conv", "dilated_conv", "grouped_conv", "separable_conv"]

_CONV: dict[int, Callable[..., nn.Module]] = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
_PAD: dict[int, Callable[..., nn.Module]] = {1: nn.ConstantPad1d, 2: nn.ConstantPad2d, 3: nn.ConstantPad3d}


def conv(
    inputs: int,
    outputs: int,
    kernel: int = 3,
    *,
    stride: int = 1,
    dilation: int = 1,
    groups: int = 1,
    bias: bool = True,
    dims: int = 2,
) -> nn.Module:
    """A convolution: (n, inputs, *size) to (n, outputs, *⌈size / stride⌉).

    Raises:
        SpaceError: `groups` does not divide the channels, or a number is below one.
    """
    if is_open(inputs, outputs, kernel, stride, dilation, groups, bias):
        return ElasticConv(
            inputs, outputs, kernel, stride=stride, dilation=dilation, groups=groups, bias=bias, dims=dims
        )
    _check(inputs, outputs, kernel, stride, dilation, groups)
    before = dilation * (kernel - 1) // 2
    after = dilation * (kernel - 1) - before
    if before == after:
        return _CONV[dims](
            inputs,
            outputs,
            kernel,
            stride=stride,
            padding=before,
            dilation=dilation,
            groups=groups,
            bias=bias,
        )
    # An even kernel has no middle: one more zero goes to the end, as TensorFlow does.
    pad = _PAD[dims]((before, after) * dims, 0.0)
    body = _CONV[dims](inputs, outputs, kernel, stride=stride, dilation=dilation, groups=groups, bias=bias)
    return nn.Sequential(pad, body)


def depthwise_conv(
    inputs: int, kernel: int = 3, *, stride: int = 1, dilation: int = 1, bias: bool = True, dims: int = 2
) -> nn.Module:
    """One filter per channel; the number of channels stays."""
    if is_open(inputs, kernel, stride, dilation, bias):
        return ElasticConv(
            inputs, inputs, kernel, stride=stride, dilation=dilation, groups="channels", bias=bias, dims=dims
        )
    return conv(inputs, inputs, kernel, stride=stride, dilation=dilation, groups=inputs, bias=bias, dims=dims)


def separable_conv(
    inputs: int, outputs: int, kernel: int = 3, *, stride: int = 1, bias: bool = True, dims: int = 2
) -> nn.Module:
    """Depthwise, then 1×1 (Chollet 2017): up to kernel² times fewer multiplications than a plain one."""
    return nn.Sequential(
        depthwise_conv(inputs, kernel, stride=stride, bias=False, dims=dims),
        conv(inputs, outputs, 1, bias=bias, dims=dims),
    )


def dilated_conv(
    inputs: int,
    outputs: int,
    kernel: int = 3,
    *,
    dilation: int = 2,
    stride: int = 1,
    bias: bool = True,
    dims: int = 2,
) -> nn.Module:
    """A kernel with holes (Yu & Koltun 2016): spans `dilation · (kernel − 1) + 1` places."""
    return conv(inputs, outputs, kernel, stride=stride, dilation=dilation, bias=bias, dims=dims)


def grouped_conv(
    inputs: int,
    outputs: int,
    kernel: int = 3,
    *,
    groups: int = 4,
    stride: int = 1,
    dilation: int = 1,
    bias: bool = True,
    dims: int = 2,
) -> nn.Module:
    """Channels in groups that do not mix (Xie 2017): the most up to `groups` that divide both sides."""
    if is_open(inputs, outputs, kernel, stride, dilation, groups, bias):
        wanted = ("fitting", calculate(max, groups, 1))
        return ElasticConv(
            inputs, outputs, kernel, stride=stride, dilation=dilation, groups=wanted, bias=bias, dims=dims
        )
    fitting = max(g for g in range(1, max(groups, 1) + 1) if inputs % g == 0 and outputs % g == 0)
    return conv(inputs, outputs, kernel, stride=stride, dilation=dilation, groups=fitting, bias=bias, dims=dims)


CONVOLUTIONS: dict[str, Callable[..., nn.Module]] = {
    "plain": conv,
    "separable": separable_conv,
    "dilated": dilated_conv,
    "grouped": grouped_conv,
}
"""Convolutions that are called alike: (inputs, outputs, kernel, *, stride, bias, dims)."""


def _check(inputs: int, outputs: int, kernel: int, stride: int, dilation: int, groups: int) -> None:
    numbers = {
        "inputs": inputs,
        "outputs": outputs,
        "kernel": kernel,
        "stride": stride,
        "dilation": dilation,
        "groups": groups,
    }
    for name, number in numbers.items():
        if number < 1:
            raise SpaceError(f"a convolution needs {name} of at least 1, got {number}")
    if inputs % groups or outputs % groups:
        raise SpaceError(
            f"{groups} groups do not divide a convolution from {inputs} to {outputs} channels",
            hint="nn.grouped_conv takes the largest number of groups that fits",
        )
