"""From a model to its `Work`: one pass on the meta device, where nothing is computed.

What no output depends on is left out, as runtimes leave it out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

from searchitect.hardware.meta import meta_copy, run_on_meta
from searchitect.hardware.operations import Operation, Work

__all__ = ["work_of"]

_KIND_OF = {
    **dict.fromkeys(("mm", "addmm", "bmm", "baddbmm", "linear"), "matmul"),
    **dict.fromkeys(("native_batch_norm", "_native_batch_norm_legit_no_training"), "norm"),
    **dict.fromkeys(("_native_batch_norm_legit", "native_layer_norm", "native_group_norm"), "norm"),
    **dict.fromkeys(("avg_pool1d", "avg_pool2d", "_adaptive_avg_pool2d", "mean", "amax"), "pool"),
    **dict.fromkeys(("max_pool2d_with_indices", "adaptive_max_pool2d", "max_pool3d_with_indices"), "pool"),
    **dict.fromkeys(("cat", "stack", "clone", "copy_", "_to_copy", "index", "index_select"), "copy"),
    **dict.fromkeys(("embedding", "gather", "constant_pad_nd", "roll"), "copy"),
}
_GROUPS = 8
"""Place of the number of groups among the arguments of aten::convolution."""


def work_of(model: nn.Module, input_shape: Sequence[int], architecture: str | None = None) -> Work:
    """Return the operations of one forward pass of one float32 example.

    Args:
        model: on any device; it is not changed and nothing is computed.
        input_shape: shape of the example, without the batch.
        architecture: its digest, where it is known.

    Raises:
        EvaluationError: the model does not run on this shape.
    """
    twin, recorder = meta_copy(model), _Recorder()
    with torch.no_grad(), recorder:
        _, output = run_on_meta(twin, input_shape)
    wanted = {_storage(tensor) for tensor in _tensors(output)}
    return Work(tuple(_needed(recorder.steps, wanted)), architecture)


@dataclass(frozen=True, slots=True)
class _Step:
    """One operation (None for a view, which costs nothing), and the storages that it read and made."""

    operation: Operation | None
    read: frozenset[int]
    made: frozenset[int]


class _Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.steps: list[_Step] = []
        self._alive: list[torch.Tensor] = []  # a freed storage could lend its address to another

    def __torch_dispatch__(
        self, func: Any, types: object, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        read, made = list(_tensors((args, kwargs or {}))), list(_tensors(out))
        self._alive += [*read, *made]
        free = func.is_view or not made or not read
        operation = None if free else _operation(func, args, kwargs or {}, out, [*read, *made], made)
        self.steps.append(_Step(operation, frozenset(map(_storage, read)), frozenset(map(_storage, made))))
        return out


def _operation(
    func: Any,
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    out: Any,
    moved: Sequence[torch.Tensor],
    made: Sequence[torch.Tensor],
) -> Operation:
    name, count = func.overloadpacket.__name__, flop_registry.get(func.overloadpacket)
    flops = sum(t.numel() for t in made) if count is None else count(*args, **kwargs, out_val=out)
    if name == "convolution":
        kind = "convolution" if args[_GROUPS] == 1 else "grouped_convolution"
    else:
        kind = _KIND_OF.get(name, "elementwise" if count is None else "matmul")
    return Operation(kind, float(flops), float(sum(t.numel() * t.element_size() for t in moved)))


def _needed(steps: Sequence[_Step], wanted: set[int]) -> Iterator[Operation]:
    """The operations on which a wanted storage depends, last first."""
    for step in reversed(steps):
        if not wanted.isdisjoint(step.made):
            wanted.update(step.read)
            if step.operation is not None:
                yield step.operation


def _storage(tensor: torch.Tensor) -> int:
    return int(tensor.untyped_storage()._cdata)


def _tensors(tree: object) -> Iterator[torch.Tensor]:
    return (leaf for leaf in tree_leaves(tree) if isinstance(leaf, torch.Tensor))
