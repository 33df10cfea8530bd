"""What torch's own layers are to a change of size: which axes of which tensors follow their inputs and outputs.

One table serves three uses: a view of a layer at a smaller size (the active part of a supernet), the layer itself cut
in place (a plain subnet), and the layer grown by copies of its channels (Chen et al., "Net2Net", 2016).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrize

__all__ = [
    "CHANNELS_LAST",
    "CONVOLUTIONS",
    "NORMALISATIONS",
    "Index",
    "LayerKind",
    "channel_dim",
    "cut",
    "cut_in_place",
    "layer_kind",
    "refusal",
    "sides",
    "view",
]

Index = Tensor | slice | None
"""Which channels are kept, in order: positions, a leading part, or all."""

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
"""By how many dimensions they slide over, from 1."""

_TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
_BATCH = (nn.modules.batchnorm._BatchNorm, nn.modules.instancenorm._InstanceNorm)
_PLACEWISE = (nn.LayerNorm, nn.RMSNorm)

NORMALISATIONS = (*_BATCH, nn.GroupNorm, *_PLACEWISE)
"""They treat every channel, or group of channels, alone."""

CHANNELS_LAST = (nn.Linear, nn.Embedding, *_PLACEWISE)
"""Their channels are the last dimension of what they read and give."""


@dataclass(frozen=True)
class LayerKind:
    """How channels pass through a layer.

    Attributes:
        mixes: every output depends on every input, so the two sides have sizes of their own; else block b of the
            outputs depends on block b of the inputs alone.
        axes: tensor name -> what its leading axes follow: "inputs", "outputs" or "" (neither).
        blocks: number of blocks of channels that stay whole.
    """

    mixes: bool
    axes: Mapping[str, tuple[str, ...]]
    blocks: int = 0


_STATISTICS = dict.fromkeys(("weight", "bias", "running_mean", "running_var"), ("outputs",))


def layer_kind(module: nn.Module) -> LayerKind | None:
    """Return how a layer can be cut; None where it is none of torch's layers whose channels can be."""
    kind = _kind(module)
    if kind is None or refusal(module) is not None:
        return None
    return kind


def _kind(module: nn.Module) -> LayerKind | None:
    kind = None
    if isinstance(module, nn.Linear):
        kind = LayerKind(True, {"weight": ("outputs", "inputs"), "bias": ("outputs",)})
    elif isinstance(module, (*CONVOLUTIONS, *_TRANSPOSED)) and module.groups == 1:
        order = ("inputs", "outputs") if isinstance(module, _TRANSPOSED) else ("outputs", "inputs")
        kind = LayerKind(True, {"weight": order, "bias": ("outputs",)})
    elif isinstance(module, CONVOLUTIONS):
        kind = LayerKind(False, {"weight": ("outputs", ""), "bias": ("outputs",)}, module.groups)
    elif isinstance(module, nn.Embedding):
        kind = LayerKind(True, {"weight": ("", "outputs")})
    elif isinstance(module, _BATCH):
        kind = LayerKind(False, _STATISTICS, module.num_features)
    elif isinstance(module, _PLACEWISE) and len(module.normalized_shape) == 1:
        kind = LayerKind(False, _STATISTICS, module.normalized_shape[0])
    elif isinstance(module, nn.GroupNorm):
        blocks = module.num_groups if module.num_groups > 1 else module.num_channels
        kind = LayerKind(False, _STATISTICS, blocks)
    elif isinstance(module, nn.PReLU) and module.num_parameters > 1:
        kind = LayerKind(False, _STATISTICS, module.num_parameters)
    return kind


def refusal(module: nn.Module) -> str | None:
    """Return why a module with weights keeps its size, and what to do; None where nothing speaks against cutting."""
    name = type(module).__name__
    if isinstance(module, nn.MultiheadAttention):
        return f"{name} ties its width to its heads; write attention with sa.nn in a space of its own to search them"
    if isinstance(module, (nn.RNNBase, nn.RNNCellBase)):
        return f"{name} holds all its gates in one matrix; build it in a space of its own to search its width"
    if parametrize.is_parametrized(module):
        return (
            f"{name} computes its weights (a parametrization); call "
            "torch.nn.utils.parametrize.remove_parametrizations first"
        )
    kind = _kind(module)
    own = [name for name, held in module.named_parameters(recurse=False) if held.numel() > 1]
    if kind is None and own:
        return f"{name} holds {' and '.join(own)} in a form that cannot be cut; torch's Linear, Conv, Norm … can"
    strange = [] if kind is None else sorted({*own} - {*kind.axes})
    if strange:
        return f"{name} holds {' and '.join(strange)} beside the weights of torch's layer"
    return None


def sides(module: Any) -> tuple[int, int]:
    """Return the channels that a layer of a known kind reads and gives; an embedding reads none."""
    if isinstance(module, nn.Linear):
        return module.in_features, module.out_features
    if isinstance(module, (*CONVOLUTIONS, *_TRANSPOSED)):
        return module.in_channels, module.out_channels
    if isinstance(module, nn.Embedding):
        return 0, module.embedding_dim
    for name in ("num_features", "num_channels", "num_parameters"):
        if hasattr(module, name):
            return getattr(module, name), getattr(module, name)
    return module.normalized_shape[0], module.normalized_shape[0]


def channel_dim(module: nn.Module, tensor: Tensor) -> int:
    """Return which dimension of its input or output holds a layer's channels."""
    if isinstance(module, CHANNELS_LAST):
        return tensor.dim() - 1
    if isinstance(module, (*CONVOLUTIONS, *_TRANSPOSED)):
        return tensor.dim() - 1 - len(module.kernel_size)
    return 1


def cut(
    layer: nn.Module, kind: LayerKind, inputs: Index, outputs: Index, kernel: int | None = None
) -> dict[str, Tensor]:
    """Return the layer's tensors at another size: views where a leading part is kept, copies otherwise.

    Args:
        kernel: size along the longest sides of the window: its middle, or zeros around it.
    """
    chosen: dict[str, Index] = {"inputs": inputs, "outputs": outputs, "": None}
    found = {}
    for name, axes in kind.axes.items():
        tensor = getattr(layer, name, None)
        if tensor is None:
            continue
        for axis, follows in enumerate(axes):
            tensor = _taken(tensor, axis, chosen[follows])
        found[name] = tensor
    if kernel is not None:
        found["weight"] = _windowed(found["weight"], _window(layer, kernel))
    return found


def view(layer: nn.Module, kind: LayerKind, inputs: Index, outputs: Index, kernel: int | None = None) -> nn.Module:
    """Return a layer of another size that computes with parts of this one's tensors; it shares everything else."""
    tensors = cut(layer, kind, inputs, outputs, kernel)
    made: nn.Module = object.__new__(type(layer))
    vars(made).update(vars(layer))
    for store in ("_parameters", "_buffers"):
        vars(made)[store] = {name: held for name, held in getattr(layer, store).items() if name not in tensors}
    vars(made).update(tensors)
    _set_sizes(made, layer, _counts(layer, inputs, outputs), kernel)
    return made


def cut_in_place(layer: nn.Module, kind: LayerKind, inputs: Index, outputs: Index, kernel: int | None = None) -> None:
    """Give a layer another size, with copies of the parts of its tensors for its own."""
    for name, tensor in cut(layer, kind, inputs, outputs, kernel).items():
        fresh = tensor.detach().clone(memory_format=torch.contiguous_format)
        if name in layer._buffers:
            layer._buffers[name] = fresh
        else:
            held = layer._parameters[name]
            layer._parameters[name] = nn.Parameter(fresh, requires_grad=held is not None and held.requires_grad)
    _set_sizes(layer, layer, _counts(layer, inputs, outputs), kernel)


def _counts(layer: nn.Module, inputs: Index, outputs: Index) -> tuple[int, int]:
    return tuple(  # type: ignore[return-value]
        full if index is None else index.stop if isinstance(index, slice) else len(index)
        for full, index in zip(sides(layer), (inputs, outputs), strict=True)
    )


def _taken(tensor: Tensor, axis: int, index: Index) -> Tensor:
    if index is None:
        return tensor
    if isinstance(index, slice):
        return tensor.narrow(axis, 0, index.stop)
    return tensor.index_select(axis, index.to(tensor.device))


def _window(layer: Any, kernel: int) -> tuple[int, ...]:
    """The sides of the window: the longest ones get the new size, shorter ones are at most that long."""
    longest = max(layer.kernel_size)
    return tuple(kernel if side == longest else min(side, kernel) for side in layer.kernel_size)


def _windowed(weight: Tensor, window: tuple[int, ...]) -> Tensor:
    for axis, side in enumerate(window, start=2):
        change = side - weight.shape[axis]
        if change < 0:
            weight = weight.narrow(axis, -change // 2, side)
        elif change > 0:
            around = [0, 0] * (weight.dim() - 1 - axis) + [change // 2, change - change // 2]
            weight = F.pad(weight, around)
    return weight


def _set_sizes(made: Any, like: Any, counts: tuple[int, int], kernel: int | None) -> None:
    reads, gives = counts
    if isinstance(like, nn.Linear):
        made.in_features, made.out_features = reads, gives
    elif isinstance(like, nn.Embedding):
        made.embedding_dim = gives
    elif isinstance(like, (*CONVOLUTIONS, *_TRANSPOSED)):
        if like.groups > 1:
            made.groups = reads * like.groups // like.in_channels
        if kernel is not None:
            _set_window(made, like, _window(like, kernel))
        made.in_channels, made.out_channels = reads, gives
    elif isinstance(like, nn.GroupNorm):
        if like.num_groups > 1:
            made.num_groups = gives * like.num_groups // like.num_channels
        made.num_channels = gives
    elif isinstance(like, _PLACEWISE):
        made.normalized_shape = (gives,)
    elif isinstance(like, nn.PReLU):
        made.num_parameters = gives
    else:
        made.num_features = gives


def _set_window(made: Any, like: Any, window: tuple[int, ...]) -> None:
    changes = [d * (side - old) // 2 for d, side, old in zip(like.dilation, window, like.kernel_size, strict=True)]
    if not isinstance(like.padding, str):
        made.padding = tuple(p + change for p, change in zip(like.padding, changes, strict=True))
    repeated = list(like._reversed_padding_repeated_twice)
    if len(repeated) == 2 * len(window):
        grown = [change for change in reversed(changes) for _ in range(2)]
        made._reversed_padding_repeated_twice = [p + change for p, change in zip(repeated, grown, strict=True)]
    made.kernel_size = window
