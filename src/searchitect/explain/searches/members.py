"""How many architectures a small space holds, so that nobody is asked for more trials than there are."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from searchitect.errors import SpaceError
from searchitect.spaces.search_space import SearchSpace

__all__ = ["described_members", "members_of"]

FEW_MEMBERS = 10_000
"""Larger spaces are not tried whole."""


def members_of(space: SearchSpace) -> int | None:
    """How many architectures a small space holds; None for a large one, or one with a real number."""
    if not space.is_finite:
        return None
    try:
        size = space.size()
    except SpaceError:  # a constraint ties too many decisions together to count
        return None
    return size if size <= FEW_MEMBERS else None


def described_members(description: Mapping[str, Any]) -> int | None:
    """The same by what a manifest says of a space whose class is not at hand; None but for plain choices."""
    decisions = description.get("decisions", {}).values()
    if "constraints" in description or any(one.get("kind") != "choice" for one in decisions):
        return None
    if any(isinstance(option, Mapping) for one in decisions for option in one["options"]):
        return None
    size = math.prod(len(one["options"]) for one in decisions)
    return size if size <= FEW_MEMBERS else None
