"""Seeds spread over columns: `acc_seed{seed}` makes one row for each seed of `acc_seed0`, `acc_seed1` and so on."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from searchitect.errors import ConfigError, TaskError, did_you_mean
from searchitect.tabular.description import Description
from searchitect.tabular.rows import Rows

__all__ = ["SEED", "Spread", "spread"]

SEED = "{seed}"
"""Stands in a column's name for the seed, and is the name of the column with it."""


class Spread(Rows):
    """Each row once for every seed; a column's name with `{seed}` in it stands for that seed's column.

    Attributes:
        seeds: in order.
        columns: name with `{seed}` to the columns, by seed.
    """

    def __init__(self, rows: Rows, columns: Mapping[str, Mapping[int, str]]) -> None:
        self.label, self.columns, self._rows = rows.label, columns, rows
        self.every, self.first = rows.every, rows.first
        self.seeds = sorted({seed for found in columns.values() for seed in found})
        self._places = [(place, seed) for place in range(len(rows)) for seed in self.seeds]
        self.numbers = [rows.numbers[place] for place, _ in self._places]

    @property
    def names(self) -> tuple[str, ...]:
        taken = {column for found in self.columns.values() for column in found.values()}
        return (*(name for name in self._rows.names if name not in taken), *self.columns)

    def matching(self, pattern: str) -> list[str]:
        return [pattern] if pattern in self.columns else self._rows.matching(pattern)

    def column(self, name: str) -> list[Any]:
        if name == SEED:
            return [seed for _, seed in self._places]
        if name not in self.columns:
            cells = self._rows.column(name)
            return [cells[place] for place, _ in self._places]
        by_seed = {seed: self._rows.column(column) for seed, column in self.columns[name].items()}
        return [by_seed[seed][place] if seed in by_seed else None for place, seed in self._places]

    def keep(self, wanted: Sequence[bool]) -> None:
        self._places = [place for place, fine in zip(self._places, wanted, strict=True) if fine]
        super().keep(wanted)


def spread(description: Description, rows: Rows) -> tuple[Description, Rows]:
    """Return one row for each seed, and the description that says so, where `{seed}` stands in a column's name.

    Raises:
        ConfigError: the seeds are said twice.
        TaskError: there is no such column.
    """
    said = [description.signals, description.truth, description.measurements, description.cost]
    found: dict[str, dict[int, str]] = {}
    for template in dict.fromkeys(text for text in _texts(said) if SEED in text):
        if description.replicates or template.count(SEED) > 1:
            raise ConfigError(
                f"{template!r} names columns by seed, and so does replicates, or it does so twice",
                hint="leave replicates out where seeds are spread over columns",
            )
        found |= _columns(template, rows)
    return (replace(description, replicates=SEED), Spread(rows, found)) if found else (description, rows)


def _columns(template: str, rows: Rows) -> dict[str, dict[int, str]]:
    """Return the columns by seed; with `{epochs}` in the name too, for each number of epochs."""
    shape = re.escape(template).replace(re.escape(SEED), r"(?P<seed>\d{1,9})", 1)
    shape = shape.replace(re.escape("{epochs}"), r"(?P<epochs>\d{1,6})", 1)
    found: dict[str, dict[int, str]] = {}
    for name in rows.names:
        match = re.fullmatch(shape, name)
        if match is not None:
            filled = template.replace("{epochs}", match.groupdict().get("epochs") or "")
            found.setdefault(filled, {})[int(match["seed"])] = name
    if not found:
        near = did_you_mean(template, rows.names[:300])
        raise TaskError(f"{rows.label} has no column like {template!r} with a seed in it", hint=near)
    return found


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, Mapping)):
        for item in value.values() if isinstance(value, Mapping) else value:
            yield from _texts(item)
