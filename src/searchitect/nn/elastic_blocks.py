"""Linear maps whose rows or columns come in equal blocks: gates, queries, keys and values, heads.

The first rows of such a map are not the first of every block. So a part of it is taken block by block: of 3 × heads ×
head width rows the first heads of each of the three, and of each head the first rows. Chen et al., "AutoFormer", 2021,
section 3.2; a head of a subnet is then a head, or the beginning of one, of the supernet.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from searchitect.errors import EvaluationError
from searchitect.nn.elastic import Elastic, is_open, largest, now

__all__ = ["ElasticFromBlocks", "ElasticIntoBlocks", "block_part", "from_blocks", "into_blocks"]


def into_blocks(inputs: Any, blocks: int, groups: Any, size: Any, *, bias: bool = True) -> nn.Module:
    """A linear map to blocks × groups × size values, such as 3 × heads × head width. Any but `blocks` may be open."""
    if is_open(inputs, groups, size):
        return ElasticIntoBlocks(inputs, blocks, groups, size, bias=bias)
    return nn.Linear(inputs, blocks * groups * size, bias=bias)


def from_blocks(groups: Any, size: Any, outputs: Any, *, bias: bool = True) -> nn.Module:
    """A linear map from groups × size values, such as heads × head width. Any may be open."""
    if is_open(groups, size, outputs):
        return ElasticFromBlocks(groups, size, outputs, bias=bias)
    return nn.Linear(groups * size, outputs, bias=bias)


def block_part(tensor: Tensor, dimension: int, full: tuple[int, ...], kept: tuple[int, ...]) -> Tensor:
    """Of a dimension that is blocks within blocks the first of each.

    Args:
        full: lengths that multiply to that of the dimension, outermost first.
        kept: how many of each stay.
    """
    if full == kept:
        return tensor
    split = tensor.reshape(*tensor.shape[:dimension], *full, *tensor.shape[dimension + 1 :])
    for place, length in enumerate(kept):
        split = split.narrow(dimension + place, 0, length)
    return split.flatten(dimension, dimension + len(full) - 1)


class _ElasticBlocks(Elastic):
    """What both directions share: a layer that can say which part of its weights is active."""

    def active(self, inputs: int) -> tuple[Tensor, Tensor | None]:
        """Weight and bias for so many inputs."""
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, *self.active(x.shape[-1]))

    def copy_into(self, target: nn.Module) -> None:
        if not isinstance(target, nn.Linear):
            raise EvaluationError(f"the supernet has a linear map where the subnet has {type(target).__name__}")
        weight, bias = self.active(target.in_features)
        if weight.shape != target.weight.shape or (bias is None) != (target.bias is None):
            raise EvaluationError(
                f"the active part of a linear map is {tuple(weight.shape)}, the subnet has {tuple(target.weight.shape)}"
            )
        with torch.no_grad():
            target.weight.copy_(weight)
            if bias is not None:
                target.bias.copy_(bias)


class ElasticIntoBlocks(_ElasticBlocks):
    """Open `into_blocks`."""

    def __init__(self, inputs: Any, blocks: int, groups: Any, size: Any, *, bias: bool) -> None:
        super().__init__()
        self.shape = (blocks, int(largest(groups)), int(largest(size)))
        self.full = nn.Linear(int(largest(inputs)), blocks * self.shape[1] * self.shape[2], bias=bias)
        self.groups, self.size = groups, size

    def active(self, inputs: int) -> tuple[Tensor, Tensor | None]:
        kept = (self.shape[0], int(now(self.groups)), int(now(self.size)))
        weight = block_part(self.full.weight[:, :inputs], 0, self.shape, kept)
        return weight, None if self.full.bias is None else block_part(self.full.bias, 0, self.shape, kept)


class ElasticFromBlocks(_ElasticBlocks):
    """Open `from_blocks`."""

    def __init__(self, groups: Any, size: Any, outputs: Any, *, bias: bool) -> None:
        super().__init__()
        self.shape = (int(largest(groups)), int(largest(size)))
        self.full = nn.Linear(self.shape[0] * self.shape[1], int(largest(outputs)), bias=bias)
        self.groups, self.size, self.outputs = groups, size, outputs

    def active(self, inputs: int) -> tuple[Tensor, Tensor | None]:
        outputs, kept = int(now(self.outputs)), (int(now(self.groups)), int(now(self.size)))
        weight = block_part(self.full.weight[:outputs], 1, self.shape, kept)
        return weight, None if self.full.bias is None else self.full.bias[:outputs]
