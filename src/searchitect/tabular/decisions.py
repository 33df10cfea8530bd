"""Which columns are decisions: from a description to the fields of a space."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from searchitect.errors import ConfigError, TaskError, did_you_mean
from searchitect.tabular.description import Description
from searchitect.tabular.fields import Field, ListField, PlainField, RepeatField, field_name
from searchitect.tabular.graph_cells import graph_fields
from searchitect.tabular.patterns import Pattern
from searchitect.tabular.rows import Rows

__all__ = ["columns_of", "fields_of", "numbered"]


def fields_of(description: Description, rows: Rows) -> tuple[list[Field], int]:
    """Return the fields of the space, and the last vertex where they write a graph, else 0."""
    if description.graph is not None:
        fields = graph_fields(description.graph, rows)
        return list[Field](fields), int(fields[-1].name.removeprefix("op_")) + 1 if fields[-1].name[:3] == "op_" else 1
    plain: dict[str, PlainField] = {}
    lists: dict[str, ListField] = {}
    activity = _activity(description, rows)
    columns = {column: words for pattern, words in description.decisions.items() for column in rows.matching(pattern)}
    for pattern, words in description.decisions.items():
        for column in rows.matching(pattern):
            name, cells = field_name(column), rows.column(column)
            if name in plain or name in lists:
                raise ConfigError(f"the decision {column!r} is named twice", hint="name every column once")
            if cells and all(isinstance(cell, tuple) for cell in cells):
                lists[name] = _list(name, column, cells, words, description)
                continue
            advice = "" if column in activity else _when_active(column, cells, columns, rows)
            plain[name] = PlainField(
                name, column, cells, rows.label, rows.spot, words, active=activity.get(column), advice=advice
            )
    found: list[Field] = [*_nested(description, plain), *lists.values(), *_from_text(description, rows)]
    found += [_repeat(words, rows) for words in description.repeats]
    return found, 0


def _list(name: str, column: str, cells: list[Any], words: Mapping[str, Any], description: Description) -> ListField:
    """Return a column of lists as a repeat: one decision for each place."""
    if words or column in description.when:
        raise ConfigError(f"the decision {column!r} holds lists: their options are what they hold, in every row")
    if any(item is None or isinstance(item, tuple) for cell in cells for item in cell):
        raise TaskError(f"the lists of the decision {column!r} hold lists or missing cells", hint="write flat lists")
    return ListField(name, cells)


def _when_active(column: str, cells: list[Any], columns: Mapping[str, Any], rows: Rows) -> str:
    """Return the line that says when a column with missing cells is active, if one other decision tells it."""
    if None not in cells:
        return ""
    for other in columns:
        others = rows.column(other)
        present = {value for value, cell in zip(others, cells, strict=True) if cell is not None}
        absent = {value for value, cell in zip(others, cells, strict=True) if cell is None}
        if other != column and present and not present & absent and None not in present:
            values = json.dumps([value for value in dict.fromkeys(others) if value in present][:20])
            return f"{json.dumps(column)} = {{ {json.dumps(other)} = {values} }}"
    return ""


def _activity(description: Description, rows: Rows) -> dict[str, list[bool]]:
    """Return, for each conditional column, in which rows it is active: where its parent is, and has such a value."""
    active: dict[str, list[bool]] = {}

    def of(column: str, depth: int = 0) -> list[bool]:
        if column not in description.when:
            return [True] * len(rows)
        if depth > len(description.when):
            raise ConfigError(f"when: {column!r} depends on itself")
        parent, values = _condition(description, column)
        cells = rows.column(parent)
        for value in values:
            if value not in cells:
                known = did_you_mean(str(value), dict.fromkeys(map(str, cells)))
                raise ConfigError(f"when.{column}: {parent} is never {value!r}", hint=known)
        return [up and cell in values for up, cell in zip(of(parent, depth + 1), cells, strict=True)]

    for column in description.when:
        active[column] = of(column)
    return active


def _condition(description: Description, column: str) -> tuple[str, list[Any]]:
    words = description.when[column]
    if not isinstance(words, Mapping) or len(words) != 1:
        raise ConfigError(f"when.{column}: one column and its values, got {words!r}", hint='{ pool = ["max", "avg"] }')
    [(parent, values)] = words.items()
    return parent, values if isinstance(values, list) else [values]


def _nested(description: Description, plain: Mapping[str, PlainField]) -> list[PlainField]:
    """Put conditional fields below the values of their parents; return those that are always active."""
    names = {one.column: one for one in plain.values()}
    for column in description.when:
        parent, values = _condition(description, column)
        for named in (column, parent):
            if named not in names:
                raise ConfigError(f"when: {named!r} is no decision", hint=did_you_mean(named, names))
        for value in values:
            names[parent].below.setdefault(value, []).append(names[column])
        names[parent].kind = "choice"
    return [one for one in plain.values() if one.column not in description.when]


def _from_text(description: Description, rows: Rows) -> list[Field]:
    words = description.architecture
    if words is None:
        return []
    if not isinstance(words.get("column"), str) or not isinstance(words.get("pattern"), str):
        raise ConfigError(
            "architecture needs a column and a pattern", hint='{ column = "arch", pattern = "{depth}-{width}" }'
        )
    read = Pattern(words["pattern"]).read(rows.column(words["column"]), words["column"], rows.spot)
    fields: list[Field] = []
    for hole, cells in read.items():
        if any(isinstance(cell, tuple) for cell in cells):
            fields.append(ListField(field_name(hole), cells))
        else:
            fields.append(PlainField(field_name(hole), words["column"], cells, rows.label, rows.spot))
    return fields


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
        return [one.column, *(name for fields in one.below.values() for child in fields for name in columns_of(child))]
    return []
