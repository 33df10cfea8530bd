"""The decisions of a table: from columns to the fields of a space class, and from each row to an architecture."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from keyword import iskeyword
from math import gcd
from typing import Any

from searchitect.errors import ConfigError, SpaceError, TaskError, did_you_mean
from searchitect.spaces import choice, integer, make_space, real, repeat
from searchitect.tabular.naming import identifier

__all__ = ["Field", "ListField", "PlainField", "RepeatField", "field_name"]

MOST_OPTIONS = 16
"""Numbers of more different values than this are an `integer` or a `real`, unless the description says otherwise."""

RESERVED = ("length", "some", "build", "recipe", "canonical")

Cells = Sequence[Any]


class Field(ABC):
    """One field of the space, and what each row says about it."""

    name: str

    @abstractmethod
    def declare(self) -> Any:
        """Return what stands behind the name in a space class."""

    @abstractmethod
    def write(self, row: int, path: str, out: dict[str, Any]) -> None:
        """Write the decisions of a row below `path` into `out`, in the order of the space."""


@dataclass
class PlainField(Field):
    """A column that is one decision; some of its values may bring further columns with them.

    Attributes:
        words: what the description says: options, kind, log, role.
        below: value to the fields that are active where this one has it.
        spot: from the place of a cell to where it stands, for messages.
        active: whether the decision exists, row by row; a cell of an inactive one is not read.
        source: the column it stands in, where that is not its own.
        advice: the line of [when] that would explain missing cells, for the hint.
    """

    name: str
    column: str
    cells: Cells
    where: str
    spot: Callable[[int], str]
    words: Mapping[str, Any] = field(default_factory=dict)
    below: dict[Any, list[Field]] = field(default_factory=dict)
    active: Sequence[bool] | None = None
    advice: str = ""
    source: str = ""

    def __post_init__(self) -> None:
        read = {row: cell for row, cell in enumerate(self.cells) if self.active is None or self.active[row]}
        row = next((row for row, cell in read.items() if cell is None or isinstance(cell, tuple)), None)
        if row is not None:
            what = "is missing" if read[row] is None else f"is a list: {str(read[row])[:40]}"
            raise TaskError(
                f"the decision {self.column!r} {what} in {self.spot(row)}",
                hint="fill it in, leave the row out (where), or say when it is active: [when] "
                + (self.advice or f'{self.name} = {{ other_column = ["value"] }}'),
            )
        self.values = _ordered(dict.fromkeys(read.values()), self.column, self.where)
        self.kind = self.words.get("kind") or self._guess()
        if "options" in self.words:
            self._take_options(self.words["options"])

    def _guess(self) -> str:
        kinds = {type(value) for value in self.values}
        if "options" in self.words or len(self.values) <= MOST_OPTIONS or not kinds <= {int, float}:
            return "choice"
        return "integer" if kinds == {int} else "real"

    def _take_options(self, options: Any) -> None:
        if not isinstance(options, list):
            raise ConfigError(f"decisions.{self.name}: options is a list, got {options!r}"[:200])
        for row, cell in enumerate(self.cells):
            if (self.active is None or self.active[row]) and cell not in options:
                raise TaskError(
                    f"{self.spot(row)} has {self.column} = {cell!r}, which is no option",
                    hint=did_you_mean(str(cell), map(str, options)),
                )
        self.values = list(options)

    def declare(self) -> Any:
        role = self.words.get("role", "architecture")
        if self.kind == "choice":
            return choice(*(self._option(value) for value in self.values), role=role)
        low, high, log = min(self.values), max(self.values), bool(self.words.get("log", False))
        if self.kind == "real":
            return real(float(low), float(high), log=log, role=role)
        step = 1 if log else gcd(*(value - low for value in self.values)) or 1
        return integer(low, high, step=step, log=log, role=role)

    def label(self, value: Any) -> Any:
        """Return how a value is written: one that brings decisions is the name of a space, hence an identifier."""
        return identifier(str(value)) if value in self.below else value

    def _option(self, value: Any) -> Any:
        if value not in self.below:
            return value
        return make_space(self.label(value), {child.name: child.declare() for child in self.below[value]})

    def write(self, row: int, path: str, out: dict[str, Any]) -> None:
        value = self.cells[row]
        if self.kind == "real":
            value = float(value)
        label = out[path + self.name] = self.label(value)
        for child in self.below.get(value, ()):
            child.write(row, f"{path}{self.name}.{label}.", out)


@dataclass
class ListField(Field):
    """Lists of values: a repeat, of one length where all lists have it."""

    name: str
    cells: Cells

    def __post_init__(self) -> None:
        self.values = _ordered(dict.fromkeys(item for cell in self.cells for item in cell), self.name, "the pattern")

    def declare(self) -> Any:
        lengths = [len(cell) for cell in self.cells]
        return repeat(choice(*self.values), min(lengths), max(lengths))

    def write(self, row: int, path: str, out: dict[str, Any]) -> None:
        out[f"{path}{self.name}.length"] = len(self.cells[row])
        for place, item in enumerate(self.cells[row]):
            out[f"{path}{self.name}.{place}"] = item


@dataclass
class RepeatField(Field):
    """A column that says how many elements there are, and columns for each: those beyond the length are not read."""

    name: str
    lengths: Cells
    items: Mapping[str, Sequence[Cells]]
    where: str
    spot: Callable[[int], str]

    def __post_init__(self) -> None:
        most = min(len(columns) for columns in self.items.values())
        for row, length in enumerate(self.lengths):
            if isinstance(length, bool) or not isinstance(length, int) or not 0 <= length <= most:
                raise TaskError(
                    f"{self.spot(row)} says that {self.name} has {length!r} elements, expected 0 to {most}",
                    hint="the number of elements is a whole number, and each element has columns",
                )
        self._fields = {name: self._element(name, columns) for name, columns in self.items.items()}

    def _element(self, name: str, columns: Sequence[Cells]) -> PlainField:
        """Return one field whose rows are the active elements of all rows: every element has the same options."""
        places = [(row, i) for row, length in enumerate(self.lengths) for i in range(length)]
        used = [columns[i][row] for row, i in places]
        return PlainField(name, f"{self.name}.{name}", used, self.where, lambda place: self.spot(places[place][0]))

    def declare(self) -> Any:
        parts = {name: element.declare() for name, element in self._fields.items()}
        return repeat(make_space(self.name.title() + "Element", parts), min(self.lengths), max(self.lengths))

    def write(self, row: int, path: str, out: dict[str, Any]) -> None:
        out[f"{path}{self.name}.length"] = self.lengths[row]
        for place in range(self.lengths[row]):
            for name, columns in self.items.items():
                out[f"{path}{self.name}.{place}.{name}"] = columns[place][row]


def field_name(column: str) -> str:
    """Return a column's name as the name of a field."""
    name = identifier(column).lstrip("_") or "decision"
    name = name if name.isidentifier() else f"n{name}"
    return f"{name}_" if name in RESERVED or iskeyword(name) else name


def _ordered(values: Mapping[Any, None], column: str, where: str) -> list[Any]:
    """Return numbers in order, then texts in order; False stands before True."""
    kinds = {type(value) for value in values}
    if len(kinds) > 1 and not kinds <= {int, float}:
        names = ", ".join(sorted(kind.__name__ for kind in kinds))
        raise TaskError(f"the decision {column!r} of {where} mixes {names}", hint="write one kind of value only")
    if len(values) > 100_000:
        raise SpaceError(f"the decision {column!r} of {where} has {len(values):,} different values")
    if not values:
        raise TaskError(f"the decision {column!r} of {where} is never active")
    return sorted(values)
