"""Compound scaling: one number makes a network deeper, wider and its images larger.

Tan & Le, "EfficientNet: rethinking model scaling for convolutional neural networks", 2019, equation 3. The parameters
of a space hold the multipliers, so that an architecture keeps its decisions whatever its scale.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping
from functools import partial
from typing import Any

from searchitect.catalog.registry import family, get, reference
from searchitect.errors import SpaceError
from searchitect.spaces import Architecture, SearchSpace
from searchitect.spaces.open_values import OpenNumber

__all__ = ["round_channels", "scale", "scaled_depth"]

DIVISOR = 8
MULTIPLIERS = ("width_multiplier", "depth_multiplier", "resolution")


def round_channels(channels: Any) -> Any:
    """The multiple of 8 next to a number of channels, but never below 90 % of it; an open number stays open."""
    if isinstance(channels, OpenNumber):
        return channels.mapped(round_channels)
    nearest = max(DIVISOR, int(channels + DIVISOR / 2) // DIVISOR * DIVISOR)
    return nearest if nearest >= 0.9 * channels else nearest + DIVISOR


def scaled_depth(depth: Any, multiplier: float) -> Any:
    """⌈depth · multiplier⌉ blocks; an open number stays open."""
    if isinstance(depth, OpenNumber):
        return depth.mapped(partial(scaled_depth, multiplier=multiplier))
    return math.ceil(depth * multiplier)


def scale(
    architecture: Any,
    phi: float,
    *,
    space: type[Any] | None = None,
    resolution: int | None = None,
    alpha: float = 1.2,
    beta: float = 1.1,
    gamma: float = 1.15,
) -> Any:
    """Return an architecture at another scale: the same decisions in the scaled space of its family (equation 3).

    With the paper's α, β and γ the FLOPs grow about 2^φ times: α · β² · γ² ≈ 2. Small steps from B0 grow faster, since
    ⌈α⌉ of one block are two: 2.6 times for φ = 1, 52 for φ = 6.

    Args:
        architecture: an instance of a space of the catalogue, or an `Architecture` of `space`.
        phi: φ; depth grows by α^φ, width by β^φ, resolution by γ^φ. Negative numbers shrink.
        resolution: side of the images before scaling, where the space has none of its own.

    Returns:
        An instance of the scaled space: `type(result)` is the space, `Architecture.of(result)` the value, and
        `result.build(task)` the model.

    Raises:
        SpaceError: the family of the space has no multipliers, or no resolution is known.
    """
    if isinstance(architecture, Architecture):
        if space is None:
            raise SpaceError("an Architecture does not hold its space", hint="scale(architecture, phi, space=…)")
        architecture = SearchSpace.of(space).instance(architecture)
    words = _words(type(architecture))
    known = inspect.signature(family(words["family"])).parameters
    now = {name: words["parameters"].get(name, known[name].default) for name in MULTIPLIERS}
    side = now["resolution"] or resolution
    if side is None:
        raise SpaceError(
            f"{words['family']} takes images as they come: there is no resolution to scale",
            hint="scale(architecture, phi, resolution=224), with the side of your images",
        )
    scaled = {
        "width_multiplier": round(now["width_multiplier"] * beta**phi, 6),
        "depth_multiplier": round(now["depth_multiplier"] * alpha**phi, 6),
        "resolution": max(1, round(side * gamma**phi)),
    }
    found = SearchSpace.of(get(words["family"], **{**words["parameters"], **scaled}))
    return found.instance(found.read({"decisions": Architecture.of(architecture).decisions}))


def _words(cls: type[Any]) -> Mapping[str, Any]:
    words = reference(cls)
    if words is None or "family" not in words:
        raise SpaceError(f"{cls.__name__} is no space of the catalogue: what scales it is not known")
    known = inspect.signature(family(words["family"])).parameters
    missing = [name for name in MULTIPLIERS if name not in known]
    if missing:
        raise SpaceError(
            f"{words['family']} cannot be scaled: it has no parameter {missing[0]!r}",
            hint="mbconv has width_multiplier, depth_multiplier and resolution",
        )
    return words
