"""Plain convolutional networks: stages of small convolutions, halving between them, no skips.

Simonyan & Zisserman, "Very deep convolutional networks for large-scale image recognition", 2015 (VGG), with
batch normalisation (Ioffe & Szegedy 2015) and a pooled linear classifier (Lin et al., "Network in network",
2014). Separable convolutions after Howard et al., "MobileNets", 2017.

The stem is the only layer at full resolution: maps of `early_halving` places and more are halved right after
it, as often as needed. Between stages a map is halved only if `smallest` places are left in each dimension;
so every architecture fits every image, and one for 8×8 pixels keeps 8×8 in its first stage.

`growth` widens the stages as their maps shrink, which spreads the work evenly over them, as in VGG and ResNet.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from searchitect.catalog.inputs import image_shape
from searchitect.catalog.scaling import round_channels
from searchitect.catalog.weights import first_half
from searchitect.errors import SpaceError
from searchitect.spaces import TaskSpec, choice, real, repeat, space

if TYPE_CHECKING:
    from torch import nn

__all__ = ["plain_cnn"]

POOLED = ("max", "average")
"""Reductions by pooling; "stride" is the other way."""


def plain_cnn(
    *,
    stages: tuple[int, int] = (2, 3),
    depths: Sequence[int] = (2, 1, 3),
    widths: Sequence[int] = (48, 24, 32, 64),
    kernels: Sequence[int] = (3, 5),
    convolutions: Sequence[str] = ("plain", "separable"),
    stems: Sequence[int] = (24, 16, 32),
    reductions: Sequence[str] = ("max", "average", "stride"),
    activations: Sequence[str] = ("relu", "gelu", "silu"),
    normalisation: str = "batch",
    dropouts: Sequence[float] = (0.1, 0.0, 0.2, 0.3),
    augmentations: Sequence[str] = ("none", "shift", "flip"),
    early_halving: int = 24,
    growth: float = 1.0,
    smallest: int = 4,
) -> type[Any]:
    """Return the space of plain convolutional networks for images. The first of each list is the default.

    Args:
        stages: fewest and most stages.
        depths: convolutions per stage.
        widths: channels of a stage, before `growth`.
        kernels: kernel sizes of a stage; the first is drawn as often as all the others together.
        convolutions: keys of `nn.CONVOLUTIONS`.
        stems: channels of the first layer.
        reductions: how maps are halved: "max", "average" or "stride".
        activations: keys of `nn.ACTIVATIONS`.
        normalisation: a key of `nn.NORMS`.
        dropouts: before the classifier.
        augmentations: for the recipe; the first is drawn as often as all the others together.
        early_halving: maps with at least this many places are halved after the stem.
        growth: the second stage has this many times the channels that its width says, the third this many times more,
            and so on, in multiples of 8; 1 takes widths as they are.
        smallest: places in each dimension that halving between stages must leave.

    Raises:
        SpaceError: growth is not positive, or no place is left.
    """
    fewest, most = stages
    if growth <= 0 or smallest < 1:
        raise SpaceError(f"plain_cnn needs growth above 0 and smallest ≥ 1, got {growth} and {smallest}")

    @space
    class Stage:
        depth: int = choice(*depths)
        width: int = choice(*widths)
        kernel: int = choice(*kernels, weights=first_half(kernels))
        convolution: str = choice(*convolutions, weights=first_half(convolutions))

        def build(self, cnn: Any, channels: int, width: int, halve: bool) -> nn.Module:
            return _stage(self, cnn, channels, width, halve, normalisation)

    @space
    class PlainCNN:
        stem: int = choice(*stems)
        stages: tuple[Stage, ...] = repeat(Stage, fewest, most)
        reduction: str = choice(*reductions)
        activation: str = choice(*activations)
        dropout: float = choice(*dropouts)
        learning_rate: float = real(2e-3, 2e-2, log=True, role="training")
        weight_decay: float = real(1e-4, 1e-1, log=True, role="training")
        label_smoothing: float = choice(0.0, 0.1, role="training")
        augmentation: str = choice(*augmentations, weights=first_half(augmentations), role="training")

        def build(self, task: TaskSpec) -> nn.Module:
            return _build(self, task, normalisation, early_halving, growth, smallest)

    return PlainCNN


def _build(cnn: Any, task: TaskSpec, normalisation: str, early_halving: int, growth: float, smallest: int) -> nn.Module:
    from torch import nn

    from searchitect.nn import classifier, conv_unit, halved, number_for

    channels, size = image_shape(task, "plain_cnn")
    early = min(size) >= early_halving
    stride = number_for(cnn.reduction, {**dict.fromkeys(POOLED, 1), "stride": 2 if early else 1})
    unit = {"norm": normalisation, "activation": cnn.activation}
    parts = [conv_unit(channels, cnn.stem, 3, stride=stride, **unit)]
    if early and min(size) > 1:
        parts += _pool(cnn.reduction)
        size = _half(size, cnn.reduction)
    while min(size) >= max(early_halving, 2):
        parts += _pool(cnn.reduction, by_stride="max")
        size = tuple(n // 2 for n in size)
    channels = cnn.stem
    for number, stage in enumerate(cnn.stages):
        halve = number > 0 and halved(size, smallest=smallest)
        width = stage.width if growth == 1 else round_channels(stage.width * growth**number)
        parts.append(stage.build(cnn, channels, width, halve))
        channels, size = width, _half(size, cnn.reduction) if halve else size
    return nn.Sequential(*parts, classifier((channels, *size), task.outputs, dropout=cnn.dropout))


def _stage(stage: Any, cnn: Any, channels: int, width: int, halve: bool, normalisation: str) -> nn.Module:
    from torch import nn

    from searchitect.nn import chain, conv_unit, number_for

    first = number_for(cnn.reduction, {**dict.fromkeys(POOLED, 1), "stride": 2 if halve else 1})

    def convolve(depth: int) -> nn.Module:
        inputs, stride = (channels, first) if depth == 0 else (width, 1)
        unit = {"norm": normalisation, "activation": cnn.activation}
        return conv_unit(inputs, width, stage.kernel, kind=stage.convolution, stride=stride, **unit)

    return nn.Sequential(*(_pool(cnn.reduction) if halve else []), chain(stage.depth, convolve))


def _pool(reduction: Any, by_stride: str = "none") -> list[nn.Module]:
    """What halves a map between convolutions; nothing where strides do it."""
    from torch import nn

    from searchitect.nn import POOLINGS, choose

    made = {kind: partial(POOLINGS[kind], 2) for kind in POOLED}
    pool = choose(reduction, {**made, "stride": made.get(by_stride, nn.Identity)})
    return [] if isinstance(pool, nn.Identity) else [pool]


def _half(size: tuple[int, ...], reduction: Any) -> tuple[int, ...]:
    """Pooling leaves out an odd place, a stride keeps it. An open reduction counts as pooling."""
    from searchitect.nn import is_open, strided

    by_stride = not is_open(reduction) and reduction == "stride"
    return strided(size, 2) if by_stride else tuple(n // 2 for n in size)
