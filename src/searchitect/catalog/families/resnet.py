"""Residual networks for small images.

He, Zhang, Ren & Sun, "Deep residual learning for image recognition", 2016, section 4.2: a 3×3 stem, then
stages of residual blocks; each stage doubles the channels and, while at least 4 places are left, halves the
map. ResNet-20 is `width=16` with three stages of three basic blocks and padded shortcuts: 269,722 parameters
for ten classes (0.27 M in table 6), 272,474 with projections. Stochastic depth after Huang et al. 2016; the
last normalisation of a block starts at zero (Goyal et al. 2017).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from searchitect.catalog.inputs import image_shape
from searchitect.catalog.weights import first_half
from searchitect.spaces import TaskSpec, choice, real, repeat, space

if TYPE_CHECKING:
    from torch import nn

__all__ = ["resnet"]

EXPANSION = 4
"""A bottleneck gives four times the channels that it works with."""


def resnet(
    *,
    stages: tuple[int, int] = (2, 3),
    depths: Sequence[int] = (2, 1, 3),
    widths: Sequence[int] = (24, 16, 32),
    blocks: Sequence[str] = ("basic", "bottleneck"),
    shortcuts: Sequence[str] = ("projection", "padding"),
    activations: Sequence[str] = ("relu", "gelu", "silu"),
    normalisation: str = "batch",
    drop_paths: Sequence[float] = (0.0, 0.1, 0.2),
    augmentations: Sequence[str] = ("none", "shift", "flip"),
    early_halving: int | None = 24,
) -> type[Any]:
    """Return the space of residual networks for images. The first of each list is the default.

    Args:
        stages: fewest and most stages.
        depths: blocks per stage.
        widths: channels of the first stage; every further stage has twice as many.
        blocks: "basic" (two 3×3) or "bottleneck" (1×1, 3×3, 1×1).
        shortcuts: where the shape changes: "padding" (option A of the paper) or "projection" (option B).
        activations: keys of `nn.ACTIVATIONS`.
        normalisation: a key of `nn.NORMS`.
        drop_paths: rate of stochastic depth of the last block, rising linearly from the first.
        augmentations: for the recipe; the first is drawn as often as all the others together.
        early_halving: maps with at least this many places are halved after the stem; None never does.
    """
    fewest, most = stages

    @space
    class Stage:
        depth: int = choice(*depths)

    @space
    class ResNet:
        width: int = choice(*widths)
        stages: tuple[Stage, ...] = repeat(Stage, fewest, most)
        block: str = choice(*blocks, weights=first_half(blocks))
        shortcut: str = choice(*shortcuts)
        activation: str = choice(*activations)
        drop_path: float = choice(*drop_paths)
        learning_rate: float = real(2e-3, 2e-2, log=True, role="training")
        weight_decay: float = real(1e-4, 1e-1, log=True, role="training")
        label_smoothing: float = choice(0.0, 0.1, role="training")
        augmentation: str = choice(*augmentations, weights=first_half(augmentations), role="training")

        def build(self, task: TaskSpec) -> nn.Module:
            return _build(self, task, normalisation, early_halving)

    return ResNet


def _build(resnet: Any, task: TaskSpec, normalisation: str, early_halving: int | None) -> nn.Module:
    from torch import nn

    from searchitect.nn import classifier, conv_unit, halved, max_pool, strided

    channels, size = image_shape(task, "resnet")
    parts: list[nn.Module] = [conv_unit(channels, resnet.width, 3, norm=normalisation, activation=resnet.activation)]
    channels = resnet.width
    while early_halving is not None and min(size) >= max(early_halving, 2):
        parts.append(max_pool(2))
        size = tuple(n // 2 for n in size)
    count = sum(stage.depth for stage in resnet.stages)
    number = 0
    for place, stage in enumerate(resnet.stages):
        for depth in range(stage.depth):
            stride = 2 if place > 0 and depth == 0 and halved(size) else 1
            rate = resnet.drop_path * number / max(count - 1, 1)
            block = _block(resnet, channels, resnet.width * 2**place, stride, rate, normalisation)
            parts.append(block)
            channels = resnet.width * 2**place * (EXPANSION if resnet.block == "bottleneck" else 1)
            size, number = strided(size, stride), number + 1
    return nn.Sequential(*parts, classifier((channels, *size), task.outputs))


def _block(resnet: Any, inputs: int, width: int, stride: int, rate: float, norm: str) -> nn.Module:
    from torch import nn

    from searchitect.nn import Residual, activation, conv_unit, drop_path

    if resnet.block == "bottleneck":
        outputs = width * EXPANSION
        first = [
            conv_unit(inputs, width, 1, norm=norm, activation=resnet.activation),
            conv_unit(width, width, 3, stride=stride, norm=norm, activation=resnet.activation),
        ]
        last = conv_unit(width, outputs, 1, norm=norm, activation="identity")
    else:
        outputs = width
        first = [conv_unit(inputs, width, 3, stride=stride, norm=norm, activation=resnet.activation)]
        last = conv_unit(width, width, 3, norm=norm, activation="identity")
    if norm != "none":
        nn.init.zeros_(last[-1].weight)  # type: ignore[index]
    body = nn.Sequential(*first, last, drop_path(rate))
    return Residual(body, _shortcut(resnet.shortcut, inputs, outputs, stride, norm), activation(resnet.activation))


def _shortcut(kind: str, inputs: int, outputs: int, stride: int, norm: str) -> nn.Module:
    from torch import nn

    from searchitect.nn import PaddedShortcut, conv_unit

    if stride == 1 and inputs == outputs:
        return nn.Identity()
    if kind == "padding" and outputs >= inputs:
        return PaddedShortcut(outputs - inputs, stride)
    return conv_unit(inputs, outputs, 1, stride=stride, norm=norm, activation="identity")
