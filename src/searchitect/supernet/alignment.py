"""Which layer of a child continues which layer of its parent.

Both were built by one `build`, so their layers come in the same order, and what an edit adds stands between them. The
layers are aligned like two sequences (Needleman & Wunsch 1970): kinds must agree, equal shapes and names are preferred.
Names alone would not do: a layer more shifts all that follow.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import nn

__all__ = ["Leaf", "align", "leaves", "new_parts"]

WEIGHTED, SHAPE, STRIDE, NAME, PLAIN = 2.0, 4.0, 2.0, 0.5, 0.2


@dataclass(frozen=True, slots=True, eq=False)
class Leaf:
    """A module that holds weights or statistics itself, or has no children; with its name in the model."""

    name: str
    module: nn.Module

    @property
    def tensors(self) -> dict[str, torch.Tensor]:
        """Its own parameters and buffers."""
        own = dict(self.module.named_parameters(recurse=False))
        return own | dict(self.module.named_buffers(recurse=False))


def leaves(model: nn.Module) -> list[Leaf]:
    """All leaves of a model in the order in which they were built; a shared one once."""
    found = (Leaf(name, module) for name, module in model.named_modules())
    return [leaf for leaf in found if leaf.tensors or not any(leaf.module.children())]


def align(parent: nn.Module, child: nn.Module) -> list[tuple[Leaf | None, Leaf]]:
    """Return every leaf of `child` with the leaf of `parent` that it continues, or None where it is new."""
    ours, theirs = leaves(parent), leaves(child)
    scores = [[_score(first, second) for second in theirs] for first in ours]
    best = [[0.0] * (len(theirs) + 1) for _ in range(len(ours) + 1)]
    for i in range(len(ours) - 1, -1, -1):
        for j in range(len(theirs) - 1, -1, -1):
            score = scores[i][j]
            together = best[i + 1][j + 1] + score if score > 0 else 0.0
            best[i][j] = max(together, best[i + 1][j], best[i][j + 1])
    pairs: list[tuple[Leaf | None, Leaf]] = []
    i = j = 0
    while j < len(theirs):
        if i < len(ours) and scores[i][j] > 0 and best[i][j] == best[i + 1][j + 1] + scores[i][j]:
            pairs.append((ours[i], theirs[j]))
            i, j = i + 1, j + 1
        elif i < len(ours) and best[i][j] == best[i + 1][j]:
            i += 1
        else:
            pairs.append((None, theirs[j]))
            j += 1
    return pairs


def new_parts(child: nn.Module, pairs: list[tuple[Leaf | None, Leaf]]) -> Iterator[tuple[str, nn.Module, bool]]:
    """Yield the outermost modules of `child` that are wholly new and hold weights: name, module, whether it stands in a
    sequence (where it can be the identity) rather than beside something (where it can be silent)."""
    new = {leaf.name for parent, leaf in pairs if parent is None}

    def walk(name: str, module: nn.Module, in_sequence: bool) -> Iterator[tuple[str, nn.Module, bool]]:
        own = [leaf.name for leaf in leaves(module)]
        has_weights = next(module.parameters(), None) is not None and not isinstance(module, nn.ModuleList)
        if has_weights and all(_joined(name, leaf) in new for leaf in own):
            yield name, module, in_sequence
            return
        for key, inner in module.named_children():
            yield from walk(_joined(name, key), inner, isinstance(module, (nn.Sequential, nn.ModuleList)))

    yield from walk("", child, True)


def _joined(prefix: str, name: str) -> str:
    return ".".join(part for part in (prefix, name) if part)


def _score(first: Leaf, second: Leaf) -> float:
    """How well two leaves fit; 0 where one cannot continue the other."""
    one, two = first.module, second.module
    if type(one) is not type(two):
        return 0.0
    named = NAME * _likeness(first.name.split("."), second.name.split("."))
    if not first.tensors or not second.tensors:
        return PLAIN * (1.0 + named) if bool(first.tensors) == bool(second.tensors) else 0.0
    if isinstance(one, nn.modules.conv._ConvNd) and isinstance(two, nn.modules.conv._ConvNd):
        if _is_depthwise(one) != _is_depthwise(two):
            return 0.0
        named += STRIDE * (one.stride == two.stride)
    return WEIGHTED + SHAPE * _fit(first, second) + named


def _is_depthwise(conv: nn.modules.conv._ConvNd) -> bool:
    return conv.groups > 1 and conv.groups == conv.in_channels


def _fit(first: Leaf, second: Leaf) -> float:
    """1 for equal shapes of the largest tensor, less the more they differ."""
    a = max((t.shape for t in first.tensors.values()), key=lambda shape: (len(shape), shape))
    b = max((t.shape for t in second.tensors.values()), key=lambda shape: (len(shape), shape))
    if len(a) != len(b):
        return 0.0
    ratios = [min(x, y) / max(x, y, 1) for x, y in zip(a, b, strict=True)]
    return sum(ratios) / max(1, len(ratios))


def _likeness(first: list[str], second: list[str]) -> float:
    """Share of the parts of two names that agree from the start or from the end."""
    longest, shortest = max(len(first), len(second)), min(len(first), len(second))
    start = next((i for i in range(shortest) if first[i] != second[i]), shortest)
    end = next((i for i in range(shortest - start) if first[-1 - i] != second[-1 - i]), shortest - start)
    return (start + end) / longest
