"""The strings by which published tables and papers name their cells, to decisions and back. No torch, nothing is run.

Decisions are what an `Architecture` of the family holds, path to value, so that
`space.read({"decisions": from_nats_string(text)})` is the architecture. Each pair is exact in both directions.

    |avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|…|     NAS-Bench-201, NATS-Bench    `nasbench201`
    64-41414-1_02_333                                         TransNAS-Bench-101, micro     `transnas_micro`
    64-4111-basic                                             TransNAS-Bench-101, macro     `transnas_macro`

DARTS' own form is in `darts_strings`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from searchitect.errors import SpaceError, did_you_mean
from searchitect.spaces import Value

__all__ = [
    "CELL_EDGES",
    "NATS_OPERATIONS",
    "TRANSNAS_OPERATIONS",
    "edge_name",
    "from_nats_string",
    "from_transnas_string",
    "to_nats_string",
    "to_transnas_string",
]

CELL_EDGES = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))
"""The edges of a cell of four nodes, from and to, in the order of both benchmarks."""

NATS_OPERATIONS = ("nor_conv_3x3", "skip_connect", "nor_conv_1x1", "avg_pool_3x3", "none")
"""Operations of NAS-Bench-201 (Dong & Yang 2020); the first is the catalogue's default."""

TRANSNAS_OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3")
"""Operations of TransNAS-Bench-101 (Duan et al. 2021), in the order of their digits."""

MICRO_SKELETON = "64-41414-"
MACRO_BASE = "64-"
MAX_LENGTH = 1_000
"""Longer strings are refused unread."""

Decisions = Mapping[str, Value]


def edge_name(edge: tuple[int, int]) -> str:
    """`(0, 1)` as "edge_0_1", the name of a decision."""
    return f"edge_{edge[0]}_{edge[1]}"


def from_nats_string(text: str) -> dict[str, Value]:
    """Return the decisions `edge_0_1` … `edge_2_3` of a NATS-Bench string.

    Raises:
        SpaceError: it has another form, or names an operation that NAS-Bench-201 has not.
    """
    groups = _short(text).split("+")
    if len(groups) != 3:
        raise _nats_error(text)
    decisions: dict[str, Value] = {}
    for target, group in enumerate(groups, 1):
        parts = group.split("|")
        if len(parts) != target + 2 or parts[0] or parts[-1]:
            raise _nats_error(text)
        for source, part in enumerate(parts[1:-1]):
            operation, _, given = part.partition("~")
            if given != str(source):
                raise _nats_error(text)
            if operation not in NATS_OPERATIONS:
                raise SpaceError(
                    f"NAS-Bench-201 has no operation {operation!r}", hint=did_you_mean(operation, NATS_OPERATIONS)
                )
            decisions[edge_name((source, target))] = operation
    return decisions


def to_nats_string(decisions: Decisions) -> str:
    """Return the NATS-Bench string of the decisions `edge_0_1` … `edge_2_3`; others are of no account.

    Raises:
        SpaceError: an edge is missing.
    """
    nodes = [[e for e in CELL_EDGES if e[1] == target] for target in (1, 2, 3)]
    return "+".join(
        "|" + "".join(f"{_operation(decisions, edge, NATS_OPERATIONS)}~{edge[0]}|" for edge in edges) for edges in nodes
    )


def from_transnas_string(text: str) -> dict[str, Value]:
    """Return the decisions of a TransNAS-Bench-101 string.

    Micro: `edge_0_1` … `edge_2_3`. Macro: `modules.length`, then `modules.0` …, the digits as integers.

    Raises:
        SpaceError: it has another form, base width or skeleton.
    """
    macro = re.fullmatch(r"64-([1-4]{4,6})-basic", _short(text))
    if macro:
        digits = [int(digit) for digit in macro[1]]
        return {"modules.length": len(digits), **{f"modules.{place}": digit for place, digit in enumerate(digits)}}
    micro = re.fullmatch(r"64-41414-([0-3])_([0-3])([0-3])_([0-3])([0-3])([0-3])", text)
    if micro:
        pairs = zip(CELL_EDGES, micro.groups(), strict=True)
        return {edge_name(edge): TRANSNAS_OPERATIONS[int(digit)] for edge, digit in pairs}
    raise SpaceError(
        f"no string of TransNAS-Bench-101: {text[:80]!r}",
        hint="micro cells look like '64-41414-1_02_333' (digits 0 to 3), macro networks like '64-4111-basic'",
    )


def to_transnas_string(decisions: Decisions) -> str:
    """Return the TransNAS-Bench-101 string of the decisions of a micro cell or of a macro network.

    Raises:
        SpaceError: decisions are missing or are no options of that space.
    """
    length = decisions.get("modules.length")
    if isinstance(length, int):
        digits = [decisions.get(f"modules.{place}") for place in range(length)]
        text = MACRO_BASE + "".join(str(digit) for digit in digits) + "-basic"
        from_transnas_string(text)
        return text
    names = [_operation(decisions, edge, TRANSNAS_OPERATIONS) for edge in CELL_EDGES]
    d = [str(TRANSNAS_OPERATIONS.index(name)) for name in names]
    return f"{MICRO_SKELETON}{d[0]}_{d[1]}{d[2]}_{d[3]}{d[4]}{d[5]}"


def _operation(decisions: Decisions, edge: tuple[int, int], known: tuple[str, ...]) -> str:
    found: Any = decisions.get(edge_name(edge))
    if found not in known:
        raise SpaceError(f"the decision {edge_name(edge)!r} is {found!r}", hint="one of " + ", ".join(known))
    return str(found)


def _short(text: object) -> str:
    if not isinstance(text, str) or len(text) > MAX_LENGTH:
        raise SpaceError(f"expected a string of at most {MAX_LENGTH} characters, got {str(text)[:60]!r}")
    return text


def _nats_error(text: str) -> SpaceError:
    return SpaceError(
        f"no string of NAS-Bench-201: {text[:120]!r}",
        hint="it looks like '|avg_pool_3x3~0|+|nor_conv_1x1~0|none~1|+|none~0|none~1|skip_connect~2|'",
    )
