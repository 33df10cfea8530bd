"""Data that are already in Python: `(X, y)` of arrays, lists, tensors or frames, and torch data sets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from searchitect.errors import TaskError, did_you_mean
from searchitect.tasks.arrays import as_pixels
from searchitect.tasks.examples import Data, Examples, Part, Reading
from searchitect.tasks.table_files import take_keys
from searchitect.tasks.tables import MISSING, Columns, Schema, Table, schema_of, table_of
from searchitect.tasks.targets import as_array

__all__ = ["columns_of", "examples_of", "part_of", "read_pair"]

FORMS = "a task's name, the path of a file or folder, (X, y), a torch Dataset or a Task"


def read_pair(source: Any, test: Any, validation: Any, reading: Reading) -> Data:
    """Read `(X, y)` or a torch `Dataset`, and official splits of the same form.

    Raises:
        TaskError: it is neither, or the data cannot serve.
    """
    if not isinstance(source, tuple | list) and hasattr(source, "__getitem__") and hasattr(source, "__len__"):
        from searchitect.tasks.datasets import read_dataset

        return read_dataset(source, test, validation)
    if not isinstance(source, tuple | list) or len(source) != 2:
        if hasattr(source, "__iter__") and not isinstance(source, tuple | list | dict | str):
            raise TaskError(
                f"a {type(source).__name__} can only be iterated; a task needs data that can be read by index",
                hint="use a torch Dataset with __getitem__ and __len__",
            )
        raise TaskError(f"cannot make a task of {_shown(source)}", hint=FORMS)
    train = part_of(source, reading)
    schema = train.examples.schema if isinstance(train.examples, Table) else None
    parts = {
        name: None if pair is None else part_of(_pair(name, pair), reading, schema)
        for name, pair in (("test", test), ("validation", validation))
    }
    left_out = list(schema.left_out) if schema is not None else []
    record = {"kind": "arrays", "left_out": left_out}
    return Data("arrays", train, parts["validation"], parts["test"], source=record)


def _shown(source: Any) -> str:
    if isinstance(source, tuple | list):
        return f"a {type(source).__name__} of {len(source)}"
    return f"an object of the type {type(source).__name__}"


def _pair(name: str, pair: Any) -> Any:
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        raise TaskError(f"{name} must have the form of the data, a pair (X, y); got {_shown(pair)}")
    return pair


def part_of(pair: Any, reading: Reading, schema: Schema | None = None, names: Sequence[str] | None = None) -> Part:
    """Read one `(X, y)`.

    Args:
        schema: of the training table, where `pair` is another split of it.
        names: of the columns, where the inputs are a matrix; x0, x1, … without.
    """
    inputs, targets = pair
    keys: tuple[NDArray[Any] | None, NDArray[Any] | None] = (None, None)
    if reading.group is not None or reading.time is not None:
        columns = _named_columns(inputs, names)
        keys = take_keys(columns, reading, "X")
        inputs = columns
    examples = examples_of(inputs, reading, schema, names)
    values = as_array(targets, "the targets")
    if values.ndim == 0 or len(values) != len(examples):
        count = len(values) if values.ndim else 0
        raise TaskError(f"X has {len(examples)} examples but y has {count} targets")
    return Part(examples, values, *keys)


def _named_columns(inputs: Any, names: Sequence[str] | None) -> dict[str, NDArray[Any]]:
    """The columns of a frame, a mapping or a matrix, whose columns are x0, x1, … without `names`."""
    columns = columns_of(inputs)
    if columns is None:
        array = as_array(inputs, "X")
        if array.ndim != 2:
            raise TaskError(
                f"only a table has columns of groups or times, and X has the shape {array.shape}",
                hint="give an array instead, one value for each example: groups=patients",
            )
        named = _column_names(array.shape[1], None, names)
        columns = {name: _column(name, array[:, i]) for i, name in enumerate(named)}
    return dict(columns)


def examples_of(
    inputs: Any, reading: Reading, schema: Schema | None = None, names: Sequence[str] | None = None
) -> Examples:
    """Read inputs: a frame or a mapping of columns, a matrix (n, f), or images with 3 or 4 axes.

    Raises:
        TaskError: another number of axes, no numbers, or empty.
    """
    columns = columns_of(inputs)
    if columns is None:
        array = as_array(inputs, "X")
        if array.ndim in (3, 4):
            return as_pixels(array, reading.layout)
        if array.ndim != 2:
            hint = "X.reshape(-1, 1) for a single column" if array.ndim == 1 else "flatten it, or use a torch Dataset"
            raise TaskError(f"X must have 2 axes (a table) or 3 to 4 (images), got shape {array.shape}", hint=hint)
        if array.size == 0:
            raise TaskError(f"X is empty: shape {array.shape}")
        names = _column_names(array.shape[1], schema, names)
        plain = not reading.ignore and not reading.categorical and (schema is None or not schema.text)
        if array.dtype.kind in "biuf" and plain:
            return _matrix(array, names)
        columns = {name: _column(name, array[:, i]) for i, name in enumerate(names)}
    if schema is None:
        _check_columns(columns, reading)
        schema = schema_of(columns, categorical=reading.categorical, ignore=reading.ignore)
    return table_of(columns, schema, "X")


def _column_names(width: int, schema: Schema | None, names: Sequence[str] | None) -> tuple[str, ...]:
    chosen = tuple(names) if names is not None else tuple(f"x{i}" for i in range(width))
    if len(chosen) != width or len(set(chosen)) != width:
        raise TaskError(f"X has {width} columns, but {len(set(chosen))} different names were given")
    known = width if schema is None else len(schema.numeric) + len(schema.text) + len(schema.left_out)
    if known != width:
        raise TaskError(f"this split has {width} columns, the training split {known}")
    return chosen


def _matrix(array: NDArray[Any], names: tuple[str, ...]) -> Table:
    """A matrix of numbers as a table, without a detour through columns."""
    with np.errstate(over="ignore"):
        values = array.astype(np.float32)
    infinite = np.flatnonzero(np.isinf(values).any(axis=0))
    if len(infinite):
        shown = ", ".join(names[i] for i in infinite[:10])
        raise TaskError(
            f"infinite values, or values beyond float32, in the column(s) {shown} of X",
            hint="replace them by NaN (missing) or finite numbers",
        )
    return Table(Schema(names, ()), values, np.empty((len(values), 0), dtype=object))


def _check_columns(columns: Columns, reading: Reading) -> None:
    for name in (*reading.ignore, *reading.categorical):
        if name not in columns:
            raise TaskError(f"there is no column {name!r}", hint=did_you_mean(name, columns))


def columns_of(inputs: Any) -> Columns | None:
    """Read a mapping of columns or a data frame of any library; None for anything else.

    Raises:
        TaskError: columns of unequal length, or two with one name.
    """
    if isinstance(inputs, Mapping):
        named = list(inputs.items())
    elif hasattr(inputs, "columns") and hasattr(inputs, "to_numpy"):
        named = [(name, inputs[name]) for name in inputs.columns]
    else:
        return None
    columns = {str(name): _column(str(name), as_array(values, f"the column {name!r}")) for name, values in named}
    if len(columns) != len(named):
        raise TaskError("two columns have the same name")
    if not columns:
        raise TaskError("the table has no columns")
    lengths = {len(column) for column in columns.values()}
    if len(lengths) > 1:
        raise TaskError(f"the columns differ in length: {sorted(lengths)}")
    return columns


def _column(name: str, values: NDArray[Any]) -> NDArray[Any]:
    """Bring one column to float64 with NaN, or objects with None."""
    if values.ndim != 1:
        raise TaskError(f"the column {name!r} must be one value per example, got shape {values.shape}")
    if values.dtype.kind in "iuf":
        return values.astype(np.float64)
    if values.dtype.kind == "M":  # dates are days since 1970-01-01, as in files
        days = values.astype("datetime64[s]").astype(np.int64) / 86400
        return np.where(np.isnat(values), np.nan, days)
    if values.dtype.kind in "bUS":
        values = np.char.decode(values) if values.dtype.kind == "S" else values
        return np.array([_cell(item) for item in values.tolist()], dtype=object)
    if values.dtype != object:
        raise TaskError(f"the column {name!r} must be numbers, text, dates or booleans, got {values.dtype}")
    cells = np.empty(len(values), dtype=object)
    cells[:] = [_cell(item) for item in values]
    usable = (str, int, float, np.number)
    wrong = next((item for item in cells if item is not None and not isinstance(item, usable)), None)
    if wrong is not None:
        raise TaskError(f"the column {name!r} must hold numbers, text or booleans, got a {type(wrong).__name__}")
    return cells


def _cell(item: Any) -> Any:
    if item is None or (isinstance(item, float) and item != item):
        return None
    if isinstance(item, str):
        stripped = item.strip()
        return None if stripped in MISSING else stripped
    if isinstance(item, bool | np.bool_):
        return str(bool(item))
    return None if type(item).__name__ in ("NAType", "NaTType") else item
