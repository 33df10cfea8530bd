"""Two small pieces of statistics that several explanations share."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["evenly_with", "wilson"]

Z = 1.959963984540054


def wilson(successes: int, tries: int) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson 1927): never outside 0..1, 0 to 1 where nothing was tried."""
    if not tries:
        return 0.0, 1.0
    share, square = successes / tries, Z * Z / tries
    middle = (share + square / 2) / (1 + square)
    half = Z * (share * (1 - share) / tries + square / (4 * tries)) ** 0.5 / (1 + square)
    return max(0.0, middle - half), min(1.0, middle + half)


def evenly_with(count: int, most: int, wanted: Sequence[int] = ()) -> list[int]:
    """Return at most `most` places below `count`: first those wanted, in their order, the rest at even distances."""
    kept = list(dict.fromkeys(wanted))[:most]
    left = [place for place in range(count) if place not in set(kept)]
    room = min(most - len(kept), len(left))
    if room == 1:
        kept.append(left[-1])
    elif room > 1:
        kept += [left[round(i * (len(left) - 1) / (room - 1))] for i in range(room)]
    return sorted(kept)
