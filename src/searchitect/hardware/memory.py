"""Peak memory of activations, computed from when each tensor is born and last read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from searchitect.hardware.meta import meta_copy, run_on_meta

__all__ = ["peak_memory_bytes"]


def peak_memory_bytes(model: nn.Module, input_shape: Sequence[int]) -> int:
    """Return the largest sum of activation bytes alive at once in one forward pass, float32, batch size 1.

    The operations run in the order of the model's `forward`. A tensor lives from the operation that makes it
    (the model's input: from the start) to the last one that reads it (the model's outputs: to the end), and
    an operation holds its inputs and outputs together:

        peak = max over operations i of the sum of bytes(t) over tensors t with born(t) <= i <= last_read(t)

    Views and in-place operations share their memory. A tensor that nobody reads (the indices of a max
    pooling) takes none. Weights are not included, they may lie elsewhere (flash, disk): see `model_bytes`.
    Neither is the scratch memory of kernels, which differs from library to library.

    Args:
        model: on any device; it is not changed and nothing is computed.
        input_shape: shape of one float32 example, without the batch, such as `TaskSpec.inputs`.

    Raises:
        EvaluationError: the model does not run on this shape.
    """
    twin = meta_copy(model)
    trace = _Trace()
    with torch.no_grad(), trace:
        example, output = run_on_meta(twin, input_shape)
    weights = {_storage(tensor) for tensor in (*twin.parameters(), *twin.buffers())}
    trace.born.setdefault(_storage(example), 0)
    for tensor in _tensors(output):
        trace.last_read[_storage(tensor)] = trace.steps
    return _peak(trace, exclude=weights)


class _Trace(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Records, for every storage, the operation that made it and the last one that read or wrote it."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.steps = 0
        self.born: dict[int, int] = {}
        self.last_read: dict[int, int] = {}
        self.bytes: dict[int, int] = {}
        self._alive: list[torch.Tensor] = []  # keeps storages apart: a freed one could lend its address to another

    def __torch_dispatch__(
        self, func: Any, types: object, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        for tensor in _tensors((args, kwargs or {})):
            key = self._note(tensor)
            self.born.setdefault(key, 0)  # first seen as an input: given from outside
            self.last_read[key] = self.steps
        for tensor in _tensors(result):
            self.born.setdefault(self._note(tensor), self.steps)
        self.steps += 1
        return result

    def _note(self, tensor: torch.Tensor) -> int:
        key = _storage(tensor)
        self._alive.append(tensor)
        self.bytes[key] = tensor.untyped_storage().nbytes()
        return key


def _peak(trace: _Trace, exclude: set[int]) -> int:
    changes = [0] * (trace.steps + 2)
    for key, last in trace.last_read.items():
        if key not in exclude:
            size = trace.bytes.get(key, 0)
            changes[trace.born[key]] += size
            changes[last + 1] -= size
    peak = alive = 0
    for change in changes:
        alive += change
        peak = max(peak, alive)
    return peak


def _storage(tensor: torch.Tensor) -> int:
    return int(tensor.untyped_storage()._cdata)


def _tensors(tree: object) -> Iterable[torch.Tensor]:
    return (leaf for leaf in tree_leaves(tree) if isinstance(leaf, torch.Tensor))
