"""What the trials cannot tell: sentences about what a search hardly tried."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from searchitect.explain.searches.evidence import INACTIVE, Evidence
from searchitect.explain.wording import Words, words

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

FEW = 20
"""Trials below which it is said that a space has no more to try."""

NAMED = 3
"""Cases that are named; the others are counted."""


def warnings_of(
    evidence: Evidence,
    inseparable: frozenset[tuple[int, int]],
    agreement: float | None = None,
    say: Words | None = None,
) -> tuple[str, ...]:
    """Return what a reader of importances must know, one sentence each; empty where the trials support them.

    Args:
        inseparable: pairs that are bound to change together, which is no fault of the search.
        agreement: Kendall's τ with the second opinion.
        say: texts of a language; English by default.
    """
    say = say or words()
    found = [*_missing_random(evidence, say), *_hardly_tried(evidence, say), *_together(evidence, inseparable, say)]
    if agreement is not None and agreement < LOW_AGREEMENT:
        found.append(say("warning.order", tau=f"{agreement:.2f}"))
    return tuple(found)


def _missing_random(evidence: Evidence, say: Words) -> Iterator[str]:
    count, free = len(evidence), int(evidence.uniform.sum())
    if evidence.is_whole:
        if count < FEW:
            yield say("warning.few_members", tried=evidence.tried, members=evidence.members)
        return
    if free >= UNIFORM * count:
        return
    yield say("warning.few_random", free=free, count=count) if free else say("warning.no_random")


def _hardly_tried(evidence: Evidence, say: Words) -> Iterator[str]:
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
    yield say("warning.rare", cases=_named([f"{what} ({count})" for count, what in rare], say))


def _together(evidence: Evidence, inseparable: frozenset[tuple[int, int]], say: Words) -> Iterator[str]:
    count, found = len(evidence.factors), []
    for a in range(count):
        for b in range(a + 1, count):
            if (a, b) not in inseparable and cramer(evidence.codes[:, a], evidence.codes[:, b]) >= TOGETHER:
                names = evidence.factors[a].name, evidence.factors[b].name
                found.append(say("warning.with", first=names[0], second=names[1]))
    if found:
        yield say("warning.together", cases=_named(found, say))


def _named(cases: list[str], say: Words) -> str:
    """The first cases by name, the others as a number."""
    more = [say("page.and_more", count=len(cases) - NAMED)] if len(cases) > NAMED else []
    return say.listed([*cases[:NAMED], *more])


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
