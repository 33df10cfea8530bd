"""Residual networks for small images.

He, Zhang, Ren & Sun, "Deep residual learning for image recognition", 2016, section 4.2: a 3×3 stem, then
stages of residual blocks; each stage doubles the channels and, while at least 4 places are left, halves the
map. ResNet-20 is `width=16` with three stages of three basic blocks and padded shortcuts: 269,722 parameters
for ten classes (0.27 M in table 6), 272,474 with projections. Stochastic depth after Huang et al. 2016; the
last normalisation of a block starts at zero (Goyal et al. 2017).
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from searchitect.catalog.inputs import image_shape
from searchitect.catalog.weights import first_half
from searchitect.errors import SpaceError
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

        def build(self, resnet: Any, channels: int, place: int, stride: int) -> nn.Module:
            return _stage(self, resnet, channels, place, stride, normalisation)

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

    from searchitect.nn import classifier, conv_unit, halved, max_pool, number_for, strided

    channels, size = image_shape(task, "resnet")
    parts: list[nn.Module] = [conv_unit(channels, resnet.width, 3, norm=normalisation, activation=resnet.activation)]
    channels = resnet.width
    while early_halving is not None and min(size) >= max(early_halving, 2):
        parts.append(max_pool(2))
        size = tuple(n // 2 for n in size)
    for place, stage in enumerate(resnet.stages):
        stride = 2 if place > 0 and halved(size) else 1
        made = stage.build(resnet, channels, place, stride)
        parts += made if isinstance(made, nn.Sequential) else [made]
        if _has_blocks(stage, place):
            channels = resnet.width * 2**place * number_for(resnet.block, {"basic": 1, "bottleneck": EXPANSION})
            size = strided(size, stride)
    return nn.Sequential(*parts, classifier((channels, *size), task.outputs))


def _has_blocks(stage: Any, place: int) -> bool:
    """Whether a stage does anything to the map; an open depth may not leave it in doubt."""
    from searchitect.nn import condition

    certain = condition(lambda depth: depth > 0, stage.depth)
    if not isinstance(certain, bool):
        raise SpaceError(
            f"stages.{place}.depth may be 0: whether the map is halved and widened would be open",
            hint="leave 0 out of depths and let stages=(fewest, most) leave out whole stages",
        )
    return certain


def _stage(stage: Any, resnet: Any, channels: int, place: int, stride: int, norm: str) -> nn.Module:
    from searchitect.nn import calculate, chain, choose, number_where, present

    depths = [number_where(present(one), one.depth) for one in resnet.stages]
    before, count = sum(depths[:place]), sum(depths)
    width = resnet.width * 2**place

    def block(depth: int) -> nn.Module:
        rate = calculate(
            lambda rate, start, of: rate * (start + depth) / max(of - 1, 1), resnet.drop_path, before, count
        )
        first = (channels, stride) if depth == 0 else None
        kinds = {"basic": _basic, "bottleneck": _bottleneck}
        return choose(
            resnet.block, {kind: partial(make, resnet, width, first, rate, norm) for kind, make in kinds.items()}
        )

    return chain(stage.depth, block)


First = tuple[int, int] | None
"""What the first block of a stage reads: channels and stride; None for the others."""


def _basic(resnet: Any, width: int, first: First, rate: float, norm: str) -> nn.Module:
    from searchitect.nn import conv_unit

    inputs, stride = first or (width, 1)
    start = conv_unit(inputs, width, 3, stride=stride, norm=norm, activation=resnet.activation)
    last = conv_unit(width, width, 3, norm=norm, activation="identity")
    return _residual(resnet, [start, last], rate, norm, first, width)


def _bottleneck(resnet: Any, width: int, first: First, rate: float, norm: str) -> nn.Module:
    from searchitect.nn import conv_unit

    outputs = width * EXPANSION
    inputs, stride = first or (outputs, 1)
    start = conv_unit(inputs, width, 1, norm=norm, activation=resnet.activation)
    middle = conv_unit(width, width, 3, stride=stride, norm=norm, activation=resnet.activation)
    last = conv_unit(width, outputs, 1, norm=norm, activation="identity")
    return _residual(resnet, [start, middle, last], rate, norm, first, outputs)


def _residual(resnet: Any, units: list[Any], rate: float, norm: str, first: First, outputs: int) -> nn.Module:
    from torch import nn

    from searchitect.nn import Residual, activation, drop_path

    if norm != "none":
        nn.init.zeros_(units[-1][-1].weight)
    body = nn.Sequential(*units, drop_path(rate))
    shortcut = nn.Identity() if first is None else _shortcut(resnet.shortcut, *first, outputs, norm)
    return Residual(body, shortcut, activation(resnet.activation))


def _shortcut(kind: str, inputs: int, stride: int, outputs: int, norm: str) -> nn.Module:
    from searchitect.nn import PaddedShortcut, choose, condition, conv_unit, when

    def projection() -> nn.Module:
        return conv_unit(inputs, outputs, 1, stride=stride, norm=norm, activation="identity")

    def padding() -> nn.Module:
        fits = condition(operator.ge, outputs, inputs)
        return when(fits, lambda: PaddedShortcut(outputs - inputs, stride), projection)

    changes = True if stride > 1 else condition(operator.ne, inputs, outputs)
    return when(changes, lambda: choose(kind, {"projection": projection, "padding": padding}))
