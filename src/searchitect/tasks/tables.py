"""Tables: columns of numbers and of categories. Reading files is in `table_files`; here is what columns mean."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from searchitect.errors import TaskError
from searchitect.tasks.arrays import hash_array
from searchitect.tasks.preprocessing import TablePreprocessing
from searchitect.tasks.task import ArraySplit, Preprocessing, RawInputs, Split

__all__ = ["MISSING", "Columns", "Schema", "Table", "encode", "numbers", "schema_of", "table_of"]

Columns = Mapping[str, NDArray[Any]]
"""Column name -> float64 with NaN for missing, or objects: text with None for missing; all (n,)."""

MISSING = frozenset({"", "?", "NA", "N/A", "NaN", "nan", "null", "NULL", "None"})
MAX_CATEGORIES = 100
IDENTIFIER_ROWS = 20
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Schema:
    """Which columns are read as numbers, which as categories, and which are left out (with no use to a model)."""

    numeric: tuple[str, ...]
    text: tuple[str, ...]
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Columns of `schema`.

    Attributes:
        schema: names of the columns.
        numeric: float32 (n, numeric columns), NaN for missing.
        text: objects (n, text columns): text, or None for missing.
    """

    schema: Schema
    numeric: NDArray[np.float32]
    text: NDArray[Any]

    @property
    def domain(self) -> str:
        return "tabular"

    def __len__(self) -> int:
        return len(self.numeric)

    def cut(self, indices: NDArray[np.int64]) -> Table:
        return Table(self.schema, self.numeric[indices], self.text[indices])

    def fit(self, output_mean: tuple[float, ...], output_std: tuple[float, ...]) -> Preprocessing:
        missing = np.isnan(self.numeric)
        mean, std = _column_moments(self.numeric, missing)
        categories = tuple((name, _categories(self.text[:, i])) for i, name in enumerate(self.schema.text))
        return TablePreprocessing(
            numeric=self.schema.numeric,
            mean=mean,
            std=std,
            marked=tuple(name for i, name in enumerate(self.schema.numeric) if missing[:, i].any()),
            categories=categories,
            output_mean=output_mean,
            output_std=output_std,
        )

    def split(self, targets: NDArray[Any], preprocessing: Preprocessing) -> Split:
        if not isinstance(preprocessing, TablePreprocessing):
            raise TaskError("a table needs the preprocessing of a table")
        return ArraySplit(encode(self, preprocessing), targets)

    def digest(self) -> bytes:
        total = hashlib.blake2b(repr((self.schema.numeric, self.schema.text)).encode(), digest_size=16)
        total.update(hash_array(self.numeric))
        for row in self.text:
            total.update(repr(row.tolist()).encode())
        return total.digest()


def _column_moments(
    values: NDArray[np.float32], missing: NDArray[np.bool_]
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    counts = np.maximum((~missing).sum(axis=0), 1)
    mean = np.where(missing, 0.0, values.astype(np.float64)).sum(axis=0) / counts
    squares = np.where(missing, 0.0, values.astype(np.float64) - mean) ** 2
    std = np.sqrt(squares.sum(axis=0) / counts)
    # A spread at the level of float32 rounding is a constant column, not a signal to blow up.
    constant = std <= 1e-6 * np.maximum(np.abs(mean), 1e-30)
    return tuple(mean.tolist()), tuple(np.where(constant, 1.0, std).tolist())


def _categories(column: NDArray[Any]) -> tuple[str, ...]:
    counts = Counter(value for value in column if value is not None)
    frequent = sorted(counts, key=lambda value: (-counts[value], value))[:MAX_CATEGORIES]
    return tuple(sorted(frequent))


def encode(table: Table, preprocessing: TablePreprocessing) -> RawInputs:
    """Return raw inputs `(numeric,)`, `(codes,)` or `(numeric, codes)`; a category training never saw has code -1."""
    raw: list[NDArray[Any]] = [table.numeric] if preprocessing.numeric else []
    if preprocessing.categories:
        codes = np.full((len(table), len(preprocessing.categories)), -1, dtype=np.int64)
        for place, (_, options) in enumerate(preprocessing.categories):
            number = {option: code for code, option in enumerate(options)}
            codes[:, place] = [number.get(value, -1) for value in table.text[:, place]]
        raw.append(codes)
    return tuple(raw)


def numbers(column: NDArray[Any]) -> NDArray[np.float64] | None:
    """Read a column as numbers; None where a value that is not missing is no number.

    Dates like 2011-01-31 or 2011-01-31 12:30:00 are days since 1970-01-01.
    """
    if column.dtype != object:
        return column.astype(np.float64)
    try:
        return np.array([np.nan if value is None else _number(value) for value in column], dtype=np.float64)
    except ValueError:
        return None


def _number(cell: Any) -> float:
    if not isinstance(cell, str):
        return float(cell)
    if "_" in cell:  # Python's float() reads "1_000"; in a table that is a code, not a number.
        raise ValueError(cell)
    if len(cell) >= 10 and cell[4:5] == "-" and cell[7:8] == "-":
        moment = datetime.fromisoformat(cell)
        return (moment.replace(tzinfo=moment.tzinfo or UTC) - EPOCH).total_seconds() / 86400
    return float(cell)


def schema_of(columns: Columns, *, categorical: tuple[str, ...] = (), ignore: tuple[str, ...] = ()) -> Schema:
    """Decide what each column is: numbers where all values are, otherwise categories.

    Left out are `ignore`, columns without any value, and text columns of 20 rows or more whose values all differ
    (identifiers).

    Raises:
        TaskError: no column is left.
    """
    numeric, text, left_out = [], [], []
    for name, column in columns.items():
        present = [value for value in column if value is not None] if column.dtype == object else column
        if name in ignore or len(present) == 0 or (column.dtype != object and np.isnan(column).all()):
            left_out.append(name)
        elif name not in categorical and numbers(column) is not None:
            numeric.append(name)
        elif name not in categorical and len(present) >= IDENTIFIER_ROWS and len(set(present)) == len(present):
            left_out.append(name)
        else:
            text.append(name)
    if not numeric and not text:
        raise TaskError(
            "no usable column is left beside the target",
            hint="columns without values and text columns whose values all differ are left out",
        )
    return Schema(tuple(numeric), tuple(text), tuple(left_out))


def table_of(columns: Columns, schema: Schema, where: str = "the table") -> Table:
    """Lay out the columns of `schema`.

    Raises:
        TaskError: a column is missing, holds text where numbers are expected, or infinite values.
    """
    absent = [repr(name) for name in (*schema.numeric, *schema.text) if name not in columns]
    if absent:
        present = ", ".join(map(repr, list(columns)[:20]))
        raise TaskError(f"{where} lacks the column(s) {', '.join(absent[:5])}; it has {present}")
    rows = len(next(iter(columns.values())))
    if rows == 0:
        raise TaskError(f"{where} has no rows")
    numeric = np.empty((rows, len(schema.numeric)), dtype=np.float32)
    infinite = []
    for place, name in enumerate(schema.numeric):
        values = numbers(columns[name])
        if values is None:
            raise TaskError(f"the column {name!r} of {where} should hold numbers, got {_first_text(columns[name])!r}")
        with np.errstate(over="ignore"):
            numeric[:, place] = values
        if np.isinf(numeric[:, place]).any():
            infinite.append(name)
    if infinite:
        shown = ", ".join(map(repr, infinite[:10]))
        raise TaskError(
            f"infinite values, or values beyond float32, in the column(s) {shown} of {where}",
            hint="replace them by empty cells (missing) or finite numbers",
        )
    text = np.empty((rows, len(schema.text)), dtype=object)
    for place, name in enumerate(schema.text):
        text[:, place] = _as_text(columns[name])
    return Table(schema, numeric, text)


def _first_text(column: NDArray[Any]) -> Any:
    return next(value for value in column if value is not None and numbers(np.array([value], dtype=object)) is None)


def _as_text(column: NDArray[Any]) -> list[str | None]:
    if column.dtype == object:
        return [None if value is None else str(value) for value in column]
    return [None if np.isnan(value) else _number_text(value) for value in column.tolist()]


def _number_text(value: float) -> str:
    return str(int(value)) if value.is_integer() else str(value)
