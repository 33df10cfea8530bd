"""How the channels of a grown model follow from those of its parent, at one place between two layers.

A *flow* says two things: which channel of the parent each channel of the child repeats, and how the weight that a
reader gave to a channel of the parent is divided among its repetitions. Chen, Goodfellow & Shlens, "Net2Net:
Accelerating learning via knowledge transfer", ICLR 2016, equations 2 and 3, divide equally; copies then have equal
gradients and stay copies. Uneven parts keep the function as exactly and let the copies part (Wang et al., "LEMON:
Lossless model expansion", ICLR 2024, section 4).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Flow", "kept", "matched", "replicated", "untouched"]

NEW = -1
"""Source of a channel that repeats none of the parent's."""

PROJECTIONS = 16
SAME = 1e-8  # relative; the probe runs in float64, where equal channels differ by rounding only


@dataclass(frozen=True, slots=True, eq=False)
class Flow:
    """Channels of a child as those of its parent.

    Attributes:
        sources: (child channels,) the parent's channel that each repeats, or `NEW`.
        parts: (parent channels, child channels), float64: what of a weight on a parent's channel each child's channel
            gets. Rows sum to 1; a row of zeros is a channel that got lost.
    """

    sources: Tensor
    parts: Tensor

    @property
    def is_complete(self) -> bool:
        """Whether every channel of the parent lives on in the child."""
        return bool((self.parts.sum(1) > 0).all())

    @property
    def own_parts(self) -> Tensor:
        """(child channels,) the part that each channel has of the one that it repeats; 1 for a new one."""
        places = torch.arange(len(self.sources))
        return torch.where(self.sources == NEW, 1.0, self.parts[self.sources.clamp_min(0), places])


def untouched(channels: int) -> Flow:
    """The flow of a layer whose width stays."""
    return Flow(torch.arange(channels), torch.eye(channels, dtype=torch.float64))


def replicated(before: int, after: int, unevenness: float = 0.0) -> Flow:
    """Widen from `before` to `after` channels: channel j repeats ⌊j · before / after⌋.

    In proportion and in order, so that layers of the same widths repeat alike, as a residual sum needs it, a padded
    shortcut and a normalisation over groups find what they expect, and with a whole ratio of widths every channel is
    repeated equally often, as layer normalisation needs it.

    Args:
        unevenness: parts of copies rise from 1 − this to 1 + this before they are made to sum to 1; 0 divides equally.
    """
    sources = torch.arange(after) * before // after
    return Flow(sources, _divided(sources.unsqueeze(0) == torch.arange(before).unsqueeze(1), unevenness))


def kept(importance: Tensor, after: int, same: Tensor | None = None) -> Flow:
    """Narrow to the `after` most important channels, in their order; what is equal to a kept one is merged into it.

    Args:
        importance: (parent channels,).
        same: (parent channels,) a label per channel; equal labels, equal channels. None: all differ.
    """
    count = len(importance)
    label = torch.arange(count) if same is None else same
    total = torch.zeros(count, dtype=torch.float64).index_add_(0, label, importance.double())
    first = torch.full((count,), count).scatter_reduce_(0, label, torch.arange(count), "amin")
    rank = total[label].masked_fill(first[label] != torch.arange(count), -1.0)  # a copy only where nothing else is left
    sources = rank.sort(descending=True, stable=True).indices[:after].sort().values
    return Flow(sources, _divided(label.unsqueeze(1) == label[sources].unsqueeze(0), 0.0))


def matched(before: Tensor, after: Tensor, expected: Flow, unevenness: float = 0.0) -> Flow:
    """Find which channels are equal by what they carry, whatever lies between: sums, concatenation, pooling …

    Args:
        before, after: (channels, values) that parent and child carry at this place, on the same inputs.
        expected: where channels are equal to none: what to suppose.
    """
    if before.shape[1] != after.shape[1]:
        return expected
    if before.shape == after.shape and torch.allclose(before, after, rtol=SAME, atol=SAME):
        return untouched(len(before))
    generator = torch.Generator().manual_seed(0)
    projection = torch.randn(before.shape[1], PROJECTIONS, generator=generator, dtype=torch.float64)
    first, second = before @ projection, after @ projection
    scale = first.norm(dim=1).mean().clamp_min(1e-30)
    equal = torch.cdist(first, second, compute_mode="donot_use_mm_for_euclid_dist") <= SAME * scale * PROJECTIONS
    if expected.is_complete and bool((equal | (expected.parts == 0)).all()):
        return expected
    guess = (expected.parts > 0) & ~equal.any(1, keepdim=True) & ~equal.any(0, keepdim=True)
    equal |= guess
    sources = torch.where(equal.any(0), equal.int().argmax(0), NEW)
    # Where a parent's channels equal one another, the expected one is as good as the first, and keeps their order.
    likely = equal[expected.sources.clamp_min(0), torch.arange(len(after))] & (expected.sources != NEW)
    return Flow(torch.where(likely, expected.sources, sources), _divided(equal, unevenness))


def _divided(equal: Tensor, unevenness: float) -> Tensor:
    """Divide each row's 1 among the columns where it is true, by their order alone: so readers of one channel divide
    alike wherever its copies have been carried, flattened or concatenated."""
    count = equal.sum(1, keepdim=True)
    order = equal.double().cumsum(1) - 1.0
    ramp = 2.0 * order / (count - 1).clamp_min(1) - 1.0
    parts = equal * (1.0 + unevenness * torch.where(count > 1, ramp, 0.0))
    return parts / parts.sum(1, keepdim=True).clamp_min(1e-30)
