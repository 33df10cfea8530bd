"""The network that both spaces of TransNAS-Bench-101 share: a stem that quarters the map, modules, a linear classifier.

Duan et al. 2021 (`lib/models/net_infer/net_macro.py`). A map is halved only while two places are left in each
dimension, so small images are read too; those of the benchmark (256×256) are never too small.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from searchitect.catalog.inputs import image_shape
from searchitect.spaces import TaskSpec

if TYPE_CHECKING:
    from torch import nn

__all__ = ["transnas_network"]


def transnas_network(
    modules: Sequence[int],
    block: Callable[[int, int, int], nn.Module],
    task: TaskSpec,
    family: str,
    blocks: int,
    channels: int,
) -> nn.Module:
    """Build the network.

    Args:
        modules: 1 keeps the shape, 2 doubles the channels, 3 halves the map, 4 does both.
        block: makes a block for (inputs, outputs, stride).
        blocks: per module; the first changes the shape.
        channels: at the end of the stem.
    """
    from torch import nn

    from searchitect.nn import classifier, conv, halved, preactivated_conv, strided

    inputs, size = image_shape(task, family)

    def stride(wanted: bool) -> int:
        nonlocal size
        by = 2 if wanted and halved(size, smallest=2) else 1
        size = strided(size, by)
        return by

    first = max(channels // 2, 1)
    parts: list[nn.Module] = [
        conv(inputs, first, 3, stride=stride(True), bias=False),
        nn.BatchNorm2d(first),
        preactivated_conv(first, channels, stride(True)),
    ]
    width = channels
    for kind in modules:
        outputs = width * 2 if kind in (2, 4) else width
        parts.append(block(width, outputs, stride(kind in (3, 4))))
        parts += [block(outputs, outputs, 1) for _ in range(blocks - 1)]
        width = outputs
    return nn.Sequential(*parts, classifier((width, *size), task.outputs))
