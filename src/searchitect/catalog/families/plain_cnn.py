"""Plain convolutional networks: stages of small convolutions, halving between them, no skips.

Simonyan & Zisserman, "Very deep convolutional networks for large-scale image recognition", 2015 (VGG), with
batch normalisation (Ioffe & Szegedy 2015) and a pooled linear classifier (Lin et al., "Network in network",
2014). Separable convolutions after Howard et al., "MobileNets", 2017.

The stem is the only layer at full resolution: maps of `early_halving` places and more are halved right after
it, as often as needed. Between stages a map is halved only if at least 4 places are left in each dimension;
so every architecture fits every image, and one for 8×8 pixels keeps 8×8 in its first stage.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from searchitect.catalog.inputs import image_shape
from searchitect.catalog.weights import first_half
from searchitect.spaces import TaskSpec, choice, real, repeat, space

if TYPE_CHECKING:
    from torch import nn

__all__ = ["plain_cnn"]


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
) -> type[Any]:
    """Return the space of plain convolutional networks for images. The first of each list is the default.

    Args:
        stages: fewest and most stages.
        depths: convolutions per stage.
        widths: channels of a stage.
        kernels: kernel sizes of a stage; the first is drawn as often as all the others together.
        convolutions: keys of `nn.CONVOLUTIONS`.
        stems: channels of the first layer.
        reductions: how maps are halved: "max", "average" or "stride".
        activations: keys of `nn.ACTIVATIONS`.
        normalisation: a key of `nn.NORMS`.
        dropouts: before the classifier.
        augmentations: for the recipe; the first is drawn as often as all the others together.
        early_halving: maps with at least this many places are halved after the stem.
    """
    fewest, most = stages

    @space
    class Stage:
        depth: int = choice(*depths)
        width: int = choice(*widths)
        kernel: int = choice(*kernels, weights=first_half(kernels))
        convolution: str = choice(*convolutions, weights=first_half(convolutions))

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
            return _build(self, task, normalisation, early_halving)

    return PlainCNN


def _build(cnn: Any, task: TaskSpec, normalisation: str, early_halving: int) -> nn.Module:
    from torch import nn

    from searchitect.nn import POOLINGS, classifier, conv_unit, halved, strided

    channels, size = image_shape(task, "plain_cnn")
    by_stride = cnn.reduction == "stride"
    parts: list[nn.Module] = []

    def convolve(width: int, kernel: int, kind: str, stride: int = 1) -> None:
        nonlocal channels, size
        unit = {"norm": normalisation, "activation": cnn.activation}
        parts.append(conv_unit(channels, width, kernel, kind=kind, stride=stride, **unit))
        channels, size = width, strided(size, stride)

    def pool() -> None:
        nonlocal size
        parts.append(POOLINGS["average" if cnn.reduction == "average" else "max"](2))
        size = tuple(n // 2 for n in size)

    convolve(cnn.stem, 3, "plain", stride=2 if by_stride and min(size) >= early_halving else 1)
    while min(size) >= max(early_halving, 2):
        pool()
    for number, stage in enumerate(cnn.stages):
        halve = number > 0 and halved(size)
        if halve and not by_stride:
            pool()
        for depth in range(stage.depth):
            stride = 2 if halve and by_stride and depth == 0 else 1
            convolve(stage.width, stage.kernel, stage.convolution, stride)
    return nn.Sequential(*parts, classifier((channels, *size), task.outputs, dropout=cnn.dropout))
