"""Conditions on one decision in words: a set of levels of a factor becomes "depth ≥ 3" or "kernel is 3 or 5"."""

from __future__ import annotations

from collections.abc import Collection

from searchitect.explain.searches.evidence import MEMBER, Factor

__all__ = ["phrase", "row_phrase"]


def phrase(factor: Factor, codes: Collection[int]) -> str:
    """Say that a factor's level is one of `codes`; true of exactly those levels.

    Numbers in one stretch are written with "≥", "≤", "<" or "to", others as a list, or by what they are not where that
    is shorter. A level of not being there is named.
    """
    held = sorted(set(codes))
    absent = factor.inactive
    active = [code for code in range(len(factor.levels)) if code != absent]
    inside = [code for code in held if code != absent]
    if MEMBER in factor.name and inside != active:
        return _member(factor, inside, absent in held)
    name = factor.name.replace(MEMBER, " has ")
    if not inside:
        return f"{name} is not there"
    if inside == active:
        return f"{name} is anything" if len(held) == len(factor.levels) else f"{name} is there"
    said = _numbers(factor, inside, active) if factor.ordered else None
    said = said or _named(factor, inside, active)
    return f"{name} {said}" + (" or not there" if absent in held else "")


def row_phrase(factor: Factor, code: int) -> str:
    """Say one level: "kernel = 5", "pool.size is not there"."""
    return phrase(factor, (code,))


def _member(factor: Factor, inside: list[int], absent: bool) -> str:
    """An element of a subset: level 1 is "in", level 0 "out"."""
    path, _, element = factor.name.partition(MEMBER)
    if not inside:
        return f"{path} is not there"
    said = f"{path} {'has' if inside == [1] else 'is without'} {element}"
    return f"{said} or not there" if absent else said


def _numbers(factor: Factor, inside: list[int], active: list[int]) -> str | None:
    """A stretch of numbers; None where they are no stretch."""
    if inside != list(range(inside[0], inside[-1] + 1)):
        return None
    first, last = inside[0] == active[0], inside[-1] == active[-1]
    if factor.edges:
        low = "" if first else f"≥ {factor.edges[inside[0] - 1]:.4g}"
        high = "" if last else f"< {factor.edges[inside[-1]]:.4g}"
        return " and ".join(part for part in (low, high) if part)
    low, high = factor.levels[inside[0]], factor.levels[inside[-1]]
    if len(inside) == 1:
        return f"= {low}"
    return f"≤ {high}" if first else f"≥ {low}" if last else f"is {low} to {high}"


def _named(factor: Factor, inside: list[int], active: list[int]) -> str:
    if len(inside) == 1:
        return f"= {factor.levels[inside[0]]}"
    outside = [code for code in active if code not in inside]
    if len(outside) == 1 and len(inside) > 1:
        return f"is not {factor.levels[outside[0]]}"
    labels = [factor.levels[code] for code in inside]
    return f"is {', '.join(labels[:-1])} or {labels[-1]}"
