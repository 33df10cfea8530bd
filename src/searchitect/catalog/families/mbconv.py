"""Networks of inverted residual blocks with squeeze and excitation: the space around EfficientNet.

Tan et al., "MnasNet: platform-aware neural architecture search for mobile", 2019, section 4: the network is divided
into stages of equal blocks, and every stage decides its kernel, expansion, width, depth and squeeze ratio, around those
of a base. Here the base is EfficientNet-B0 (Tan & Le 2019, table 1), which is the default: 5,288,548 parameters and
0.39 · 10⁹ multiply-adds for ImageNet. B1 to B7 are the same decisions with other multipliers (`scale`, `published`).

Strides stand with their stages. The stem has one only for maps of `early_halving` places and more, and a stage halves
only while at least 4 places are left; so every architecture fits every image.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from searchitect.catalog.inputs import image_shape
from searchitect.catalog.scaling import round_channels, scaled_depth
from searchitect.errors import SpaceError
from searchitect.spaces import TaskSpec, choice, make_space, nested
from searchitect.spaces.open_values import OpenNumber

if TYPE_CHECKING:
    from torch import nn

__all__ = ["mbconv"]


class Base(NamedTuple):
    """One stage of EfficientNet-B0."""

    kernel: int
    expansion: int
    width: int
    depth: int
    stride: int


BASE = (
    Base(3, 1, 16, 1, 1),
    Base(3, 6, 24, 2, 2),
    Base(5, 6, 40, 2, 2),
    Base(3, 6, 80, 3, 2),
    Base(5, 6, 112, 3, 1),
    Base(5, 6, 192, 4, 2),
    Base(3, 6, 320, 1, 1),
)
STEM, HEAD = 32, 1280


@dataclass(frozen=True)
class Constants:
    """What no decision says.

    Attributes:
        width, depth: multipliers of the whole network.
        places: of every stage, the most blocks that it can have.
    """

    width: float
    depth: float
    places: tuple[int, ...]
    resolution: int | None
    norm: str
    dropout: float
    drop_path: float
    early_halving: int


def mbconv(
    *,
    kernels: Sequence[int] = (3, 5),
    expansions: Sequence[int] = (6, 3),
    widths: Sequence[float] = (1.0, 0.75, 1.25),
    depths: Sequence[int] = (0, 1, -1),
    squeezes: Sequence[float] = (0.25, 0.0),
    activations: Sequence[str] = ("silu", "relu", "hard_swish"),
    width_multiplier: float = 1.0,
    depth_multiplier: float = 1.0,
    resolution: int | None = None,
    normalisation: str = "batch",
    dropout: float = 0.2,
    drop_path: float = 0.2,
    early_halving: int = 24,
) -> type[Any]:
    """Return the space of MBConv networks around EfficientNet-B0, which is its default.

    Args:
        kernels: of a stage, beside that of the base.
        expansions: how many times more channels a block has in the middle; the first stage expands nothing.
        widths: of a stage, as multiples of that of the base, rounded to multiples of 8.
        depths: blocks of a stage, added to those of the base.
        squeezes: channels of squeeze and excitation, as a share of those that the block reads; 0 for none.
        activations: keys of `nn.ACTIVATIONS`.
        width_multiplier, depth_multiplier: of the whole network, for `scale`; no decision depends on them.
        resolution: side to which images are brought first, by bilinear interpolation; None takes them as they come.
        normalisation: a key of `nn.NORMS`.
        dropout: before the classifier.
        drop_path: rate of stochastic depth at the last place, rising linearly from the first. Places are counted at the
            largest depths, so that the rate of a block does not depend on how many stand before it.
        early_halving: the stem halves maps with at least this many places.
    """
    if min(width_multiplier, depth_multiplier) <= 0:
        raise SpaceError(f"mbconv needs multipliers above 0, got {width_multiplier} and {depth_multiplier}")
    if resolution is not None and resolution < 1:
        raise SpaceError(f"mbconv brings images to a side of at least 1, got resolution={resolution}")
    deepest = tuple(scaled_depth(max(1, base.depth + max(depths)), depth_multiplier) for base in BASE)
    constants = Constants(
        width_multiplier, depth_multiplier, deepest, resolution, normalisation, dropout, drop_path, early_halving
    )

    def stage(number: int, base: Base) -> type[Any]:
        fields = {
            "kernel": choice(*dict.fromkeys((base.kernel, *kernels))),
            "width": choice(*dict.fromkeys(round_channels(base.width * factor) for factor in widths)),
            "depth": choice(*dict.fromkeys(max(1, base.depth + more) for more in depths)),
            "squeeze": choice(*squeezes),
        }
        doc = "Equal blocks; the first may halve the map."
        if base.expansion == 1:
            return make_space(f"Stage{number}", fields, {"expansion": 1}, doc)
        return make_space(f"Stage{number}", {"expansion": choice(*expansions), **fields}, doc=doc)

    stages = {f"stage_{number}": nested(stage(number, base)) for number, base in enumerate(BASE, 1)}

    def build(self: Any, task: TaskSpec) -> nn.Module:
        return _build(self, task, constants)

    doc = "Stages of inverted residual blocks around EfficientNet-B0."
    return make_space("MBConv", {**stages, "activation": choice(*activations)}, {"build": build}, doc)


def _build(net: Any, task: TaskSpec, constants: Constants) -> nn.Module:
    from torch import nn

    from searchitect.nn import classifier, conv_unit, halved, strided

    inputs, size = image_shape(task, "mbconv")
    unit = {"norm": constants.norm, "activation": net.activation}
    parts: list[nn.Module] = []
    if constants.resolution is not None and size != (constants.resolution,) * 2:
        size = (constants.resolution,) * 2
        parts.append(nn.Upsample(size, mode="bilinear"))  # it shrinks as well
    stride = 2 if min(size) >= constants.early_halving else 1
    channels = round_channels(STEM * constants.width)
    parts.append(conv_unit(inputs, channels, 3, stride=stride, **unit))
    size = strided(size, stride)
    for number, base in enumerate(BASE):
        stride = 2 if base.stride > 1 and halved(size) else 1
        stage = getattr(net, f"stage_{number + 1}")
        parts.append(_stage(stage, number, net.activation, channels, stride, constants))
        channels, size = round_channels(stage.width * constants.width), strided(size, stride)
    head = round_channels(HEAD * constants.width)
    parts.append(conv_unit(channels, head, 1, **unit))
    return nn.Sequential(*parts, classifier((head, *size), task.outputs, dropout=constants.dropout))


def _stage(stage: Any, number: int, activation: Any, inputs: Any, stride: int, constants: Constants) -> nn.Module:
    from searchitect.nn import chain, inverted_residual

    width = round_channels(stage.width * constants.width)
    before, places = sum(constants.places[:number]), sum(constants.places)

    def block(index: int) -> nn.Module:
        channels = width if index else inputs
        return inverted_residual(
            channels,
            width,
            stage.kernel,
            middle=channels * stage.expansion,
            stride=1 if index else stride,
            squeezed=_whole(channels * stage.squeeze),
            norm=constants.norm,
            activation=activation,
            squeeze_activation=activation,
            shortcut=index > 0,  # the first block of a stage changes the shape
            drop_path=constants.drop_path * (before + index) / places,
        )

    return chain(scaled_depth(stage.depth, constants.depth), block)


def _whole(number: Any) -> Any:
    return number.mapped(int) if isinstance(number, OpenNumber) else int(number)
