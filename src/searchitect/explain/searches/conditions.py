"""Decisions that are not always there: read from the rows, without the space."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from searchitect.explain.searches.evidence import Factor
from searchitect.seeding import derive

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Codes = npt.NDArray[np.int64]
    Flags = npt.NDArray[np.bool_]

__all__ = ["both_there", "filled", "inseparable"]


def inseparable(codes: Codes, factors: Sequence[Factor]) -> frozenset[tuple[int, int]]:
    """Return the pairs (a, b), a < b, that have no joint effect of their own.

    One decides whether the other is there, or wherever both are there one of them has a single level.
    """
    there = [_there(codes[:, place], factor) for place, factor in enumerate(factors)]
    conditional = [place for place, factor in enumerate(factors) if factor.inactive is not None]
    found = set()
    for b in conditional:
        for a in range(len(factors)):
            pair = (min(a, b), max(a, b))
            if a == b or pair in found:
                continue
            both = there[a] & there[b]
            alone = min(_variety(codes[both, place]) for place in pair) < 2
            if alone or _decides(codes[:, a], there[a], there[b]):
                found.add(pair)
    return frozenset(found)


def _there(column: Codes, factor: Factor) -> Flags:
    import numpy as np

    return np.ones(len(column), dtype=bool) if factor.inactive is None else np.asarray(column != factor.inactive)


def _variety(column: Codes) -> int:
    import numpy as np

    return len(np.unique(column))


def _decides(column: Codes, own: Flags, other: Flags) -> bool:
    """Whether the levels of a column say if the other decision is there, and not merely by being there itself."""
    import numpy as np

    means = [float(other[column == level].mean()) for level in np.unique(column[own])]
    return set(means) == {0.0, 1.0}


def both_there(codes: Codes, factors: Sequence[Factor], first: int, second: int) -> float:
    """Return how likely it is that both are there: independent, unless by the rows one implies the other."""
    one, other = (_there(codes[:, place], factors[place]) for place in (first, second))
    likely = [1.0 if f.inactive is None else sum(f.shares[:-1]) for f in (factors[first], factors[second])]
    if not (one & ~other).any() or not (other & ~one).any():
        return min(likely)
    return likely[0] * likely[1]


def filled(codes: Codes, factors: Sequence[Factor], seed: int) -> Codes:
    """Return codes without `INACTIVE`: a level drawn by the shares of the others stands in its place.

    A forest could otherwise read from a decision that is not there what the decision above it chose.
    """
    import numpy as np

    result: Codes = codes.copy()
    random = np.random.default_rng(derive(seed, "levels that are not there"))
    for place, factor in enumerate(factors):
        if factor.inactive is None:
            continue
        missing = codes[:, place] == factor.inactive
        shares = np.asarray(factor.shares[:-1])
        result[missing, place] = random.choice(len(shares), int(missing.sum()), p=shares / shares.sum())
    return result
