"""What is open in a module: the base of layers of open size, and of modules that have several parts to choose from.

A leaf of a supernet holds weights of which every architecture uses a part, and knows how to copy that part into the
layer that a concrete build makes at its place. A new kind of leaf derives from `Elastic`, a new kind of alternative
from `Switch`; nothing else needs to know them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from searchitect.errors import EvaluationError, SpaceError
from searchitect.spaces.open_values import OpenFlag, OpenNumber, OpenOption, OpenValue

__all__ = ["Elastic", "Switch", "active_leaves", "at_least_one", "is_open", "largest", "now", "part", "slice_into"]


def is_open(*values: object) -> bool:
    """Whether any of these is decided later."""
    return any(isinstance(value, (OpenValue, OpenFlag)) for value in values)


def largest(value: Any) -> Any:
    """The largest value of an open number; a plain value is its own largest."""
    return value.largest if isinstance(value, OpenNumber) else value


def now(value: Any) -> Any:
    """The value for the active architecture; a plain value is always active."""
    return value.now if isinstance(value, (OpenNumber, OpenOption, OpenFlag)) else value


class Elastic(nn.Module):
    """A leaf of a supernet: its weights hold those of every size.

    A subclass keeps the largest plain layer as `full` and computes with slices of its weights; then `copy_into` needs
    no overriding. `weight` and the like are those of `full`, so a build may initialise or tie them.
    """

    full: Any

    def copy_into(self, target: nn.Module) -> None:
        """Copy the active part into the plain layer that a concrete build made at this place.

        Raises:
            EvaluationError: the two do not belong together; the message has both.
        """
        _copy(self.full if "full" in self._modules else self, target, type(self).__name__)

    def __getattr__(self, name: str) -> Any:
        full = self.__dict__.get("_modules", {}).get("full")
        if full is not None and (name in full._parameters or name in full._buffers):
            return getattr(full, name)
        return super().__getattr__(name)

    def __setattr__(self, name: str, value: Any) -> None:
        """Tie a weight of the largest layer; anything else as usual."""
        full = self.__dict__.get("_modules", {}).get("full")
        if full is None or name not in full._parameters or not isinstance(value, nn.Parameter):
            super().__setattr__(name, value)
            return
        if value.shape != full._parameters[name].shape:
            raise SpaceError(
                f"{name!r} of {type(full).__name__} cannot be tied: a weight of {tuple(value.shape)} for one of "
                f"{tuple(full._parameters[name].shape)} at the largest size",
                hint="tie layers of the same sizes only, both made by sa.nn from the same numbers",
            )
        setattr(full, name, value)


def at_least_one(**sizes: Any) -> None:
    """Refuse an open size that may be zero.

    Raises:
        SpaceError: with the decision and what to declare instead.
    """
    for name, size in sizes.items():
        if isinstance(size, OpenNumber) and size.smallest < 1:
            raise SpaceError(
                f"{' and '.join(size.paths)} may be {size.smallest}, a layer needs {name} of at least 1",
                hint="leave 0 out of the options and let the element itself be left out: sa.optional(…), or a repeat",
            )


class Switch(nn.Module, ABC):
    """A module whose decision says which of its parts are active."""

    @abstractmethod
    def active_parts(self) -> Iterator[nn.Module]:
        """Yield the parts that the active architecture uses, in the order in which a concrete build makes them."""


def active_leaves(module: nn.Module) -> Iterator[nn.Module]:
    """Yield, in order and each once, the active modules with weights or statistics of their own."""
    yield from _leaves(module, set())


def _leaves(module: nn.Module, seen: set[int]) -> Iterator[nn.Module]:
    if isinstance(module, Switch):
        for part_of_it in module.active_parts():
            yield from _leaves(part_of_it, seen)
        return
    if id(module) in seen:
        return
    seen.add(id(module))
    if isinstance(module, Elastic):
        if next(module.parameters(), None) is not None or next(module.buffers(), None) is not None:
            yield module
        return
    if _holds_tensors(module):
        yield module
    for child in module.children():
        yield from _leaves(child, seen)


def _holds_tensors(module: nn.Module) -> bool:
    held = (*module._parameters.values(), *module._buffers.values())
    return any(tensor is not None for tensor in held)


def slice_into(source: nn.Module, target: nn.Module) -> None:
    """Copy the active part of a leaf of a supernet into the layer that a concrete build made at its place.

    Raises:
        EvaluationError: the two do not belong together; the message has both.
    """
    if isinstance(source, Elastic):
        source.copy_into(target)
    else:
        _copy(source, target, type(source).__name__)


def part(tensor: Tensor, shape: torch.Size | tuple[int, ...]) -> Tensor:
    """The first entries of the two leading dimensions, the middle of the others; unnamed ones stay whole."""
    for dimension, length in enumerate(shape):
        if tensor.shape[dimension] == length:
            continue
        start = 0 if dimension < 2 else (tensor.shape[dimension] - length) // 2
        tensor = tensor.narrow(dimension, start, length)
    return tensor


def _copy(source: nn.Module, target: nn.Module, name: str) -> None:
    held = dict(source.named_parameters(recurse=False)) | dict(source.named_buffers(recurse=False))
    wanted = dict(target.named_parameters(recurse=False)) | dict(target.named_buffers(recurse=False))
    for key, tensor in wanted.items():
        if key not in held or held[key].dim() != tensor.dim():
            raise EvaluationError(f"{type(target).__name__} has {key!r}, {name} of the supernet has not")
        with torch.no_grad():
            tensor.copy_(part(held[key], tensor.shape))
