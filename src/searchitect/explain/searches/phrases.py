"""Conditions on one decision in words: a set of levels of a factor becomes "depth ≥ 3" or "kernel is 3 or 5"."""

from __future__ import annotations

from collections.abc import Collection

from searchitect.explain.searches.evidence import MEMBER, Factor
from searchitect.explain.wording import Words, words

__all__ = ["phrase"]


def phrase(factor: Factor, codes: Collection[int], say: Words | None = None) -> str:
    """Say that a factor's level is one of `codes`; true of exactly those levels.

    Numbers in one stretch are written with "≥", "≤", "<" or "to", others as a list, or by what they are not where that
    is shorter. A level of not being there is named.

    Args:
        say: texts of a language; English by default.
    """
    say = say or words()
    held = sorted(set(codes))
    absent = factor.inactive
    active = [code for code in range(len(factor.levels)) if code != absent]
    inside = [code for code in held if code != absent]
    if MEMBER in factor.name and inside != active:
        return _member(factor, inside, absent in held, say)
    name = factor.name
    if MEMBER in name:
        path, _, element = name.partition(MEMBER)
        name = say("rules.has", name=path, element=element)
    if not inside:
        return say("rules.is_not_there", name=name)
    if inside == active:
        return say("rules.is_anything" if len(held) == len(factor.levels) else "rules.is_there", name=name)
    said = _numbers(factor, inside, active, say) if factor.ordered else None
    said = said or _named(factor, inside, active, say)
    return say("rules.or_not_there", said=said) if absent in held else said


def _member(factor: Factor, inside: list[int], absent: bool, say: Words) -> str:
    """An element of a subset: level 1 is "in", level 0 "out"."""
    path, _, element = factor.name.partition(MEMBER)
    if not inside:
        return say("rules.is_not_there", name=path)
    said = say("rules.has" if inside == [1] else "rules.has_not", name=path, element=element)
    return say("rules.or_not_there", said=said) if absent else said


def _numbers(factor: Factor, inside: list[int], active: list[int], say: Words) -> str | None:
    """A stretch of numbers; None where they are no stretch."""
    if inside != list(range(inside[0], inside[-1] + 1)):
        return None
    name, first, last = factor.name, inside[0] == active[0], inside[-1] == active[-1]
    if factor.edges:
        low = "" if first else f"{factor.edges[inside[0] - 1]:.4g}"
        high = "" if last else f"{factor.edges[inside[-1]]:.4g}"
        if low and high:
            return say("rules.from_below", name=name, low=low, high=high)
        return say("rules.at_least", name=name, value=low) if low else say("rules.below", name=name, value=high)
    low, high = factor.levels[inside[0]], factor.levels[inside[-1]]
    if len(inside) == 1:
        return say("rules.equals", name=name, value=low)
    if first or last:
        return say("rules.at_most", name=name, value=high) if first else say("rules.at_least", name=name, value=low)
    return say("rules.between", name=name, low=low, high=high)


def _named(factor: Factor, inside: list[int], active: list[int], say: Words) -> str:
    name = factor.name
    if len(inside) == 1:
        return say("rules.equals", name=name, value=factor.levels[inside[0]])
    outside = [code for code in active if code not in inside]
    if len(outside) == 1 and len(inside) > 1:
        return say("rules.is_not", name=name, value=factor.levels[outside[0]])
    labels = [factor.levels[code] for code in inside]
    return say("rules.is_one_of", name=name, values=say("page.comma").join(labels[:-1]), last=labels[-1])
