"""Tables in files: CSV, TSV (gzipped or not) and parquet."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from searchitect.errors import MissingExtraError, TaskError, did_you_mean
from searchitect.tasks.examples import Data, Part, Reading
from searchitect.tasks.keys import as_groups, as_times
from searchitect.tasks.tables import MISSING, Columns, numbers, schema_of, table_of

__all__ = ["is_table", "read_columns", "read_tables", "take_keys", "take_target"]

DELIMITED = (".csv", ".tsv", ".csv.gz", ".tsv.gz")
PARQUET = (".parquet", ".pq")
TARGET_NAMES = ("target", "label", "class", "y")
MAX_LINE = 16 << 20
MAX_COLUMNS = 100_000
UNREADABLE = (OSError, EOFError, zlib.error, UnicodeDecodeError, csv.Error)


def is_table(path: Path) -> bool:
    """Whether the file's name is that of a table."""
    return path.name.lower().endswith(DELIMITED + PARQUET)


def read_tables(files: Mapping[str, Path], reading: Reading) -> Data:
    """Read a training table and official splits of the same columns.

    Args:
        files: "train", and perhaps "test" and "validation".

    Raises:
        TaskError: a file cannot be read, the target is missing, or the columns do not fit.
    """
    columns = dict(read_columns(files["train"], reading.max_bytes))
    target = _target_name(columns, reading.target, files["train"].name)
    for name in (*reading.ignore, *reading.categorical):
        if name not in columns:
            raise TaskError(f"{files['train'].name} has no column {name!r}", hint=did_you_mean(name, columns))
    values = take_target(columns, target, files["train"].name)
    keys = take_keys(columns, reading, files["train"].name)
    schema = schema_of(columns, categorical=reading.categorical, ignore=reading.ignore)
    parts = {"train": Part(table_of(columns, schema, files["train"].name), values, *keys)}
    for split in ("validation", "test"):
        if split in files:
            other = dict(read_columns(files[split], reading.max_bytes))
            held = take_target(other, target, files[split].name, as_text=values.dtype.kind == "U")
            keys = take_keys(other, reading, files[split].name)
            parts[split] = Part(table_of(other, schema, files[split].name), held, *keys)
    return Data(
        name=files["train"].name.split(".")[0],
        train=parts["train"],
        validation=parts.get("validation"),
        test=parts.get("test"),
        source={
            "kind": "table",
            "files": {split: path.name for split, path in files.items()},
            "target": target,
            "left_out": list(schema.left_out),
        },
    )


def _target_name(columns: Columns, wanted: str | None, where: str) -> str:
    if wanted is not None:
        if wanted not in columns:
            raise TaskError(f"{where} has no column {wanted!r} for the target", hint=did_you_mean(wanted, columns))
        return wanted
    by_lower = {name.lower(): name for name in reversed(list(columns))}
    usual = next((by_lower[name] for name in TARGET_NAMES if name in by_lower), None)
    return usual if usual is not None else list(columns)[-1]


def take_target(columns: dict[str, NDArray[Any]], target: str, where: str, *, as_text: bool = False) -> NDArray[Any]:
    """Remove the target column and return it as numbers, where all of it are, or text (always with `as_text`).

    Raises:
        TaskError: the column is not there, or has missing values.
    """
    if target not in columns:
        raise TaskError(f"{where} has no column {target!r} for the target", hint=did_you_mean(target, columns))
    column = columns.pop(target)
    values = None if as_text and column.dtype == object else numbers(column)
    missing = sum(cell is None for cell in column) if values is None else int(np.isnan(values).sum())
    if missing:
        raise TaskError(
            f"{missing} of {len(column)} targets (column {target!r}) of {where} are missing",
            hint="remove these rows, or name another column as target",
        )
    return values if values is not None else np.array([str(cell) for cell in column])


def take_keys(
    columns: dict[str, NDArray[Any]], reading: Reading, where: str
) -> tuple[NDArray[Any] | None, NDArray[Any] | None]:
    """Remove the columns that name groups and times, which are no inputs, and return their values.

    Raises:
        TaskError: a column is not there, or cannot serve.
    """
    found: list[NDArray[Any] | None] = []
    for name, what, values_of in ((reading.group, "groups", as_groups), (reading.time, "times", as_times)):
        if name is not None and name not in columns:
            raise TaskError(f"{where} has no column {name!r} for the {what}", hint=did_you_mean(name, columns))
        column = None if name is None else columns.pop(name)
        found.append(None if column is None else values_of(column, len(column), f"the column {name!r} of {where}"))
    return found[0], found[1]


def read_columns(path: Path, max_bytes: int) -> Columns:
    """Read all columns of a file: text with None for missing, or (parquet) numbers with NaN.

    Raises:
        TaskError: the file cannot be read, is too large, empty, or not a regular table with a header.
        MissingExtraError: parquet without pyarrow.
    """
    try:
        if path.name.lower().endswith(PARQUET):
            columns = _read_parquet(path, max_bytes)
        else:
            columns = _read_delimited(path, max_bytes)
    except UNREADABLE as error:
        raise TaskError(
            f"cannot read {path.name} as a table: {error}", hint="tables are UTF-8 CSV or TSV, or parquet"
        ) from error
    if not columns or len(next(iter(columns.values()))) == 0:
        raise TaskError(f"{path.name} has no rows")
    return columns


def _read_delimited(path: Path, max_bytes: int) -> Columns:
    with _open_text(path) as handle:
        lines = _lines(handle, path.name, max_bytes)
        first = next(lines, "")
        delimiter = "\t" if ".tsv" in path.name.lower() else _delimiter(first)
        rows = csv.reader(_chain(first, lines), delimiter=delimiter, skipinitialspace=True, strict=True)
        header = _header(next(rows, []), path.name)
        cells: list[list[str]] = [[] for _ in header]
        for row in rows:
            if not row:
                continue
            if len(row) != len(header):
                raise TaskError(
                    f"line {rows.line_num} of {path.name} has {len(row)} cells, its header has {len(header)}"
                )
            for column, cell in zip(cells, row, strict=True):
                column.append(cell)
    # A column without a name is an index that some other program wrote.
    return {name: _cleaned(column) for name, column in zip(header, cells, strict=True) if name}


def _open_text(path: Path) -> TextIO:
    with path.open("rb") as probe:
        zipped = probe.read(2) == b"\x1f\x8b"
    if zipped:
        return io.TextIOWrapper(gzip.open(path, "rb"), encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def _lines(handle: TextIO, name: str, max_bytes: int) -> Iterator[str]:
    total = 0
    while line := handle.readline(MAX_LINE):
        total += len(line)
        if len(line) >= MAX_LINE or total > max_bytes:
            raise TaskError(
                f"{name} is too large: more than {max_bytes} bytes, or a line of 16 MiB", hint="max_bytes=…"
            )
        yield line


def _chain(first: str, rest: Iterator[str]) -> Iterator[str]:
    yield first
    yield from rest


def _delimiter(header: str) -> str:
    """The comma, unless the header has none and another usual delimiter."""
    return max(",;\t|", key=lambda mark: (mark == "," and "," in header, header.count(mark)))


def _header(row: list[str], where: str) -> list[str]:
    names = [name.strip() for name in row]
    named = [name for name in names if name]
    if not named:
        raise TaskError(f"{where} is empty: it has no header row")
    if len(names) > MAX_COLUMNS:
        raise TaskError(f"{where} has {len(names)} columns, more than {MAX_COLUMNS}")
    if numbers(np.array(named, dtype=object)) is not None:
        raise TaskError(
            f"{where} has no header row: its first line is {', '.join(named[:5])}", hint="add a line of column names"
        )
    twice = sorted({name for name in named if named.count(name) > 1}) if len(set(named)) < len(named) else []
    if twice:
        raise TaskError(f"{where} has two columns named {twice[0]!r}")
    return names


def _cleaned(cells: list[str]) -> NDArray[Any]:
    meaning: dict[str, str | None] = {}
    column = np.empty(len(cells), dtype=object)
    for place, cell in enumerate(cells):
        if cell not in meaning:
            stripped = cell.strip()
            meaning[cell] = None if stripped in MISSING else stripped
        column[place] = meaning[cell]
    return column


def _read_parquet(path: Path, max_bytes: int) -> Columns:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise MissingExtraError("reading parquet", "data") from error
    try:
        with pq.ParquetFile(path) as file:
            groups = [file.metadata.row_group(i).total_byte_size for i in range(file.metadata.num_row_groups)]
            if sum(groups) > max_bytes or file.metadata.num_columns > MAX_COLUMNS:
                raise TaskError(f"{path.name} is too large: more than {max_bytes} bytes unpacked", hint="max_bytes=…")
            table = file.read()
    except (pa.ArrowException, ValueError) as error:
        raise TaskError(f"cannot read {path.name} as parquet: {error}") from error
    if len(set(table.column_names)) < len(table.column_names):
        raise TaskError(f"{path.name} has two columns of one name")
    return {name: _arrow_column(table.column(name), name, path.name) for name in table.column_names}


def _arrow_column(column: Any, name: str, where: str) -> NDArray[Any]:
    import pyarrow as pa

    kind = column.type
    if pa.types.is_dictionary(kind):
        column = column.cast(kind.value_type)
        kind = column.type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return np.array([np.nan if cell is None else float(cell) for cell in column.to_pylist()], dtype=np.float64)
    if pa.types.is_boolean(kind) or pa.types.is_temporal(kind) or pa.types.is_null(kind):
        return _cleaned(["" if cell is None else str(cell) for cell in column.to_pylist()])
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return _cleaned(["" if cell is None else cell for cell in column.to_pylist()])
    raise TaskError(f"the column {name!r} of {where} must hold numbers, text, dates or booleans, got {kind}")
