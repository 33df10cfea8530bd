"""A user's own layers at an open size, and blocks that may be left out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from searchitect.nn.elastic import Elastic, Switch, now
from searchitect.supernet.layer_kinds import Index, LayerKind, cut, view
from searchitect.supernet.width_groups import Axis

__all__ = ["ElasticLayer", "FirstInput", "Removable", "replace"]

_ORDERS = ("inputs_order", "outputs_order")


class ElasticLayer(Elastic):
    """A plain layer, of which the active architecture uses some channels and the middle of the window.

    It computes by the layer's own `forward` on parts of its weights, so padding modes, subclasses and hooks keep their
    meaning. Attributes are those of the active size.

    Args:
        widths: name of a width -> its number, open or not, and how many classes each of its values keeps.
        kernel: size of the window, open or not; None keeps it.
    """

    def __init__(
        self,
        full: nn.Module,
        kind: LayerKind,
        sides: tuple[Axis, Axis],
        widths: Mapping[str, tuple[Any, Mapping[int, int]]],
        kernel: Any = None,
    ) -> None:
        super().__init__()
        self.full = full
        self.kind, self.sides, self.widths, self.kernel = kind, sides, dict(widths), kernel
        # Which channels leave first belongs to the weights: it is saved and loaded with them.
        for name, side in zip(_ORDERS, sides, strict=True):
            self.register_buffer(name, torch.tensor(side.ranks, dtype=torch.int64))
        self._loaded = self._written()

    def forward(self, *inputs: Any, **named: Any) -> Any:
        layer = self.active()
        result = layer(*inputs, **named)
        if self.training:
            self._keep_statistics(layer)
        return result

    def active(self) -> nn.Module:
        """The layer at its active size; its weights are parts of the full ones."""
        layer = view(self.full, self.kind, *self._size())
        layer.training = self.training
        return layer

    def copy_into(self, target: nn.Module) -> None:
        tensors = cut(self.full, self.kind, *self._size())
        with torch.no_grad():
            for name, held in (*target.named_parameters(recurse=False), *target.named_buffers(recurse=False)):
                held.copy_(tensors[name] if name in tensors else getattr(self.full, name))

    def _size(self) -> tuple[Index, Index, int | None]:
        kept = {name: classes[int(now(number))] for name, (number, classes) in self.widths.items()}
        if self._written() != self._loaded:
            self._loaded = self._written()
            orders = [self.get_buffer(name).tolist() for name in _ORDERS]
            self.sides = (self.sides[0].reordered(orders[0]), self.sides[1].reordered(orders[1]))
        inputs, outputs = (side.index(kept) for side in self.sides)
        return inputs, outputs, None if self.kernel is None else int(now(self.kernel))

    def _written(self) -> tuple[tuple[int, int], ...]:
        """Changes when an order is written or replaced."""
        held = [self._buffers[name] for name in _ORDERS]
        return tuple((id(order), 0 if order.is_inference() else order._version) for order in held if order is not None)

    def _keep_statistics(self, layer: nn.Module) -> None:
        """Write running statistics back where the active part was a copy."""
        index = self._size()[1]
        if not isinstance(index, Tensor):
            return
        for name, held in self.full.named_buffers(recurse=False):
            if name in self.kind.axes:
                held.index_copy_(0, index.to(held.device), getattr(layer, name))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name in ("full", *_ORDERS) or "full" not in self.__dict__.get("_modules", {}):
            return nn.Module.__getattr__(self, name)
        return getattr(self.active(), name)


class Removable(Switch):
    """A block, or its first input where it is left out.

    Args:
        flag: whether it is there; open or not.
    """

    def __init__(self, flag: Any, body: nn.Module) -> None:
        super().__init__()
        self.flag, self.body = flag, body

    def active_parts(self) -> Iterator[nn.Module]:
        if now(self.flag):
            yield self.body

    def forward(self, *inputs: Any, **named: Any) -> Any:
        return self.body(*inputs, **named) if now(self.flag) else inputs[0]

    def __getattr__(self, name: str) -> Any:
        modules = self.__dict__.get("_modules", {})
        if name.startswith("__") or name in modules or "body" not in modules:
            return super().__getattr__(name)
        return getattr(modules["body"], name)


class FirstInput(nn.Module):
    """What stands where a block of several inputs was left out: it gives the first."""

    def forward(self, *inputs: Any, **named: Any) -> Any:
        return inputs[0]


def replace(model: nn.Module, old: nn.Module, new: nn.Module) -> None:
    """Put one module in another's place, wherever it stands."""
    for parent in list(model.modules()):
        if parent is new:
            continue
        for name, child in parent._modules.items():
            if child is old:
                parent._modules[name] = new
