"""Weights, statistics and moments of one layer of a parent, carried into the layer of the child that continues it.

A weight is repeated along the channels it makes and divided along those it reads (Net2Net, equations 2 and 3); a kernel
grows by zeros around it. What an optimiser remembers are gradients, and these go the other way round: the copies of a
channel share its gradient by their parts, every reader's weight on a copy has the whole one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from searchitect.supernet.alignment import Leaf
from searchitect.supernet.flows import NEW, Flow
from searchitect.supernet.layer_kinds import CHANNELS_LAST, NORMALISATIONS

__all__ = ["Carry", "Kind", "channel_axis", "grow_optimizer", "kind_of", "recentred"]

Kind = Literal["matrix", "channelwise", "other"]
"""Maps all channels to all, treats every channel alone, or is not known to us."""

Carried = Literal["weight", "gradient", "square"]

SQUARES = frozenset({"exp_avg_sq", "max_exp_avg_sq", "square_avg", "sum"})
"""Optimiser state that sums squares of gradients: Adam's and RMSprop's second moments, Adagrad's sum."""


def kind_of(module: nn.Module) -> Kind:
    """How a layer treats its channels."""
    if isinstance(module, nn.Linear):
        return "matrix"
    if isinstance(module, nn.modules.conv._ConvNd) and not module.transposed:
        if module.groups == 1:
            return "matrix"
        return "channelwise" if module.groups == module.in_channels == module.out_channels else "other"
    if isinstance(module, (*NORMALISATIONS, nn.PReLU)) or _is_vectors(module):
        return "channelwise"
    return "other"


def channel_axis(module: nn.Module) -> int:
    """The axis of channels in what the layer reads and gives."""
    return -1 if isinstance(module, CHANNELS_LAST) else 1


def _is_vectors(module: nn.Module) -> bool:
    """A layer of our own or of the user that holds nothing but one vector per channel, such as a normalisation."""
    own = [*module.parameters(recurse=False), *module.buffers(recurse=False)]
    return bool(own) and all(tensor.dim() <= 1 for tensor in own) and not any(module.children())


@dataclass(frozen=True, slots=True, eq=False)
class Carry:
    """A layer of the parent, the layer of the child that continues it, and the channels before and after it."""

    parent: Leaf
    child: Leaf
    read: Flow
    made: Flow

    @property
    def is_exact(self) -> bool:
        """Whether the child's layer can compute what the parent's does; the layer itself may still forbid it."""
        if kind_of(self.child.module) == "other":
            return all(self._keeps(name) for name in self.child.tensors)
        return self.read.is_complete and len(self.made.sources) >= len(self.made.parts)

    def weights(self) -> None:
        """Fill the child's layer."""
        held = self.parent.tensors
        with torch.no_grad():
            for name, target in self.child.tensors.items():
                if name in held:
                    target.copy_(self.moved(name, held[name], "weight"))

    def moved(self, name: str, tensor: Tensor, what: Carried) -> Tensor:
        """Return a tensor that belongs to the parent's parameter or buffer `name` as that of the child's."""
        like = self.child.tensors[name]
        kind = kind_of(self.child.module)
        if tensor.dim() != like.dim() or tensor.dim() == 0:
            return tensor if tensor.dim() == like.dim() else like
        if kind == "other" or (kind == "channelwise" and tensor.shape[0] != len(self.made.parts)):
            return tensor if tensor.shape == like.shape else _overlapped(tensor, like, what)
        if kind == "matrix" and tensor.dim() >= 2:
            return self._matrix(tensor.double(), like.shape[2:], what).to(like.dtype)
        rows = self._rows(tensor, what)
        moved = recentred(rows, like.shape[2:])
        new = (self.made.sources == NEW).nonzero().flatten()
        moved[new] = like[new].to(moved.dtype) if what == "weight" else 0
        return moved

    def _keeps(self, name: str) -> bool:
        held = self.parent.tensors.get(name)
        return held is not None and held.shape == self.child.tensors[name].shape

    def _matrix(self, tensor: Tensor, kernel: tuple[int, ...], what: Carried) -> Tensor:
        rows = self._rows(tensor, what)
        if what == "weight":
            read = (rows.movedim(1, -1) @ self.read.parts.to(rows)).movedim(-1, 1)
        else:
            known = (self.read.sources != NEW).to(rows).reshape(1, -1, *[1] * (rows.dim() - 2))
            read = rows[:, self.read.sources.clamp_min(0)] * known
        return recentred(read, kernel)

    def _rows(self, tensor: Tensor, what: Carried) -> Tensor:
        rows = tensor[self.made.sources.clamp_min(0)]
        if what == "weight":
            return rows
        parts = self.made.own_parts.to(rows) ** (2 if what == "square" else 1)
        return rows * parts.reshape(-1, *[1] * (rows.dim() - 1))


def recentred(tensor: Tensor, kernel: tuple[int, ...]) -> Tensor:
    """Return a kernel of another size: zeros around the middle, or the middle alone; for "same" padding.

    Args:
        tensor: (outputs, inputs, *size).
        kernel: the new size.
    """
    result = tensor.new_zeros((*tensor.shape[:2], *kernel))
    inside: list[slice] = [slice(None)] * min(2, tensor.dim())
    outside = list(inside)
    for old, new in zip(tensor.shape[2:], kernel, strict=True):
        shift, count = (new - 1) // 2 - (old - 1) // 2, min(old, new)
        inside.append(slice(max(0, -shift), max(0, -shift) + count))
        outside.append(slice(max(0, shift), max(0, shift) + count))
    result[tuple(outside)] = tensor[tuple(inside)]
    return result


def _overlapped(tensor: Tensor, like: Tensor, what: Carried) -> Tensor:
    """What both shapes have in common; the rest as the child made it, or no gradient."""
    result = like.detach().clone() if what == "weight" else torch.zeros_like(like)
    common = tuple(slice(0, min(a, b)) for a, b in zip(tensor.shape, like.shape, strict=True))
    result[common] = tensor[common].to(result.dtype)
    return result


def grow_optimizer(parent: torch.optim.Optimizer, child: torch.optim.Optimizer, carried: tuple[Carry, ...]) -> None:
    """Give the child's optimiser the moments of the parent's: momentum, first and second moments, counts of steps.

    Right after the growth the child's gradients are the parent's, moved alike; so its moments are those that it would
    have had. Layers that are new begin without any. Call it before the child's first step.

    Args:
        carried: of the `Inheritance` that grew the child's weights.
    """
    for carry in carried:
        targets = dict(carry.child.module.named_parameters(recurse=False))
        for name, source in carry.parent.module.named_parameters(recurse=False):
            if name in targets and source in parent.state:
                child.state[targets[name]] = {
                    key: _grown(carry, name, key, value, source.shape) for key, value in parent.state[source].items()
                }


def _grown(carry: Carry, name: str, key: str, value: object, shape: torch.Size) -> object:
    if not isinstance(value, Tensor):
        return value
    if value.shape != shape or value.dim() == 0:
        return value.clone()
    moved = carry.moved(name, value, "square" if key in SQUARES else "gradient")
    return moved.clone(memory_format=torch.preserve_format)
