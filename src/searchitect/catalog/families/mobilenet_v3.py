"""The space of once-for-all: MobileNetV3-Large whose blocks decide kernel and expansion, and its stages their depth.

Cai, Gan, Wang, Zhang & Han, "Once-for-all: train one network and specialize it for efficient deployment", 2020,
section 3.1, after Howard et al., "Searching for MobileNetV3", 2019, table 1. With 3 kernels, 3 expansions and 2 to 4
blocks in each of five stages there are (9² + 9³ + 9⁴)⁵ ≈ 2 · 10¹⁹ architectures. MobileNetV3-Large itself has two more
expansions, 2.5 and 2.3: `published("MobileNetV3-Large")`, 5,483,032 parameters for ImageNet.

Resolution is left to the task. Strides stand with their stages: the stem has one only for maps of `early_halving`
places and more, and a stage halves only while at least 4 places are left.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from searchitect.catalog.inputs import image_shape
from searchitect.catalog.scaling import round_channels
from searchitect.errors import SpaceError
from searchitect.spaces import TaskSpec, choice, nested, repeat, space

if TYPE_CHECKING:
    from torch import nn

__all__ = ["mobilenet_v3"]


class Stage(NamedTuple):
    """One stage of MobileNetV3-Large."""

    width: int
    stride: int
    activation: str
    squeezes: bool


STAGES = (
    Stage(24, 2, "relu", False),
    Stage(40, 2, "relu", True),
    Stage(80, 2, "hard_swish", False),
    Stage(112, 1, "hard_swish", True),
    Stage(160, 2, "hard_swish", True),
)
STEM, MIXED, HEAD = 16, 960, 1280
SQUEEZE = 4
"""Squeeze and excitation works with a fourth of the channels of its block."""


def mobilenet_v3(
    *,
    kernels: Sequence[int] = (3, 5, 7),
    expansions: Sequence[float] = (3, 4, 6),
    depths: tuple[int, int] = (2, 4),
    width_multiplier: float = 1.2,
    normalisation: str = "batch",
    dropout: float = 0.1,
    early_halving: int = 24,
) -> type[Any]:
    """Return the space of once-for-all networks. The default is the smallest.

    Args:
        kernels: of a block.
        expansions: how many times more channels a block has in the middle, rounded to multiples of 8.
        depths: fewest and most blocks of a stage.
        width_multiplier: of all widths outside the blocks.
        normalisation: a key of `nn.NORMS`.
        dropout: before the classifier.
        early_halving: the stem halves maps with at least this many places.
    """
    if width_multiplier <= 0 or min(expansions) <= 0:
        raise SpaceError(f"mobilenet_v3 needs widths above 0, got {width_multiplier} and expansions {expansions}")
    fewest, most = depths
    widths = [round_channels(stage.width * width_multiplier) for stage in STAGES]
    ends = [round_channels(width * width_multiplier) for width in (STEM, MIXED, HEAD)]

    @space
    class Block:
        kernel: int = choice(*kernels)
        expansion: float = choice(*expansions)

        def build(self, inputs: int, outputs: int, stride: int, stage: Stage, shortcut: bool) -> nn.Module:
            return _block(self, inputs, outputs, stride, stage, shortcut, normalisation)

    @space
    class Blocks:
        blocks: tuple[Block, ...] = repeat(Block, fewest, most)

    @space
    class MobileNetV3:
        stage_1: Blocks = nested(Blocks)
        stage_2: Blocks = nested(Blocks)
        stage_3: Blocks = nested(Blocks)
        stage_4: Blocks = nested(Blocks)
        stage_5: Blocks = nested(Blocks)

        def build(self, task: TaskSpec) -> nn.Module:
            stages = (self.stage_1, self.stage_2, self.stage_3, self.stage_4, self.stage_5)
            return _build(stages, widths, ends, task, (normalisation, dropout, early_halving))

    return MobileNetV3


def _build(
    stages: Sequence[Any], widths: Sequence[int], ends: Sequence[int], task: TaskSpec, rest: tuple[str, float, int]
) -> nn.Module:
    from torch import nn

    from searchitect.nn import classifier, conv_unit, fully_connected_unit, global_pool, halved, strided

    inputs, size = image_shape(task, "mobilenet_v3")
    (stem, mixed, head), (norm, dropout, early_halving) = ends, rest
    first = 2 if min(size) >= early_halving else 1
    parts = [conv_unit(inputs, stem, 3, stride=first, norm=norm, activation="hard_swish"), _first_block(stem, norm)]
    channels, size = stem, strided(size, first)
    for blocks, stage, width in zip(stages, STAGES, widths, strict=True):
        stride = 2 if stage.stride > 1 and halved(size) else 1
        for index, block in enumerate(blocks.blocks):
            parts.append(block.build(channels, width, 1 if index else stride, stage, index > 0))
            channels = width
        size = strided(size, stride)
    parts.append(conv_unit(channels, mixed, 1, norm=norm, activation="hard_swish"))
    parts += [global_pool(), fully_connected_unit(mixed, head, activation="hard_swish")]
    return nn.Sequential(*parts, classifier((head,), task.outputs, dropout=dropout))


def _first_block(channels: int, norm: str) -> nn.Module:
    """The one block that decides nothing: 3×3, no expansion."""
    from searchitect.nn import inverted_residual

    return inverted_residual(channels, channels, 3, middle=channels, norm=norm)


def _block(block: Any, inputs: int, outputs: int, stride: int, stage: Stage, shortcut: bool, norm: str) -> nn.Module:
    from searchitect.nn import inverted_residual

    middle = round_channels(inputs * block.expansion)
    return inverted_residual(
        inputs,
        outputs,
        block.kernel,
        middle=middle,
        stride=stride,
        squeezed=round_channels(middle // SQUEEZE) if stage.squeezes else 0,
        norm=norm,
        activation=stage.activation,
        gate="hard_sigmoid",
        shortcut=shortcut,
    )
