"""What the trials cannot tell: sentences about what a search hardly tried."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from searchitect.explain.searches.evidence import INACTIVE, Evidence

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Codes = npt.NDArray[np.int64]

__all__ = ["warnings_of"]

HARDLY, LIKELY = 3, 0.05
"""A level of at least this share of the space is hardly tried with fewer than this many trials."""

TOGETHER = 0.9
"""Cramér's V, corrected for chance, from which two decisions count as having changed together."""

UNIFORM = 0.1
"""Share of random rows that corrects a searcher's preference; fewer are better than none."""

LOW_AGREEMENT = 0.4

NAMED = 3
"""Cases that are named; the others are counted."""


def warnings_of(
    evidence: Evidence, inseparable: frozenset[tuple[int, int]], agreement: float | None = None
) -> tuple[str, ...]:
    """Return what a reader of importances must know, one sentence each; empty where the trials support them.

    Args:
        inseparable: pairs that are bound to change together, which is no fault of the search.
        agreement: Kendall's τ with the second opinion.
    """
    found = [*_missing_random(evidence), *_hardly_tried(evidence), *_together(evidence, inseparable)]
    if agreement is not None and agreement < LOW_AGREEMENT:
        found.append(
            f"Permutation importance orders the decisions otherwise (Kendall's τ {agreement:.2f}): "
            "take the order as uncertain."
        )
    return tuple(found)


def _missing_random(evidence: Evidence) -> Iterator[str]:
    count, free = len(evidence), int(evidence.uniform.sum())
    if free >= UNIFORM * count:
        return
    told = "None of the trials was" if not free else f"Only {free} of {count} trials were"
    yield (
        f"{told} drawn at random, so the search's preference cannot be corrected by them: the shares hold where it "
        "looked and are extrapolated elsewhere."
    )


def _hardly_tried(evidence: Evidence) -> Iterator[str]:
    """Levels that the space offers often and the trials hold seldom."""
    import numpy as np

    rare = []
    for place, factor in enumerate(evidence.factors):
        counts = np.bincount(evidence.codes[:, place], minlength=len(factor.levels))
        for label, share, count in zip(factor.levels, factor.shares, counts, strict=True):
            expected = share * len(evidence)
            if label != INACTIVE and share >= LIKELY and count < HARDLY and expected >= 2 * HARDLY:
                rare.append((int(count), f"{factor.name} = {label}"))
    if not rare:
        return
    rare.sort()
    named = ", ".join(f"{what} ({count})" for count, what in rare[:NAMED])
    more = f" and {len(rare) - NAMED} more" if len(rare) > NAMED else ""
    yield f"Hardly tried (trials): {named}{more}. What these options do is a guess from the others."


def _together(evidence: Evidence, inseparable: frozenset[tuple[int, int]]) -> Iterator[str]:
    count, found = len(evidence.factors), []
    for a in range(count):
        for b in range(a + 1, count):
            if (a, b) not in inseparable and cramer(evidence.codes[:, a], evidence.codes[:, b]) >= TOGETHER:
                found.append(f"{evidence.factors[a].name} with {evidence.factors[b].name}")
    if found:
        more = f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
        yield (
            f"Changed together in nearly all trials: {', '.join(found[:NAMED])}{more}. "
            "Which of the two matters cannot be told."
        )


def cramer(first: Codes, second: Codes) -> float:
    """Return Cramér's V of two columns of codes without the part that chance brings; 0 where one is constant.

    Bergsma, "A bias-correction for Cramér's V and Tschuprow's T", 2013.
    """
    import numpy as np

    table = np.zeros((first.max() + 1, second.max() + 1))
    np.add.at(table, (first, second), 1)
    table = table[table.any(axis=1)][:, table.any(axis=0)]
    count, (rows, columns) = table.sum(), table.shape
    if min(rows, columns) < 2:
        return 0.0
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / count
    chance = (rows - 1) * (columns - 1) / (count - 1)
    excess = max(0.0, float(((table - expected) ** 2 / expected).sum() / count - chance))
    least = min(side - (side - 1) ** 2 / (count - 1) for side in (rows, columns)) - 1
    return float(np.sqrt(excess / least)) if least > 1e-9 else 0.0
