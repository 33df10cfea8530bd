"""Columns of a table file (CSV, TSV, parquet), bounded in size, as plain Python values; None is a missing cell."""

from __future__ import annotations

import fnmatch
import json
import math
import re
from collections.abc import Iterable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from searchitect.errors import MissingExtraError, TaskError, did_you_mean

__all__ = ["MAX_BYTES", "MAX_ROWS", "TableFile", "cell_of"]

MAX_BYTES = 2 << 30
"""Largest table that is read, in bytes once unpacked."""

MAX_ROWS = 5_000_000
MAX_COLUMNS = 10_000
MAX_LIST = 10_000
"""Longest list in one cell: a curve by epoch."""

PARQUET = (".parquet", ".pq")
PICKLES = {".pkl", ".pickle", ".pbz2", ".pth", ".pt", ".joblib"}
OTHERS = {".json", ".jsonl", ".xlsx", ".xls", ".npy", ".npz", ".feather", ".h5", ".hdf5", ".db", ".sqlite"}
PRINTED = re.compile(r"""'[^'"\\]*'|"[^"\\]*"|\b(?:nan|inf|None|True|False)\b""")
WORDS = {"nan": "NaN", "inf": "Infinity", "None": "null", "True": "true", "False": "false"}
FLAGS = {"true": True, "false": False}


class TableFile:
    """One file, of which only the columns that are asked for are read.

    Attributes:
        names: all columns, in order.

    Raises:
        TaskError: the file cannot be read, is too large, or is no table.
        MissingExtraError: parquet without pyarrow.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._known: dict[str, list[Any]] = {}
        if path.name.lower().endswith(PARQUET):
            self.names = _parquet_names(path)
        else:
            _refuse_others(path)
            self._known = _delimited(path)
            self.names = tuple(self._known)

    def column(self, name: str) -> list[Any]:
        """Return the cells of one column; None where one is missing (NaN included).

        Raises:
            TaskError: no column has this name (the hint has the nearest), or it holds what a table cannot.
        """
        self.require(name)
        if name not in self._known:
            self._known[name] = _cells_of(_parquet_cells(self.path, name), name, self.path.name)
        return self._known[name]

    def require(self, name: str) -> None:
        """Check that there is such a column.

        Raises:
            TaskError: with the nearest name.
        """
        if name not in self.names:
            raise TaskError(f"{self.path.name} has no column {name!r}", hint=did_you_mean(name, self.names[:200]))

    def matching(self, patterns: Iterable[str]) -> list[str]:
        """Return the columns that the names and `*` patterns stand for, each once, in the order of the patterns.

        Raises:
            TaskError: a pattern matches nothing.
        """
        found: dict[str, None] = {}
        for pattern in patterns:
            if pattern in self.names:
                found[pattern] = None
                continue
            named = fnmatch.filter(self.names, pattern)
            if not named:
                self.require(pattern)
            found.update(dict.fromkeys(named))
        return list(found)


def cell_of(value: Any, name: str, where: str) -> Any:
    """Return a cell as a plain value: NaN is missing, an infinite number is refused."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        if math.isinf(value):
            raise TaskError(f"the column {name!r} of {where} holds an infinite number", hint="leave the cell empty")
        return None if math.isnan(value) else value
    if isinstance(value, Decimal):
        return cell_of(float(value), name, where)
    if isinstance(value, list) and len(value) <= MAX_LIST:
        return tuple(cell_of(item, name, where) for item in value)
    raise TaskError(
        f"the column {name!r} of {where} holds {str(value)[:40]!r}, expected numbers, text, booleans or lists of them"
    )


def _refuse_others(path: Path) -> None:
    """Refuse what is no text, by its name: what is read as text shows a byte that nobody knows."""
    if path.suffix.lower() in PICKLES:
        raise TaskError(
            f"{path.name} is a pickle, which is a program; it is not opened",
            hint="write the table as CSV or parquet; searchitect tabular import reads the official NATS-Bench files",
        )
    if path.suffix.lower() in OTHERS:
        raise TaskError(f"{path.name} is no table that is read here", hint="write it as CSV, TSV or parquet")


def _cells_of(values: Sequence[Any], name: str, where: str) -> list[Any]:
    """Return a column of plain values; what it cannot hold is refused with its row."""
    found = []
    for row, value in enumerate(values, 1):
        try:
            found.append(cell_of(value, name, where))
        except TaskError as error:
            raise TaskError(f"{error.message}, in row {row} (counted from 1)", hint=error.hint) from None
    return found


def _parquet_names(path: Path) -> tuple[str, ...]:
    with _opened(path) as file:
        meta = file.metadata
        size = sum(meta.row_group(i).total_byte_size for i in range(meta.num_row_groups))
        _check_size(path, meta.num_rows, len(file.schema_arrow.names), size)
        names = tuple(file.schema_arrow.names)
    twice = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if twice:
        raise TaskError(f"{path.name} has two columns named {twice[0]!r}")
    return names


def _parquet_cells(path: Path, name: str) -> list[Any]:
    import pyarrow as pa

    try:
        with _opened(path) as file:
            column = file.read(columns=[name]).column(0)
            return column.to_pylist()  # type: ignore[no-any-return]
    except (pa.ArrowException, ValueError, OSError) as error:
        raise TaskError(f"cannot read the column {name!r} of {path.name}: {error}") from error


def _opened(path: Path) -> Any:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise MissingExtraError("reading parquet", "data") from error
    try:
        return pq.ParquetFile(path)
    except (pa.ArrowException, ValueError, OSError) as error:
        hint = "write the file anew; a text with commas is called .csv"
        raise TaskError(f"cannot read {path} as parquet: {error}", hint=hint) from error


def _delimited(path: Path) -> dict[str, list[Any]]:
    from searchitect.tasks.table_files import read_columns

    columns = read_columns(path, MAX_BYTES)
    _check_size(path, len(next(iter(columns.values()))), len(columns), 0)
    return {name: typed(list(cells), name, path.name) for name, cells in columns.items()}


def _check_size(path: Path, rows: int, columns: int, size: int) -> None:
    if rows == 0:
        raise TaskError(f"{path.name} has no rows")
    if rows > MAX_ROWS or columns > MAX_COLUMNS or size > MAX_BYTES:
        raise TaskError(
            f"{path.name} is too large: {rows:,} rows, {columns:,} columns, {size:,} bytes",
            hint=f"at most {MAX_ROWS:,} rows, {MAX_COLUMNS:,} columns and {MAX_BYTES:,} bytes",
        )


def typed(cells: Sequence[Any], name: str, where: str) -> list[Any]:
    """Return text cells as booleans, integers, floats or lists where all of them can be read as such."""
    present = [str(cell) for cell in cells if cell is not None]
    read = _reader(present)
    return _cells_of([None if cell is None else read(str(cell)) for cell in cells], name, where)


def _list_of(text: str) -> Any:
    """Read a list as JSON or as Python prints it: quotes of either kind, nan, None, True and False."""
    try:
        return json.loads(text)
    except ValueError:
        if not text.startswith("["):
            raise
    return json.loads(PRINTED.sub(lambda found: WORDS.get(found[0]) or json.dumps(found[0][1:-1]), text))


def _reader(present: Sequence[str]) -> Any:
    if present and all(text.lower() in FLAGS for text in present):
        return lambda text: FLAGS[text.lower()]
    # A leading zero is part of a name ("0110"), never of a number.
    plain = not any(
        len(text) > 1 and text.lstrip("-")[:1] == "0" and text.lstrip("-")[1:2].isdigit() for text in present
    )
    for kind in (int, float, _list_of):
        try:
            found = [kind(text) for text in present] if plain and "_" not in "".join(present) else None
        except (ValueError, RecursionError):
            continue
        if found and (kind is not _list_of or all(isinstance(value, list) for value in found)):
            return kind
    return str
