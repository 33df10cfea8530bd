"""Layers of open size: one set of weights, of which every architecture uses a part.

Width: the first channels (Yu et al., "Slimmable neural networks", 2019). Kernel: the middle of the largest (Cai et al.,
"Once-for-all", 2020). What a layer reads is told by its input, so a layer behind one that was left out still fits.
The factories of this room make these wherever a size is open.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from searchitect.errors import SpaceError
from searchitect.nn.elastic import Elastic, at_least_one, is_open, largest, now, part, slice_into

__all__ = ["ElasticConv", "ElasticDropout", "ElasticLinear", "ElasticNorm"]

MAX_WIDTHS = 64
"""Widths of one layer that may each have their own batch normalisation."""

CONVOLVE: dict[int, Callable[..., Tensor]] = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
_FULL: dict[int, Callable[..., nn.Module]] = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}


class ElasticConv(Elastic):
    """A convolution whose channels, kernel, stride, dilation or groups are open; "same" padding.

    Args:
        groups: a number; "channels" for one filter per channel; or ("fitting", n): the most up to n that divide both.
    """

    def __init__(
        self, inputs: Any, outputs: Any, kernel: Any, *, stride: Any, dilation: Any, groups: Any, bias: Any, dims: int
    ) -> None:
        super().__init__()
        at_least_one(inputs=inputs, outputs=outputs, kernel=kernel, stride=stride, dilation=dilation)
        self.depthwise = isinstance(groups, str)
        # Weights for one group hold those for any number of groups.
        widest = largest(inputs) if self.depthwise else groups if isinstance(groups, int) else 1
        self.full = _FULL[dims](
            largest(inputs), largest(outputs), largest(kernel), groups=widest, bias=is_open(bias) or bool(bias)
        )
        self.outputs, self.kernel, self.stride, self.dilation = outputs, kernel, stride, dilation
        self.groups, self.bias, self.dims = groups, bias, dims

    def forward(self, x: Tensor) -> Tensor:
        channels, kernel, dilation = x.shape[1], int(now(self.kernel)), int(now(self.dilation))
        outputs = channels if self.depthwise else int(now(self.outputs))
        groups = self._groups(channels, outputs)
        shape = (outputs, channels // groups, *(kernel,) * self.dims)
        weight = part(self.full.weight, shape)
        bias = self.full.bias[:outputs] if self.full.bias is not None and now(self.bias) else None
        before = dilation * (kernel - 1) // 2
        after = dilation * (kernel - 1) - before
        if before != after:
            x, before = F.pad(x, (before, after) * self.dims), 0
        convolve = CONVOLVE[self.dims]
        return convolve(x, weight, bias, int(now(self.stride)), before, dilation, groups)

    def _groups(self, channels: int, outputs: int) -> int:
        if self.depthwise:
            return channels
        if isinstance(self.groups, tuple):
            most = int(now(self.groups[1]))
            return max(g for g in range(1, most + 1) if channels % g == 0 and outputs % g == 0)
        return int(now(self.groups))


class ElasticLinear(Elastic):
    """A linear map of vectors whose inputs or outputs are open."""

    def __init__(self, inputs: Any, outputs: Any, bias: Any = True) -> None:
        super().__init__()
        at_least_one(inputs=inputs, outputs=outputs)
        self.full = nn.Linear(int(largest(inputs)), int(largest(outputs)), bias=is_open(bias) or bool(bias))
        self.outputs, self.bias = outputs, bias

    def forward(self, x: Tensor) -> Tensor:
        outputs = int(now(self.outputs))
        bias = self.full.bias[:outputs] if self.full.bias is not None and now(self.bias) else None
        return F.linear(x, self.full.weight[:outputs, : x.shape[-1]], bias)


class ElasticNorm(Elastic):
    """Batch, group, layer or RMS normalisation of as many channels as come in.

    Batch normalisation keeps one set of running statistics: they fit the architecture they were last made with, so a
    subnet's are made anew before it is judged (`supernet.recalibrate`). With `batch_norm="per_width"` every width has a
    layer of its own.

    Args:
        make: (channels) to the plain normalisation, as a concrete model has it.
        channels: a number, open or not.
    """

    def __init__(self, make: Callable[[int], nn.Module], channels: Any) -> None:
        super().__init__()
        at_least_one(channels=channels)
        self.make, self.channels = make, channels
        self.full = make(int(largest(channels)))
        self.widths = nn.ModuleDict()
        switched = is_open(channels) and channels.selection.batch_norm == "per_width"
        if switched and isinstance(self.full, nn.modules.batchnorm._BatchNorm):
            if len(channels.candidates) > MAX_WIDTHS:
                raise SpaceError(
                    f"{' and '.join(channels.paths)} gives {len(channels.candidates)} widths, each with its own "
                    f"normalisation: expected at most {MAX_WIDTHS}",
                    hint='share them (batch_norm="shared") and recalibrate',
                )
            self.widths.update({str(int(n)): make(int(n)) for n in channels.candidates[:-1]})

    def spread(self) -> None:
        """Let the layer of every width begin as the first channels of the widest."""
        for narrower in self.widths.values():
            slice_into(self.full, narrower)

    @property
    def active(self) -> nn.Module:
        """The layer that holds what the active architecture uses."""
        key = str(int(now(self.channels)))
        found: nn.Module = self.widths[key] if key in self.widths else self.full  # noqa: SIM401 - it has no get
        return found

    def copy_into(self, target: nn.Module) -> None:
        slice_into(self.active, target)

    def forward(self, x: Tensor) -> Tensor:
        full, channels = self.full, x.shape[-1 if isinstance(self.full, nn.LayerNorm) else 1]
        if str(channels) in self.widths:
            own: Tensor = self.widths[str(channels)](x)
            return own
        if isinstance(full, nn.modules.batchnorm._BatchNorm):
            return self._batch(full, x, channels)
        if isinstance(full, nn.LayerNorm):
            return F.layer_norm(x, (channels,), full.weight[:channels], full.bias[:channels], full.eps)
        if isinstance(full, nn.GroupNorm):
            groups = self._groups(channels)
            return F.group_norm(x, groups, full.weight[:channels], full.bias[:channels], full.eps)
        with torch.device("meta"):
            plain = self.make(channels)
        parts = {name: part(tensor, plain.get_parameter(name).shape) for name, tensor in full.named_parameters()}
        result: Tensor = torch.func.functional_call(full, parts, (x,))
        return result

    def _batch(self, full: nn.modules.batchnorm._BatchNorm, x: Tensor, channels: int) -> Tensor:
        assert full.running_mean is not None
        assert full.running_var is not None
        if self.training and full.num_batches_tracked is not None:
            full.num_batches_tracked.add_(1)
        momentum = full.momentum
        if momentum is None:  # a cumulative mean, while statistics are made anew
            momentum = 1.0 / float(full.num_batches_tracked or 1)
        mean, variance = full.running_mean[:channels], full.running_var[:channels]
        return F.batch_norm(
            x, mean, variance, full.weight[:channels], full.bias[:channels], self.training, momentum, full.eps
        )

    def _groups(self, channels: int) -> int:
        with torch.device("meta"):
            return self.make(channels).num_groups  # type: ignore[return-value]


class ElasticDropout(Elastic):
    """Dropout at an open rate."""

    def __init__(self, rate: Any) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        return F.dropout(x, float(now(self.rate)), self.training)
