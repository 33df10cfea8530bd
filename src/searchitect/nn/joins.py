"""Several tensors become one: chosen and summed, averaged or concatenated; adapted first where their shapes differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from searchitect.errors import EvaluationError
from searchitect.nn.adapters import adapt
from searchitect.nn.shapes import Shape, common_shape, describe
from searchitect.spaces.open_values import OpenSubset

__all__ = ["How", "Join", "Residual", "joined", "merge"]

How = Literal["sum", "mean", "concatenate"]


def merge(nodes: Sequence[Tensor], which: Sequence[int], how: How = "sum") -> Tensor:
    """Join the chosen tensors, to be called in `forward`.

    An open `which` means the active subset; where the selection has weights for it, one per element, it means all
    elements, each times its weight (the edge normalisation of Xu et al., "PC-DARTS", 2020, equation 4).

    Args:
        nodes: outputs of earlier nodes, batch first.
        which: positions in `nodes`, as a `subset` decision gives them; may be open.
        how: "sum", "mean" or "concatenate" (along the channels).

    Raises:
        EvaluationError: nothing is chosen, a position does not exist, or shapes differ (the message has
        both).
    """
    chosen, weights = _chosen(which)
    if not chosen or max(chosen) >= len(nodes) or min(chosen) < 0:
        raise EvaluationError(f"cannot read nodes {tuple(chosen)}: there are {len(nodes)}, numbered from 0")
    read = [nodes[i] for i in chosen]
    start = 2 if how == "concatenate" else 1
    for other in read[1:]:
        if other.shape[start:] != read[0].shape[start:]:
            first, second = describe(read[0].shape[1:]), describe(other.shape[1:])
            raise EvaluationError(f"cannot join {first} and {second}", hint="nn.Join adapts the shapes first")
    if weights is not None:
        read = [weight * tensor for weight, tensor in zip(weights, read, strict=True)]
    return joined(read, how)


def _chosen(which: Any) -> tuple[tuple[int, ...], Any]:
    """Positions to read, and their weights where they are mixed."""
    if not isinstance(which, OpenSubset):
        return tuple(which), None
    weights = which.selection.weights.get(which.path)
    return (which.now if weights is None else which.all), weights


def joined(tensors: Sequence[Tensor], how: How) -> Tensor:
    """Sum, mean or concatenation of tensors that fit."""
    if how == "concatenate":
        return torch.cat(tuple(tensors), 1) if len(tensors) > 1 else tensors[0]
    total = tensors[0]
    for tensor in tensors[1:]:
        total = total + tensor
    return total / len(tensors) if how == "mean" else total


class Join(nn.Module):
    """Adapt several inputs to one shape and join them.

    Args:
        shapes: shape of each input, without the batch.
        how: "sum", "mean" or "concatenate".
    """

    def __init__(self, shapes: Sequence[Shape], how: How = "sum") -> None:
        super().__init__()
        concatenate = how == "concatenate"
        self.how: How = how
        self.shape = common_shape(shapes, concatenate=concatenate)
        self.adapters = nn.ModuleList(
            adapt(shape, (shape[0] if concatenate else self.shape[0], *self.shape[1:])) for shape in shapes
        )

    def forward(self, inputs: list[Tensor]) -> Tensor:
        adapted = [adapter(x) for adapter, x in zip(self.adapters, inputs, strict=True)]
        return joined(adapted, self.how)


class Residual(nn.Module):
    """`after(body(x) + shortcut(x))`: one residual block (He 2016)."""

    def __init__(self, body: nn.Module, shortcut: nn.Module, after: nn.Module) -> None:
        super().__init__()
        self.body, self.shortcut, self.after = body, shortcut, after

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.after(self.body(x) + self.shortcut(x))
        return result
