"""The measurements of a table: one number per row, at each number of epochs that was recorded."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from searchitect.errors import ConfigError, TaskError, did_you_mean
from searchitect.tabular.gathering import Gathered
from searchitect.tabular.naming import identifier, is_static, words_of
from searchitect.tabular.rows import Rows
from searchitect.tabular.spreading import SEED

__all__ = ["EPOCHS", "Cells", "Measurement", "measurement", "measurement_name"]

EPOCHS = "{epochs}"
"""Stands in a column's name for the number of epochs trained."""

Cells = list[float | None]

SHARES = {"accuracy", "acc", "top1", "top5", "auc", "auroc", "iou", "miou", "dice", "precision", "recall", "f1"}
POSITIVE = {
    *("seconds", "latency", "ms", "params", "parameters", "flops", "macs", "energy", "memory", "throughput", "bytes"),
    *("joules", "mj", "kwh", "hours", "minutes"),
}


@dataclass(frozen=True)
class Measurement:
    """One measurement of every row.

    Attributes:
        full: after the whole training.
        at: by number of epochs, where columns recorded several.
        curves: one value for each epoch, where lists recorded them.
        static: training does not change it.
        continues: whether `at` is of one training, as `curves` are, not of one for each number of epochs.
    """

    name: str
    full: Cells
    at: Mapping[int, Cells] = field(default_factory=dict)
    curves: Sequence[tuple[float, ...] | None] = ()
    static: bool = False
    continues: bool = False

    def value(self, row: int, epochs: int | None = None) -> float | None:
        """Return the number of a row after so many epochs (None: all); None where it was not recorded."""
        if epochs is None or self.static:
            return self.full[row]
        if self.curves:
            curve = self.curves[row]
            return curve[epochs - 1] if curve is not None and 1 <= epochs <= len(curve) else None
        cells = self.at.get(epochs)
        return None if cells is None else cells[row]

    def recorded(self) -> set[int]:
        """Return every number of epochs that was recorded."""
        longest = max((len(curve) for curve in self.curves if curve is not None), default=0)
        return set(self.at) | set(range(1, longest + 1))


def measurement(name: str, source: Any, rows: Rows, unit: str | None = None) -> Measurement:
    """Read one measurement.

    Args:
        source: a column, a column's name with `{epochs}` in it, or a table from epochs to column.
        unit: "percent" or "fraction", where the description says so.

    Raises:
        TaskError: a column is not there, holds no numbers, or numbers that its name or unit forbids.
        ConfigError: the source is of another form.
    """
    columns = _columns(name, source, rows)
    if isinstance(rows, Gathered):
        return _long(name, columns, rows, unit)
    if isinstance(columns, str):
        cells = rows.column(columns)
        if any(isinstance(cell, tuple) for cell in cells):
            return _curves(name, columns, cells, rows, unit)
        found = _numbers(columns, cells, rows)
        _check_values(name, columns, found, rows, unit)
        return Measurement(name, found, static=is_static(name))
    at = {epochs: _numbers(column, rows.column(column), rows) for epochs, column in sorted(columns.items())}
    for epochs, column in columns.items():
        _check_values(name, column, at[epochs], rows, unit)
    return Measurement(name, at[max(at)], at)


def measurement_name(source: str) -> str:
    """Return the name of a measurement that the description does not name: the column, less its epochs and seed."""
    source = re.sub(r"_?(?:seed_?)?\{seed\}", "", source).strip("_") if SEED in source else source
    bare = re.sub(r"_?(?:epochs?_)?\{epochs\}(?:_?epochs?)?_?", "_", source)
    return identifier(bare.strip("_") if EPOCHS in source else source)


def _columns(name: str, source: Any, rows: Rows) -> str | dict[int, str]:
    if isinstance(source, Mapping):
        if not source or not all(str(key).isdecimal() and isinstance(column, str) for key, column in source.items()):
            raise ConfigError(
                f"measurements.{name}: expected epochs and their columns, got {str(dict(source))[:80]}",
                hint='{ 12 = "valid_12_epochs", 200 = "valid_200_epochs" }',
            )
        return {int(key): column for key, column in source.items()}
    if not isinstance(source, str):
        raise ConfigError(f"measurements.{name}: expected the name of a column, got {source!r}")
    if EPOCHS not in source:
        return source
    before, _, after = source.partition(EPOCHS)
    shape = re.compile(re.escape(before) + r"(\d{1,6})" + re.escape(after))
    found = {int(match[1]): column for column in rows.names if (match := shape.fullmatch(column))}
    if not found:
        near = did_you_mean(source, rows.names[:300])
        raise TaskError(f"{rows.label} has no column like {source!r} with a number of epochs in it", hint=near)
    return found


def _numbers(column: str, cells: Sequence[Any], rows: Rows, row: int | None = None) -> Cells:
    """Check that cells are numbers: one of each row, or all of one row."""
    wrong = [place for place, cell in enumerate(cells) if cell is not None and not _is_number(cell)]
    if wrong:
        # One text makes a whole column of a CSV file texts: the row to mend is the one that cannot be read.
        place = next((place for place in wrong if not _reads_as_number(cells[place])), wrong[0])
        cell = cells[place]
        raise TaskError(
            f"{rows.spot(place if row is None else row)} has {str(cell)[:40]!r} as {column}, expected a number",
            hint=_advice_on(str(cell), alone=len(wrong) < len(cells) or any(map(_reads_as_number, cells))),
        )
    return [None if cell is None else float(cell) for cell in cells]


def _is_number(cell: Any) -> bool:
    return isinstance(cell, (int, float)) and not isinstance(cell, bool) and abs(cell) < 1e300


def _reads_as_number(cell: Any) -> bool:
    try:
        return isinstance(cell, str) and math.isfinite(float(cell))
    except ValueError:
        return False


def _advice_on(cell: str, *, alone: bool) -> str:
    """Return what to do about a cell that is no number, `alone` among numbers or in a column of such cells."""
    if re.fullmatch(r"-?\d+,\d+", cell):
        return "write decimals with a point"
    if re.fullmatch(r"-?[\d.]+ *[^\d\s.,]{1,12}", cell):
        return "write the number alone: the unit belongs into the column's name"
    if not alone:
        return "name a column of numbers, or leave this one out of measurements"
    return "leave the cell empty where nothing was measured"


def _curves(name: str, column: str, cells: Sequence[Any], rows: Rows, unit: str | None) -> Measurement:
    curves: list[tuple[float, ...] | None] = []
    for place, cell in enumerate(cells):
        if cell is not None and not isinstance(cell, tuple):
            raise TaskError(
                f"{rows.spot(place)} has {cell!r} as {column}, expected a list", hint="[] where there is no curve"
            )
        known = _numbers(column, [value for value in cell or () if value is not None], rows, place)
        if cell and len(known) < len(cell):  # a curve with a hole is no curve; what comes before it may be
            known = known[: next(i for i, value in enumerate(cell) if value is None)]
        curves.append(tuple(value for value in known if value is not None) or None)
    if any(cells) and not any(curves):
        raise TaskError(
            f"every list of {column} in {rows.label} begins with a missing item",
            hint="a list has a number for each epoch from the first; where it begins later, leave the empty items out "
            "and say so: epochs = { every = 1, first = 3 }",
        )
    full: Cells = [curve[-1] if curve else None for curve in curves]
    _check_values(name, column, full, rows, unit)
    if (rows.every, rows.first) == (1, 1):
        return Measurement(name, full, curves=curves)
    items = range(max(len(curve or ()) for curve in curves))
    at = {
        rows.first + item * rows.every: [curve[item] if curve and item < len(curve) else None for curve in curves]
        for item in items
    }
    at.pop(0, None)  # before the training
    return Measurement(name, full, at, continues=True)


def _long(name: str, column: str | dict[int, str], rows: Gathered, unit: str | None) -> Measurement:
    """Read the rows of a long table: as lists where they count every epoch from the first, else as columns by epoch."""
    if not isinstance(column, str):
        raise ConfigError(
            f"measurements.{name} names columns by epoch, and epochs a column: {rows.label} has one row for each epoch",
            hint="name one column, or leave epochs out",
        )
    numbers = _numbers(column, rows.long.column(column), rows.long)
    _check_values(name, column, numbers, rows.long, unit)
    settled = rows.settled(numbers)
    if settled is not None:
        return Measurement(name, settled, static=is_static(name))
    curves = rows.curves(numbers)
    if curves is not None:
        return Measurement(name, [curve[-1] if curve else None for curve in curves], curves=curves)
    at = rows.at(numbers)
    return Measurement(name, at[max(at)], at)


def _check_values(name: str, column: str, cells: Cells, rows: Rows, unit: str | None) -> None:
    """Refuse numbers that contradict the unit in the name: a share of 9437, a negative latency."""
    present = [cell for cell in cells if cell is not None]
    if not present:
        raise TaskError(f"the column {column!r} of {rows.label} is empty")
    words = {*words_of(name), *words_of(column)}
    low, high = min(present), max(present)
    hint = 'say what it is: units = { NAME = "percent" } or "fraction", or correct the column'.replace("NAME", name)
    if words & POSITIVE and low < 0 and "neg" not in words and "score" not in words:
        raise TaskError(
            f"{column} is {low:g} in {rows.spot(cells.index(low))}, below 0",
            hint="leave the cell empty where nothing was measured",
        )
    at = rows.spot(cells.index(low), cells.index(high))
    is_share = bool(words & SHARES)
    percent = unit == "percent" or (unit is None and "percent" in words and is_share)
    if (is_share or unit is not None) and not 0 <= low <= high <= (1 if unit == "fraction" else 100):
        raise TaskError(f"{column} runs from {low:g} to {high:g} in {at}: out of its unit's range", hint=hint)
    if percent and high <= 1 and len(present) > 1:
        raise TaskError(f"{column} is called percent, but runs from {low:g} to {high:g} in {at}", hint=hint)
    if is_share and unit is None and _mixed(present):
        raise TaskError(f"{column} mixes fractions ({low:g}) and per cent ({high:g}) in {at}", hint=hint)


def _mixed(present: Sequence[float]) -> bool:
    """Whether some numbers are fractions of 1 among per cents: times a hundred they would be ordinary among the others.

    A hopeless network has less than one per cent too, so the medians must agree.
    """
    large = [value for value in present if value > 1.5]
    small = [100 * value for value in present if 0 < value <= 1]
    if not large or not small:
        return False
    return min(large) <= min(small) <= max(small) <= max(large) * 1.01 and 0.5 < median(small) / median(large) < 2
