"""Shapes of one example, without the batch: (channels, *size) for maps, (features,) for vectors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from searchitect.errors import EvaluationError, SpaceError

__all__ = [
    "Builder",
    "Shape",
    "common_shape",
    "describe",
    "evaluating",
    "halved",
    "output_shape",
    "strided",
]

Shape = tuple[int, ...]
Builder = Callable[[Shape], nn.Module]
"""Makes a layer for an input of this shape."""


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Hold a module and its parts in evaluation mode, and give each its own mode back."""
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for part, training in modes:
            part.training = training


def describe(shape: Iterable[int]) -> str:
    """`(16, 8, 8)` as "16×8×8"."""
    return "×".join(str(int(n)) for n in shape)


def strided(size: Shape, stride: int) -> Shape:
    """The size of a map after a convolution of ours with this stride: ⌈n / stride⌉ in each dimension."""
    return tuple(-(-n // stride) for n in size)


def halved(size: Shape, *, smallest: int = 4) -> bool:
    """Whether a map may be halved and keep at least `smallest` places in each dimension."""
    return len(size) > 0 and min(size) >= 2 * smallest


def output_shape(module: nn.Module, shape: Shape) -> Shape:
    """Run two examples of zeros through `module`, in evaluation mode, and return the shape of one result.

    Raises:
        EvaluationError: the module cannot read this shape; the message has the shape and torch's own words.
    """
    tensor = next(iter(module.parameters()), None)
    device = torch.get_default_device() if tensor is None else tensor.device
    try:
        with evaluating(module), torch.no_grad():
            result: Tensor = module(torch.zeros((2, *shape), device=device))
    except (RuntimeError, ValueError, IndexError) as error:
        reason = str(error).splitlines()[0]
        raise EvaluationError(f"{type(module).__name__} cannot read {describe(shape)}: {reason}") from error
    return tuple(result.shape[1:])


def common_shape(shapes: Sequence[Shape], *, concatenate: bool = False) -> Shape:
    """The shape that all of `shapes` are adapted to before they are joined.

    A vector if any is one; otherwise the smallest size in each dimension. The channels are those of the last
    shape, or for `concatenate` the sum of all.

    Raises:
        SpaceError: nothing to join, or maps of different dimensions.
    """
    if not shapes:
        raise SpaceError("nothing to join: at least one input is needed")
    channels = sum(s[0] for s in shapes) if concatenate else shapes[-1][0]
    if any(len(s) == 1 for s in shapes):
        return (channels,)
    if len({len(s) for s in shapes}) > 1:
        raise SpaceError("maps of different dimensions cannot be joined: " + ", ".join(describe(s) for s in shapes))
    return (channels, *(min(sizes) for sizes in zip(*(s[1:] for s in shapes), strict=True)))
