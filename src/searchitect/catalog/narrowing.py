"""The fidelity axis `width`: the same architecture with fewer channels everywhere, by one factor.

A space can be built narrower where its channel counts are constants beside its decisions: families with `channels`,
`filters` or `width_multiplier`, and spaces of your own with a class method `narrower(width)`, which returns a space of
the same decisions. Where widths are decisions themselves a factor would map two of them onto one, and turn the order
of architectures around: such a space is shortened by epochs, data or resolution instead.
"""

from __future__ import annotations

import inspect
import math
from typing import Any

from searchitect.catalog.registry import family, reference
from searchitect.errors import SpaceError
from searchitect.spaces import Architecture, SearchSpace

__all__ = ["CONSTANTS", "narrower"]

CONSTANTS = ("channels", "filters", "width_multiplier")
"""Parameters of families that scale the whole network and that no decision depends on."""

MULTIPLE = 4
"""Channels stay a multiple of this, as published counts are."""


def narrower(space: Any, architecture: Architecture, width: float) -> tuple[Any, Architecture]:
    """Return the space with `width` times the channels, and the architecture with the same decisions in it.

    Raises:
        SpaceError: the width lies outside (0, 1], or the space cannot be built narrower.
    """
    if not 0.0 < width <= 1.0:
        raise SpaceError(f"a width lies in (0, 1], got {width}")
    if width == 1.0:
        return space, architecture
    full = SearchSpace.of(space)
    narrow = _narrow(full.source, width, full.name)
    moved = {"space": SearchSpace.of(narrow).digest, "decisions": dict(architecture.decisions)}
    return narrow, Architecture.from_json(moved)


def _narrow(source: type[Any], width: float, name: str) -> type[Any]:
    own = getattr(source, "narrower", None)
    if callable(own):
        found: type[Any] = own(width)
        return found
    words = reference(source)
    if words is not None and "family" in words:
        make = family(words["family"])
        known = inspect.signature(make).parameters
        given = dict(words.get("parameters", {}))
        for constant in CONSTANTS:
            if constant in known:
                return make(**(given | {constant: _scaled(given.get(constant, known[constant].default), width)}))
    raise SpaceError(
        f"the space {name} cannot be built narrower",
        hint="shorten by epochs, data_fraction or resolution; or give it a class method narrower(width)",
    )


def _scaled(value: Any, width: float) -> int | float:
    if isinstance(value, float):
        return value * width
    steps: int = math.ceil(value * width / MULTIPLE)
    return MULTIPLE * max(1, steps)
