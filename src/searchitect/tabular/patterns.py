"""Architecture strings: a pattern with holes reads `|conv~0|+|skip~0|conv~1|` or `64-4111-basic` as named decisions.

`{name}` stands for text up to what follows it, `{name:2}` for exactly two characters, `{name:*}` for a list of single
characters and `{name:*|}` for a list separated by `|`. Everything else stands for itself.
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

HOLE = re.compile(r"\{(\w+)(?::([^}]*))?\}")


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
            parts += [re.escape(text[end : hole.start()]), self._part(hole[1], hole[2] or "")]
            end = hole.end()
        self.names = tuple(hole[1] for hole in HOLE.finditer(text))
        named = all(name.isidentifier() for name in self.names)
        if not self.names or not named or len(set(self.names)) < len(self.names):
            raise ConfigError(
                f"the pattern {text!r} needs holes in braces, each with a name of its own that begins with a letter",
                hint='for example "{depth}-{width}", or "{layer:*|}" for a list separated by |',
            )
        self._regex = re.compile("".join(parts) + re.escape(text[end:]), re.DOTALL)

    def _part(self, name: str, spec: str) -> str:
        if spec.startswith("*"):
            self._lists[name] = spec[1:]
            return f"(?P<{name}>.+?)"
        if spec.isdecimal() and 1 <= int(spec) <= 100:
            return f"(?P<{name}>.{{{int(spec)}}})"
        if spec:
            raise ConfigError(
                f"the hole {{{name}:{spec}}} of a pattern cannot be read",
                hint="{name}, {name:2} for two characters, {name:*} for a list of characters, {name:*|} split at |",
            )
        return f"(?P<{name}>.+?)"

    def read(self, cells: Sequence[Any], column: str, spot: Callable[[int], str]) -> dict[str, list[Any]]:
        """Return one column for each hole; a list hole gives tuples. Numbers are read where all texts are numbers.

        Raises:
            TaskError: a cell does not match; the message shows the row.
        """
        found: dict[str, list[Any]] = {name: [] for name in self.names}
        for row, cell in enumerate(cells):
            match = self._regex.fullmatch(cell) if isinstance(cell, str) and len(cell) <= MAX_TEXT else None
            if match is None:
                raise TaskError(
                    f"{spot(row)} has {str(cell)[:80]!r} as {column}, which does not match the pattern {self.text!r}",
                    hint="correct the pattern, or leave such rows out with where = { column = value }",
                )
            for name, text in match.groupdict().items():
                found[name].append(self._items(name, text))
        return {
            name: _typed_lists(cells, name, column) if name in self._lists else typed(cells, name, column)
            for name, cells in found.items()
        }

    def _items(self, name: str, text: str) -> Any:
        separator = self._lists.get(name)
        return text if separator is None else tuple(text.split(separator) if separator else text)


def _typed_lists(cells: Sequence[tuple[str, ...]], name: str, where: str) -> list[Any]:
    """Read all items of all lists as one kind."""
    meaning = dict.fromkeys(item for cell in cells for item in cell)
    read = dict(zip(meaning, typed(list(meaning), name, where), strict=True))
    return [tuple(read[item] for item in cell) for cell in cells]
