"""Which columns are decisions: from a description to the fields of a space."""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from searchitect.errors import ConfigError, TaskError, did_you_mean
from searchitect.tabular.description import Description
from searchitect.tabular.fields import Field, ListField, PlainField, RepeatField, field_name
from searchitect.tabular.graph_cells import graph_fields
from searchitect.tabular.patterns import Pattern
from searchitect.tabular.rows import Rows

__all__ = ["columns_of", "fields_of", "numbered"]

ABSENT = "none"
"""What an optional hole decides where it is empty, unless [when] says that there is nothing to decide."""


def fields_of(description: Description, rows: Rows) -> tuple[list[Field], int]:
    """Return the fields of the space, and the last vertex where they write a graph, else 0."""
    if description.graph is not None:
        fields = graph_fields(description.graph, rows)
        return list[Field](fields), int(fields[-1].name.removeprefix("op_")) + 1 if fields[-1].name[:3] == "op_" else 1
    known = _known(description, rows)
    activity = _activity(description, known, len(rows))
    made: dict[str, PlainField | ListField] = {}
    for key, one in known.items():
        name = field_name(key)
        if name in {field.name for field in made.values()}:
            raise ConfigError(f"the decision {key!r} is named twice", hint="name every column and hole once")
        if one.cells and all(isinstance(cell, tuple) for cell in one.cells):
            made[key] = _list(name, key, one.cells, one.words, description)
            continue
        cells, advice = one.cells, "" if key in activity else _when_active(key, known)
        if one.source and key not in activity and not advice:
            cells = _absent_named(key, cells)
        active = activity.get(key)
        made[key] = PlainField(name, key, cells, rows.label, rows.spot, one.words, {}, active, advice, one.source)
    plain = {key: field for key, field in made.items() if isinstance(field, PlainField)}
    lists = [field for field in made.values() if isinstance(field, ListField)]
    return [*_nested(description, plain), *lists, *(_repeat(words, rows) for words in description.repeats)], 0


@dataclass(frozen=True)
class _Known:
    """A decision as the table says it.

    Attributes:
        source: the column of the architecture string in which it is a hole; empty for a column of its own.
    """

    cells: list[Any]
    words: Mapping[str, Any]
    source: str = ""


def _known(description: Description, rows: Rows) -> dict[str, _Known]:
    """Return the decisions by what [when] calls them: the name of a column, or of a hole."""
    holes, found = _from_text(description, rows), dict[str, _Known]()
    for pattern, words in description.decisions.items():
        of_holes = fnmatch.filter(holes, pattern)
        columns = _columns(rows, pattern, holes)
        for name in (*of_holes, *columns):
            if name in of_holes and name in columns:
                raise ConfigError(f"{name!r} is the name of a column and of a hole", hint="give the hole another name")
            if name in found:
                raise ConfigError(f"the decision {name!r} is named twice", hint="name every column and hole once")
            found[name] = replace(holes[name], words=words) if name in of_holes else _Known(rows.column(name), words)
    return found | {hole: known for hole, known in holes.items() if hole not in found}


def _columns(rows: Rows, pattern: str, holes: Collection[str]) -> list[str]:
    """Return the columns that a name or `*` pattern stands for; none where holes are meant.

    Raises:
        TaskError: it stands for neither.
    """
    try:
        return rows.matching(pattern)
    except TaskError:
        if fnmatch.filter(holes, pattern):
            return []
        if not holes:
            raise
    near = did_you_mean(pattern, [*rows.names[:300], *holes])
    raise TaskError(f"{rows.label} has no column and the pattern no hole {pattern!r}", hint=near)


def _absent_named(hole: str, cells: list[Any]) -> list[Any]:
    """Return the texts of an optional hole, numbers too; where it is empty, the decision is "none"."""
    if None not in cells:
        return cells
    if ABSENT in cells:
        raise ConfigError(
            f"the hole {hole!r} is empty in some rows and {ABSENT!r} in others: two words for one thing, or two things",
            hint="say when it is there: [when] " + f'{hole} = {{ other_hole = ["value"] }}',
        )
    return [ABSENT if cell is None else str(cell) for cell in cells]


def _list(name: str, column: str, cells: list[Any], words: Mapping[str, Any], description: Description) -> ListField:
    """Return a column of lists as a repeat: one decision for each place."""
    if words or column in description.when:
        raise ConfigError(f"the decision {column!r} holds lists: their options are what they hold, in every row")
    if any(item is None or isinstance(item, tuple) for cell in cells for item in cell):
        raise TaskError(f"the lists of the decision {column!r} hold lists or missing cells", hint="write flat lists")
    return ListField(name, cells)


def _when_active(key: str, known: Mapping[str, _Known]) -> str:
    """Return the line that says when a decision with missing cells is active, if one other decision tells it."""
    cells = known[key].cells
    if None not in cells:
        return ""
    for other, one in known.items():
        present = {value for value, cell in zip(one.cells, cells, strict=True) if cell is not None}
        absent = {value for value, cell in zip(one.cells, cells, strict=True) if cell is None}
        if other != key and present and not present & absent and None not in present:
            values = json.dumps([value for value in dict.fromkeys(one.cells) if value in present][:20])
            return f"{json.dumps(key)} = {{ {json.dumps(other)} = {values} }}"
    return ""


def _activity(description: Description, known: Mapping[str, _Known], rows: int) -> dict[str, list[bool]]:
    """Return, for each conditional decision, in which rows it is active: where its parent is, and has such a value."""

    def of(key: str, depth: int = 0) -> list[bool]:
        if key not in description.when:
            return [True] * rows
        if depth > len(description.when):
            raise ConfigError(f"when: {key!r} depends on itself")
        parent, values = _condition(description, key)
        for named in (key, parent):
            if named not in known:
                raise ConfigError(f"when: {named!r} is no decision", hint=did_you_mean(named, known))
            if any(isinstance(cell, tuple) for cell in known[named].cells):
                raise ConfigError(f"when: {named!r} is a list", hint="name decisions of a single value each")
        cells = known[parent].cells
        for value in values:
            if value not in cells:
                near = did_you_mean(str(value), dict.fromkeys(map(str, cells)))
                raise ConfigError(f"when.{key}: {parent} is never {value!r}", hint=near)
        return [up and cell in values for up, cell in zip(of(parent, depth + 1), cells, strict=True)]

    return {key: of(key) for key in description.when}


def _condition(description: Description, column: str) -> tuple[str, list[Any]]:
    words = description.when[column]
    if not isinstance(words, Mapping) or len(words) != 1:
        raise ConfigError(f"when.{column}: one column and its values, got {words!r}", hint='{ pool = ["max", "avg"] }')
    [(parent, values)] = words.items()
    return parent, values if isinstance(values, list) else [values]


def _nested(description: Description, plain: Mapping[str, PlainField]) -> list[PlainField]:
    """Put conditional fields below the values of their parents; return those that are always active."""
    for key in description.when:
        parent, values = _condition(description, key)
        for value in values:
            plain[parent].below.setdefault(value, []).append(plain[key])
        plain[parent].kind = "choice"
    return [one for key, one in plain.items() if key not in description.when]


def _from_text(description: Description, rows: Rows) -> dict[str, _Known]:
    words = description.architecture
    if words is None:
        return {}
    if not isinstance(words.get("column"), str) or not isinstance(words.get("pattern"), str):
        raise ConfigError(
            "architecture needs a column and a pattern", hint='{ column = "arch", pattern = "{depth}-{width}" }'
        )
    column = words["column"]
    read = Pattern(words["pattern"]).read(rows.column(column), column, rows.spot)
    return {hole: _Known(cells, {}, column) for hole, cells in read.items()}


def _repeat(words: Mapping[str, Any], rows: Rows) -> RepeatField:
    name, length, items = words.get("name"), words.get("length"), words.get("items")
    if not isinstance(name, str) or not isinstance(length, str) or not isinstance(items, Mapping) or not items:
        raise ConfigError(
            "a repeat needs a name, a column with its length, and columns of its items",
            hint='name = "stages", length = "n_stages", items = { width = "stage_{i}_width" }',
        )
    columns = {str(key): [rows.column(column) for column in numbered(value, rows)] for key, value in items.items()}
    return RepeatField(field_name(name), rows.column(length), columns, rows.label, rows.spot)


def numbered(columns: Any, rows: Rows) -> list[str]:
    """Return the columns of an item, element by element: listed, or one name with {i} in it."""
    if isinstance(columns, str) and "{i}" in columns:
        start = 0 if columns.replace("{i}", "0") in rows.names else 1
        found: list[str] = []
        while columns.replace("{i}", str(start + len(found))) in rows.names:
            found.append(columns.replace("{i}", str(start + len(found))))
        if not found:
            rows.matching(columns.replace("{i}", "0"))
        return found
    if not isinstance(columns, list) or not columns or not all(isinstance(column, str) for column in columns):
        raise ConfigError(f"the columns of a repeat are listed, or one name with {{i}} in it, got {columns!r}"[:200])
    return columns


def columns_of(one: Field) -> list[str]:
    """Return the columns that a field and those below it are made of."""
    if isinstance(one, PlainField):
        return [
            one.source or one.column,
            *(name for fields in one.below.values() for child in fields for name in columns_of(child)),
        ]
    return []
