"""Prior weights that several families share."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["first_half"]


def first_half(options: Sequence[object]) -> list[float]:
    """Weights by which the first option is drawn as often as all the others together."""
    rest = len(options) - 1
    return [float(max(rest, 1)), *[1.0] * rest]
