"""The rows of a table that a description keeps, with what other tables say about the same architectures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from searchitect.errors import ConfigError, SearchitectError, TaskError, did_you_mean
from searchitect.tabular.reading import TableFile

__all__ = ["Find", "Rows", "spotted"]

Find = Callable[[str], Path]
"""From the name or path of a table to its file."""


def spotted(label: str, *rows: int) -> str:
    """Return how messages say where rows of a file stand; `rows` count from 0, people from 1."""
    below = "" if label.endswith((".parquet", ".pq")) else ", below the header"
    numbers = " and ".join(str(row + 1) for row in rows)
    return f"row{'s' if len(rows) > 1 else ''} {numbers} of {label} (counted from 1{below})"


class Rows:
    """Columns of one table and of those joined to it, cut to the rows that `where` keeps.

    Attributes:
        label: name of the file, for messages.
        numbers: which rows of the file are kept, from 0.

    Raises:
        TaskError: a column or a value of `where` is not there, or a join does not fit.
    """

    every, first = 1, 1
    """Epochs between two items of a list, and of the first: lists count every epoch unless the description says so."""

    called = "rows"
    """What one of them is, for messages."""

    def __init__(
        self, path: Path, where: Mapping[str, Any] = {}, joins: Sequence[Mapping[str, Any]] = (), find: Find = Path
    ) -> None:
        self._file = TableFile(path)
        self.label = path.name if path.stem != "table" else f"{path.parent.name}/{path.name}"
        every = len(self._file.column(self._file.names[0]))
        self.numbers = list(range(every))
        self._joined: list[tuple[TableFile, list[int | None]]] = []
        for column, wanted in where.items():
            self._keep(column, wanted)
        for join in joins:
            self._join(join, find)

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def names(self) -> tuple[str, ...]:
        """All columns, those of the joined tables behind the own ones."""
        more = [name for file, _ in self._joined for name in file.names if name not in self._file.names]
        return (*self._file.names, *dict.fromkeys(more))

    def matching(self, pattern: str) -> list[str]:
        """Return the columns that a name or `*` pattern stands for.

        Raises:
            TaskError: there is none; the hint has the nearest name.
        """
        for file in (self._file, *(file for file, _ in self._joined)):
            try:
                return file.matching([pattern])
            except TaskError:
                continue
        raise TaskError(f"{self.label} has no column {pattern!r}", hint=did_you_mean(pattern, self.names[:300]))

    def column(self, name: str) -> list[Any]:
        """Return the kept cells of a column; None where one is missing.

        Raises:
            TaskError: no table has such a column.
        """
        if name in self._file.names:
            cells = self._file.column(name)
            return [cells[row] for row in self.numbers]
        for file, places in self._joined:
            if name in file.names:
                cells = file.column(name)
                found = [None if place is None else cells[place] for place in places]
                return [found[row] for row in self.numbers]
        raise TaskError(f"{self.label} has no column {name!r}", hint=did_you_mean(name, self.names[:300]))

    def spot(self, *places: int) -> str:
        """Return where kept rows stand in the file, as messages say it."""
        return spotted(self.label, *(self.numbers[place] for place in places))

    def keep(self, wanted: Sequence[bool]) -> None:
        """Leave out the kept rows that are not wanted."""
        self.numbers = [row for row, fine in zip(self.numbers, wanted, strict=True) if fine]

    def _keep(self, column: str, wanted: Any) -> None:
        allowed = wanted if isinstance(wanted, list) else [wanted]
        cells = self.column(column)
        self.keep([cell is not None and cell in allowed for cell in cells])
        if not self.numbers:
            present = ", ".join(repr(cell) for cell in list(dict.fromkeys(cells))[:8])
            raise TaskError(f"no row of {self.label} has {column} = {wanted!r}", hint=f"the column holds {present}")

    def _join(self, join: Mapping[str, Any], find: Find) -> None:
        if not isinstance(join.get("table"), str) or not isinstance(join.get("on"), str):
            raise ConfigError("a join needs a table and a column", hint='table = "latency.csv", on = "arch"')
        try:
            path = find(join["table"])
        except SearchitectError:
            if join.get("optional"):
                return
            raise
        file, key = TableFile(path), join["on"]
        places: dict[Any, int] = {}
        for place, cell in enumerate(file.column(key)):
            if cell in places:
                raise TaskError(
                    f"{key} = {cell!r} stands in {spotted(f'{path.parent.name}/{path.name}', places[cell], place)}",
                    hint="join on a column that names each architecture once",
                )
            places[cell] = place
        self._joined.append((file, [places.get(cell) for cell in self._file.column(key)]))
