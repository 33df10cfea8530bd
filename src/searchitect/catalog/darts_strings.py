"""The form in which DARTS writes its cells, to decisions and back. It is Python; it is parsed, never run.

    Genotype(normal=[('sep_conv_3x3', 0), ('sep_conv_3x3', 1), …], normal_concat=range(2, 6), reduce=[…], …)

Each cell is a list of (operation, node read), two for each of the nodes 2, 3, 4, 5; nodes 0 and 1 are the two cells
before. The decisions are `normal.node_2.reads` (the two nodes, ascending), `normal.node_2.first` and
`normal.node_2.second` (what is done to them) and so on, and the same below `reduce`. Liu et al. 2019; the file is
`cnn/genotypes.py` of quark0/darts.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from searchitect.errors import SpaceError, did_you_mean
from searchitect.spaces import Value

__all__ = ["DARTS_CELLS", "DARTS_NODES", "DARTS_OPERATIONS", "from_darts_string", "to_darts_string"]

DARTS_OPERATIONS = (
    *("sep_conv_3x3", "skip_connect", "max_pool_3x3", "avg_pool_3x3", "sep_conv_5x5", "dil_conv_3x3", "dil_conv_5x5"),
    "none",
)
"""Operations of DARTS; the last is searched over but never stands in a published cell."""

DARTS_CELLS = ("normal", "reduce")
DARTS_NODES = (2, 3, 4, 5)
FIELDS = ("normal", "normal_concat", "reduce", "reduce_concat")

MAX_LENGTH = 10_000
"""Longer texts are refused unread: a few nested brackets more would exhaust Python's own parser."""


def from_darts_string(text: str) -> dict[str, Value]:
    """Return the decisions of a `Genotype(…)`; a name before it (`DARTS_V2 = …`) is of no account.

    Raises:
        SpaceError: it is no such text, or no cell of the DARTS space: each node reads two different earlier nodes, and
            all four are concatenated.
    """
    fields = _fields(text)
    decisions: dict[str, Value] = {}
    for cell in DARTS_CELLS:
        entries = fields.get(cell)
        if not isinstance(entries, list) or len(entries) != 2 * len(DARTS_NODES):
            raise SpaceError(f"{cell}: expected a list of 8 pairs, got {str(entries)[:80]!r}", hint=_EXAMPLE)
        concatenated = fields.get(f"{cell}_concat", list(DARTS_NODES))
        if not isinstance(concatenated, list) or sorted(concatenated, key=str) != list(DARTS_NODES):
            raise SpaceError(f"{cell}_concat: the DARTS space concatenates range(2, 6), got {concatenated!r}"[:200])
        for place, node in enumerate(DARTS_NODES):
            decisions |= _node(cell, node, entries[2 * place : 2 * place + 2])
    return decisions


def to_darts_string(decisions: Mapping[str, Value]) -> str:
    """Return the `Genotype(…)` of the decisions of an architecture of `darts`.

    Raises:
        SpaceError: a decision is missing or of another kind.
    """
    parts = []
    for cell in DARTS_CELLS:
        pairs: list[tuple[Value, Value]] = []
        for node in DARTS_NODES:
            reads = decisions.get(f"{cell}.node_{node}.reads")
            names = [decisions.get(f"{cell}.node_{node}.{which}") for which in ("first", "second")]
            if not isinstance(reads, tuple) or len(reads) != 2:
                raise SpaceError(f"the decision '{cell}.node_{node}.reads' is {reads!r}, expected two earlier nodes")
            pairs += list(zip(names, reads, strict=True))
            _node(cell, node, pairs[-2:])
        parts.append(f"{cell}={pairs!r}, {cell}_concat=range(2, 6)")
    return f"Genotype({', '.join(parts)})"


_EXAMPLE = "Genotype(normal=[('sep_conv_3x3', 0), …], normal_concat=range(2, 6), reduce=[…], reduce_concat=range(2, 6))"


def _node(cell: str, node: int, pairs: Sequence[Any]) -> dict[str, Value]:
    where = f"{cell}, node {node}"
    for pair in pairs:
        if not isinstance(pair, tuple) or len(pair) != 2 or type(pair[1]) is not int:
            raise SpaceError(f"{where}: expected ('operation', node), got {str(pair)[:60]!r}", hint=_EXAMPLE)
        if pair[0] not in DARTS_OPERATIONS:
            raise SpaceError(
                f"{where}: DARTS has no operation {pair[0]!r}"[:200], hint=did_you_mean(str(pair[0]), DARTS_OPERATIONS)
            )
    (first, low), (second, high) = sorted(pairs, key=lambda pair: pair[1])
    if not 0 <= low < high < node:
        raise SpaceError(f"{where}: reads two different nodes of 0 to {node - 1}, got {low} and {high}")
    path = f"{cell}.node_{node}"
    return {f"{path}.reads": (low, high), f"{path}.first": first, f"{path}.second": second}


def _fields(text: object) -> dict[str, Any]:
    if not isinstance(text, str) or len(text) > MAX_LENGTH:
        raise SpaceError(f"expected a string of at most {MAX_LENGTH:,} characters, got {str(text)[:60]!r}")
    try:
        with warnings.catch_warnings():  # of what looks odd in a program, which this is none
            warnings.simplefilter("ignore")
            tree = ast.parse(re.sub(r"^\s*\w+\s*=(?!=)", "", text).strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        tree = None
    if not isinstance(tree, ast.Call) or not isinstance(tree.func, ast.Name) or len(tree.args) > len(FIELDS):
        raise SpaceError(f"no cells of DARTS: {text[:80]!r}", hint=_EXAMPLE)
    given = dict(zip(FIELDS, tree.args, strict=False)) | {item.arg or "**": item.value for item in tree.keywords}
    for name in given:
        if name not in FIELDS:
            raise SpaceError(f"DARTS writes {', '.join(FIELDS)}; this has {name!r}")
    return {name: _literal(name, value) for name, value in given.items()}


def _literal(name: str, value: ast.expr) -> Any:
    """A list, tuple, string or integer as written; `range(a, b)` and `list(range(a, b))` as a list."""
    match value:
        case ast.Call(func=ast.Name(id="list"), args=[inner], keywords=[]):
            return _literal(name, inner)
        case ast.Call(func=ast.Name(id="range"), args=[ast.Constant(value=int(low)), ast.Constant(value=int(high))]):
            return list(range(low, min(high, low + 100)))
    try:
        found = ast.literal_eval(value)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError) as error:
        raise SpaceError(f"{name}: expected a plain list, got {ast.unparse(value)[:60]!r}", hint=_EXAMPLE) from error
    return list(found) if isinstance(found, (list, tuple)) else found
