"""Peak memory of activations, computed from when each tensor is born and last read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from searchitect.hardware.meta import meta_copy, run_on_meta

__all__ = ["FUSED", "peak_memory_bytes", "peak_memory_int8_bytes"]

FUSED = frozenset(
    {
        *("native_batch_norm", "_native_batch_norm_legit_no_training", "_native_batch_norm_legit"),
        *("relu", "hardtanh", "leaky_relu", "elu", "celu", "gelu", "silu", "mish", "_prelu_kernel", "softplus"),
        *("sigmoid", "hardsigmoid", "hardswish", "tanh", "clamp", "clamp_min", "clamp_max"),
    }
)
"""Operations value by value that an int8 engine folds into the one before: batch normalisation and activations."""

ATTENTION = frozenset({"scaled_dot_product_attention"})
"""What PyTorch runs as one kernel, on processors as on GPUs."""


def peak_memory_bytes(model: nn.Module, input_shape: Sequence[int]) -> int:
    """Return the largest sum of activation bytes alive at once in one forward pass, float32, batch size 1.

    The operations run in the order of the model's `forward`. A tensor lives from the operation that makes it
    (the model's input: from the start) to the last one that reads it (the model's outputs: to the end), and
    an operation holds its inputs and outputs together:

        peak = max over operations i of the sum of bytes(t) over tensors t with born(t) <= i <= last_read(t)

    Views and in-place operations share their memory. `scaled_dot_product_attention` is one operation that never holds
    its scores (Dao et al., "FlashAttention", NeurIPS 2022). A tensor that nobody reads (the indices of a max
    pooling) takes none. Weights are not included, they may lie elsewhere (flash, disk): see `model_bytes`.
    Neither is the scratch memory of kernels, which differs from library to library, nor what Python holds longer
    than it is read: a caller's input, a name in a `forward`.

    Args:
        model: on any device; it is not changed and nothing is computed.
        input_shape: shape of one float32 example, without the batch, such as `TaskSpec.inputs`.

    Raises:
        EvaluationError: the model does not run on this shape.
    """
    trace = _traced(model, input_shape, whole=ATTENTION)
    return _peak(trace, trace.bytes)


def peak_memory_int8_bytes(model: nn.Module, input_shape: Sequence[int], *, in_place_depthwise: bool = False) -> int:
    """Return the same for a model quantised to int8, as an engine for microcontrollers runs it; weights lie in flash.

    One byte for each value of floating point; indices keep their own size. Batch normalisations and activations are
    folded into the operation before (`FUSED`) where nothing else reads its output. Attention holds its scores,
    as a graph for such an engine spells it out.

    Args:
        model, input_shape: as for `peak_memory_bytes`.
        in_place_depthwise: depthwise convolutions overwrite their input channel by channel (Lin et al., "MCUNet",
            NeurIPS 2020, §3.2), as TinyEngine does and TensorFlow Lite Micro does not.

    Raises:
        EvaluationError: the model does not run on this shape.
    """
    trace = _traced(model, input_shape)
    trace.fuse(in_place_depthwise)
    return _peak(trace, trace.int8_bytes)


def _traced(model: nn.Module, input_shape: Sequence[int], whole: frozenset[str] = frozenset()) -> _Trace:
    twin = meta_copy(model)
    trace = _Trace(whole)
    with torch.inference_mode(), trace:  # elsewhere, autograd takes attention apart before a trace sees it
        example, output = run_on_meta(twin, input_shape)
    trace.born.setdefault(trace.note(example), 0)
    trace.given.add(_storage(example))
    for tensor in _tensors(output):
        trace.last_read[_storage(tensor)] = trace.steps
    for tensor in (*twin.parameters(), *twin.buffers()):
        trace.last_read.pop(_storage(tensor), None)
    return trace


class _Trace(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Records, for every storage, the operation that made it and the last one that read or wrote it.

    Attributes:
        whole: compound operations that are not taken apart.
        given: storages that no operation made.
        folded: (operation number, storage read, storage made) of the operations in `FUSED`.
        depthwise: the same of the depthwise convolutions.
    """

    def __init__(self, whole: frozenset[str]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.whole = whole
        self.steps = 0
        self.born: dict[int, int] = {}
        self.last_read: dict[int, int] = {}
        self.bytes: dict[int, int] = {}
        self.int8_bytes: dict[int, int] = {}
        self.given: set[int] = set()
        self.folded: list[tuple[int, int, int]] = []
        self.depthwise: list[tuple[int, int, int]] = []
        self._alive: list[torch.Tensor] = []  # keeps storages apart: a freed one could lend its address to another

    def __torch_dispatch__(
        self, func: Any, types: object, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        name = func.overloadpacket.__name__
        if name not in self.whole:
            with self:
                parts = func.decompose(*args, **(kwargs or {}))
            if parts is not NotImplemented:
                return parts
        result = func(*args, **(kwargs or {}))
        for tensor in _tensors((args, kwargs or {})):
            key = self.note(tensor)
            if self.born.setdefault(key, 0) == 0 and key not in self.last_read:
                self.given.add(key)  # first seen as an input
            self.last_read[key] = self.steps
        for tensor in _tensors(result):
            self.born.setdefault(self.note(tensor), self.steps)
        if name in FUSED or _is_depthwise(name, args):
            pair = (self.steps, _storage(args[0]), _storage(next(iter(_tensors(result)))))
            (self.folded if name in FUSED else self.depthwise).append(pair)
        self.steps += 1
        return result

    def note(self, tensor: torch.Tensor) -> int:
        """The storage of a tensor, its size remembered."""
        key, size = _storage(tensor), tensor.untyped_storage().nbytes()
        self._alive.append(tensor)
        self.bytes[key] = size
        self.int8_bytes[key] = size // tensor.element_size() if tensor.is_floating_point() else size
        return key

    def fuse(self, in_place_depthwise: bool) -> None:
        """Let what such operations make take the place of what they read, where nothing else reads that later."""
        place: dict[int, int] = {}
        for step, read, made in sorted(self.folded + (self.depthwise if in_place_depthwise else [])):
            root = place.get(read, read)
            if root in self.given or made == root or self.last_read.get(root) != step or made not in self.last_read:
                continue
            if self.int8_bytes[root] >= self.int8_bytes[made]:
                place[made] = root
                self.last_read[root] = self.last_read.pop(made)


def _peak(trace: _Trace, sizes: Mapping[int, int]) -> int:
    changes = [0] * (trace.steps + 2)
    for key, last in trace.last_read.items():
        changes[trace.born[key]] += sizes[key]
        changes[last + 1] -= sizes[key]
    peak = alive = 0
    for change in changes:
        alive += change
        peak = max(peak, alive)
    return peak


def _is_depthwise(name: str, args: Sequence[Any]) -> bool:
    """Whether a call of `aten.convolution` has as many groups as channels."""
    return name == "convolution" and args[8] > 1 and args[8] == args[0].shape[1] == args[1].shape[0]


def _storage(tensor: torch.Tensor) -> int:
    return int(tensor.untyped_storage()._cdata)


def _tensors(tree: object) -> Iterable[torch.Tensor]:
    return (leaf for leaf in tree_leaves(tree) if isinstance(leaf, torch.Tensor))
