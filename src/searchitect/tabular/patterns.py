"""Architecture strings: a pattern with holes reads `|conv~0|+|skip~0|conv~1|` or `64-4111-basic` as named decisions.

`{name}` stands for text up to what follows it, `{name:2}` for exactly two characters, `{name:*}` for a list of single
characters and `{name:*|}` for a list separated by `|`. `{name?}` may be empty; `{name?-}` may be absent together with
the `-` before it, `{name?(*)}` together with the parentheses around it. Everything else stands for itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from searchitect.errors import ConfigError, TaskError
from searchitect.tabular.reading import typed

__all__ = ["Pattern"]

MAX_TEXT = 10_000
"""Longest architecture string that is matched."""

HOLE = re.compile(r"\{(\w+)(?P<optional>\?[^}:]*)?(?::(?P<spec>[^}]*))?\}")


class Pattern:
    """A compiled pattern.

    Attributes:
        names: its holes, in order.

    Raises:
        ConfigError: it has no hole, or one name twice, or one that begins with a digit.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._lists: dict[str, str] = {}
        parts, end = [], 0
        for hole in HOLE.finditer(text):
            parts += [re.escape(text[end : hole.start()]), self._part(hole[1], hole["spec"] or "", hole["optional"])]
            end = hole.end()
        self.names = tuple(hole[1] for hole in HOLE.finditer(text))
        named = all(name.isidentifier() for name in self.names)
        if not self.names or not named or len(set(self.names)) < len(self.names):
            raise ConfigError(
                f"the pattern {text!r} needs holes in braces, each with a name of its own that begins with a letter",
                hint='for example "{depth}-{width}", or "{layer:*|}" for a list separated by |',
            )
        self._regex = re.compile("".join(parts) + re.escape(text[end:]), re.DOTALL)

    def _part(self, name: str, spec: str, optional: str | None) -> str:
        found = ".+?"
        if spec.startswith("*"):
            self._lists[name] = spec[1:]
        elif spec.isdecimal() and 1 <= int(spec) <= 100:
            found = f".{{{int(spec)}}}"
        elif spec:
            raise ConfigError(
                f"the hole {{{name}:{spec}}} of a pattern cannot be read",
                hint="{name}, {name:2} for two characters, {name:*} for a list of characters, {name:*|} split at |, "
                "{name?} where it may be empty, {name?-} where it may be absent with a - before it",
            )
        if optional is None:
            return f"(?P<{name}>{found})"
        before, _, after = optional[1:].partition("*")
        return f"(?:{re.escape(before)}(?P<{name}>{found}){re.escape(after)})??"

    def read(self, cells: Sequence[Any], column: str, spot: Callable[[int], str]) -> dict[str, list[Any]]:
        """Return one column for each hole; a list hole gives tuples. Numbers are read where all texts are numbers.

        What an optional hole does not hold is None, or an empty list.

        Raises:
            TaskError: a cell does not match, or an item of a list is empty; the message shows the row.
        """
        found: dict[str, list[Any]] = {name: [] for name in self.names}
        for row, cell in enumerate(cells):
            match = self._regex.fullmatch(cell) if isinstance(cell, str) and len(cell) <= MAX_TEXT else None
            if cell is None:
                raise TaskError(f"{column} is missing in {spot(row)}", hint="fill it in, or leave the row out")
            if match is None:
                raise TaskError(
                    f"{spot(row)} has {str(cell)[:80]!r} as {column}, which does not match the pattern {self.text!r}",
                    hint="correct the pattern ({name?} is a hole that may be empty), or leave such rows out with "
                    "where = { column = value }",
                )
            for name, text in match.groupdict().items():
                items = self._items(name, text)
                if isinstance(items, tuple) and "" in items:
                    raise TaskError(
                        f"{spot(row)} has {cell[:80]!r} as {column}: an item of the list {name!r} is empty",
                        hint=f"{{{name}:*{self._lists[name]}}}{self._lists[name]} in the pattern, where the separator "
                        "stands behind the last item too",
                    )
                found[name].append(items)
        return {
            name: _typed_lists(cells, name, column) if name in self._lists else typed(cells, name, column)
            for name, cells in found.items()
        }

    def _items(self, name: str, text: str | None) -> Any:
        separator = self._lists.get(name)
        if text is None:
            return None if separator is None else ()
        return text if separator is None else tuple(text.split(separator) if separator else text)


def _typed_lists(cells: Sequence[tuple[str, ...]], name: str, where: str) -> list[Any]:
    """Read all items of all lists as one kind."""
    meaning = dict.fromkeys(item for cell in cells for item in cell)
    read = dict(zip(meaning, typed(list(meaning), name, where), strict=True))
    return [tuple(read[item] for item in cell) for cell in cells]
