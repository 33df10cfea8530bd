"""Partial connections: a mixed operation works on 1/K of the channels, the others pass it by.

Xu et al., "PC-DARTS: partial channel connections for memory-efficient architecture search", 2020. The operations use
the first channels of their own weights, so they stay those of the space and nothing is built twice; with K = 1 every
result is that of DARTS. Edge normalisation (equation 3) weighs the edges that end in one node against each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import MethodType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from searchitect.errors import SpaceError
from searchitect.nn.cell_operations import Zero
from searchitect.nn.elastic_layers import CONVOLVE
from searchitect.nn.mixed import Mixed
from searchitect.supernet.architecture_weights import MixedDecision
from searchitect.supernet.layer_kinds import CONVOLUTIONS

__all__ = ["PartialConnection", "partially_connected", "shuffle"]

_POOL: dict[int, Callable[..., Tensor]] = {3: F.max_pool1d, 4: F.max_pool2d, 5: F.max_pool3d}


@dataclass(frozen=True, eq=False)
class PartialConnection:
    """What stands around the weighted sum of a mixed operation.

    Attributes:
        share: K; the sum sees every channel where it is 1.
        edges: path of a decision to the weight β of its edge, filled in before every pass; empty for no weight.
        path: of this decision.
    """

    share: int
    edges: Mapping[str, Tensor | float]
    path: str

    def __call__(self, mix: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
        """Equation 2 of the paper on the first channels, the rest beside it, shuffled; (n, c, *size)."""
        weight = self.edges.get(self.path, 1.0)
        if self.share == 1:
            output = mix(x)
        else:
            count = x.shape[1] // self.share
            mixed, rest = mix(x[:, :count]), x[:, count:]
            if mixed.shape[2:] != rest.shape[2:]:  # the operations halve the map, so does what passes them by
                rest = _POOL[x.dim()](rest, 2, 2, ceil_mode=True)
            output = shuffle(torch.cat((mixed, rest), 1), self.share)
        return output if isinstance(weight, float) and weight == 1.0 else weight * output


def shuffle(x: Tensor, groups: int) -> Tensor:
    """Interleave the channels of so many groups, as ShuffleNet does: (n, c, *size) of the same shape."""
    parts = x.reshape(x.shape[0], groups, x.shape[1] // groups, *x.shape[2:])
    return parts.transpose(1, 2).flatten(1, 2)


@contextmanager
def partially_connected(
    decisions: Sequence[MixedDecision],
    share: int,
    edges: Mapping[str, Tensor | float],
    probe: Callable[[], object],
) -> Iterator[None]:
    """Put partial connections around all mixed operations, and take them away afterwards.

    A mixed operation that changes the number of channels, or has a number that K does not divide, stays whole.

    Args:
        share: K.
        probe: runs the supernet once with all options mixed; shapes are read on the way.

    Raises:
        SpaceError: an operation cannot work on a part of its channels.
    """
    places = [(decision.path, mixed) for decision in decisions for mixed in decision.mixed]
    fitting = _keeping_channels([mixed for _, mixed in places], share, probe) if share > 1 else set()
    narrowed: list[nn.Module] = []
    try:
        for path, mixed in places:
            parts = share if mixed in fitting else 1
            if parts > 1 or edges:
                mixed.around = PartialConnection(parts, edges, path)
            if parts > 1:
                narrowed += _narrow(mixed)
        if fitting:
            _check(probe, share)
        yield
    finally:
        for module in narrowed:
            vars(module).pop("forward", None)
        for _, mixed in places:
            mixed.around = None


def _keeping_channels(places: Sequence[Mixed], share: int, probe: Callable[[], object]) -> set[Mixed]:
    fitting: set[Mixed] = set()

    def look(mixed: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        assert isinstance(mixed, Mixed)
        tensors = len(inputs) == 1 and isinstance(inputs[0], Tensor) and isinstance(output, Tensor)
        kept = tensors and inputs[0].dim() in _POOL and inputs[0].shape[1] == output.shape[1]
        if kept and output.shape[1] % share == 0:
            fitting.add(mixed)

    hooks = [mixed.register_forward_hook(look) for mixed in places]
    try:
        probe()
    finally:
        for hook in hooks:
            hook.remove()
    return fitting


def _check(probe: Callable[[], object], share: int) -> None:
    try:
        probe()
    except (RuntimeError, ValueError) as error:
        raise SpaceError(
            f"an operation cannot work on 1/{share} of its channels: {str(error).splitlines()[0]}",
            hint="take a smaller share (partial=2), or a method without partial connections",
        ) from error


def _narrow(mixed: Mixed) -> list[nn.Module]:
    """Let the layers of all operations read as many channels as come in; return those that were changed."""
    changed = []
    for operation in mixed.operations:
        for module in operation.modules():
            kind: Callable[..., Tensor] | None = None
            if type(module) in CONVOLUTIONS:
                kind = _convolve
            elif isinstance(module, nn.modules.batchnorm._BatchNorm):
                kind = _normalise
            elif isinstance(module, Zero):
                kind = _nothing
            if kind is not None:
                vars(module)["forward"] = MethodType(kind, module)
                changed.append(module)
    return changed


def _convolve(layer: Any, x: Tensor) -> Tensor:
    """A convolution of the first channels by the first filters."""
    if x.shape[1] == layer.in_channels:
        return type(layer).forward(layer, x)  # type: ignore[no-any-return]
    outputs = layer.out_channels * x.shape[1] // layer.in_channels
    groups = layer.groups * x.shape[1] // layer.in_channels if layer.groups > 1 else 1
    weight = layer.weight[:outputs, : x.shape[1] // groups]
    bias = None if layer.bias is None else layer.bias[:outputs]
    convolve = CONVOLVE[len(layer.kernel_size)]
    return convolve(x, weight, bias, layer.stride, layer.padding, layer.dilation, groups)


def _normalise(layer: Any, x: Tensor) -> Tensor:
    """Batch normalisation by the statistics and weights of the first channels."""
    count = x.shape[1]
    if count == layer.num_features:
        return type(layer).forward(layer, x)  # type: ignore[no-any-return]
    weight, bias, mean, variance = (
        None if tensor is None else tensor[:count]
        for tensor in (layer.weight, layer.bias, layer.running_mean, layer.running_var)
    )
    if layer.training and layer.num_batches_tracked is not None:
        layer.num_batches_tracked.add_(1)
    momentum = layer.momentum
    if momentum is None:  # a cumulative mean, while statistics are made anew
        momentum = 1.0 / float(layer.num_batches_tracked or 1)
    batch = layer.training or mean is None
    return F.batch_norm(x, mean, variance, weight, bias, batch, momentum, layer.eps)


def _nothing(layer: Any, x: Tensor) -> Tensor:
    """Zeros of as many channels as come in: only operations that keep the channels are narrowed."""
    return x[:, :, :: layer.stride, :: layer.stride] * 0.0
