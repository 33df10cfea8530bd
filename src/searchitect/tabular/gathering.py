"""Long tables: one row for each epoch of a training is gathered into one row for each training."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from searchitect.errors import ConfigError, TaskError
from searchitect.tabular.decisions import columns_of, fields_of
from searchitect.tabular.description import Description
from searchitect.tabular.rows import Rows

__all__ = ["Gathered", "gather"]

MOST_EPOCHS = 10**6
MOST_CELLS = 2 * 10**8
"""Most cells of one measurement once every training has a place for every epoch."""

Numbers = Sequence[float | None]


class Gathered(Rows):
    """The trainings of a long table. A column holds what the first row of each says; measurements read all of them.

    Attributes:
        long: the rows as the table has them.
        trainings: places in `long` of each training, in the order of its epochs.
        epochs: epochs trained at each place of `long`.
    """

    called = "trainings"

    def __init__(self, long: Rows, trainings: list[list[int]], epochs: Sequence[int]) -> None:
        self.label, self.long, self.trainings, self.epochs = long.label, long, trainings, epochs
        self.numbers = [long.numbers[places[0]] for places in trainings]

    @property
    def longest(self) -> int:
        """Epochs of the longest training."""
        return max(self.epochs[places[-1]] for places in self.trainings)

    @property
    def names(self) -> tuple[str, ...]:
        return self.long.names

    def matching(self, pattern: str) -> list[str]:
        return self.long.matching(pattern)

    def column(self, name: str) -> list[Any]:
        cells = self.long.column(name)
        return [cells[places[0]] for places in self.trainings]

    def keep(self, wanted: Sequence[bool]) -> None:
        self.trainings = [places for places, fine in zip(self.trainings, wanted, strict=True) if fine]
        super().keep(wanted)

    def settled(self, numbers: Numbers) -> list[float | None] | None:
        """Return one number for each training where all its rows agree, or only the last has one; else None."""
        found = []
        for places in self.trainings:
            *before, last = (numbers[place] for place in places)
            if any(value != last for value in before) and any(value is not None for value in before):
                return None
            found.append(last)
        return found

    def curves(self, numbers: Numbers) -> list[tuple[float, ...] | None] | None:
        """Return each training as a list by epoch, if every one has its first epochs without a gap; else None."""
        found = []
        for places in self.trainings:
            values = [value for place in places if (value := numbers[place]) is not None]
            told = [self.epochs[place] for place in places if numbers[place] is not None]
            if told != list(range(1, len(told) + 1)):
                return None
            found.append(tuple(values) or None)
        return found

    def at(self, numbers: Numbers) -> dict[int, list[float | None]]:
        """Return the numbers by epoch, one for each training; None where it has no such row."""
        found: dict[int, list[float | None]] = {}
        for number, places in enumerate(self.trainings):
            for place in places:
                if numbers[place] is not None:
                    cells = found.setdefault(self.epochs[place], [None] * len(self.trainings))
                    cells[number] = numbers[place]
        return dict(sorted(found.items()))


def gather(description: Description, rows: Rows) -> Rows:
    """Return one row for each architecture and seed of a long table; other tables as they are.

    Raises:
        TaskError: an epoch is missing, no whole number, or there twice for one training.
        ConfigError: the description does not tell trainings apart, or takes the epoch for a decision.
    """
    column = description.epoch_column
    if not column:
        return rows
    if description.replicates is True:
        raise ConfigError(
            f"replicates = true does not say which rows of {rows.label} are epochs of one training",
            hint='replicates = "seed_column", a column that differs between the trainings of one architecture',
        )
    epochs = _epochs(rows, column, description.first_epoch)
    trainings: dict[Any, list[int]] = {}
    for place, key in enumerate(_keys(description, rows)):
        trainings.setdefault(key, []).append(place)
    for key, places in trainings.items():
        places.sort(key=lambda place: epochs[place])
        _check_once(key, places, epochs, rows, description)
    every = set(epochs)
    if len(every) > 1 and len(trainings) == len(rows):
        raise TaskError(
            f"no architecture of {rows.label} has rows of two epochs, though {column} differs between them: "
            f"figures after {min(every)} and {max(every)} epochs cannot be compared",
            hint=f"where = {{ {json.dumps(column)} = … }} keeps one epoch; or fewer columns are decisions",
        )
    if len(every) * len(trainings) > MOST_CELLS:
        raise TaskError(f"{rows.label} has too many epochs: {len(every):,} in {len(trainings):,} trainings")
    return Gathered(rows, list(trainings.values()), epochs)


def _epochs(rows: Rows, column: str, first: int) -> list[int]:
    """Read how many epochs were trained at each row."""
    found = []
    for place, cell in enumerate(rows.column(column)):
        where = rows.spot(place)
        if cell is None:
            raise TaskError(
                f"{column} is missing in {where}", hint="fill it in: it is the number of epochs trained when measured"
            )
        if isinstance(cell, bool) or not isinstance(cell, (int, float)) or cell != int(cell):
            raise TaskError(
                f"{where} has {str(cell)[:40]!r} as {column}, expected a whole number of epochs",
                hint="epochs names the column with the number of epochs trained; leave other rows out by where",
            )
        if not first <= cell < MOST_EPOCHS:
            raise TaskError(
                f"{where} has {cell} as {column}, expected {first} to {MOST_EPOCHS:,}",
                hint=f'epochs = {{ column = "{column}", first = 0 }} where 0 is the first epoch trained; '
                "rows from before the training are left out of the table"
                if cell == 0
                else "the number of epochs trained when the row was measured",
            )
        found.append(int(cell) + 1 - first)
    return found


def _keys(description: Description, rows: Rows) -> Iterator[tuple[Any, Any]]:
    """Return what tells the training of each row: its decisions, and the seed where one is named."""
    fields, _ = fields_of(description, rows)
    decided = {cell for one in fields for cell in columns_of(one)}
    if description.epoch_column in decided:
        raise ConfigError(
            f"{description.epoch_column!r} is named as a decision and as the epochs", hint="name it as one of them"
        )
    named = isinstance(description.replicates, str)
    seeds = rows.column(str(description.replicates)) if named else [None] * len(rows)
    for row, seed in enumerate(seeds):
        out: dict[str, Any] = {}
        for one in fields:
            one.write(row, "", out)
        yield tuple(sorted(out.items())), seed


def _check_once(
    key: tuple[Any, Any], places: Sequence[int], epochs: Sequence[int], rows: Rows, description: Description
) -> None:
    for one, next_one in pairwise(places):
        if epochs[one] == epochs[next_one]:
            decisions: Mapping[str, Any] = dict(key[0])
            seed = "" if key[1] is None else f" with {description.replicates} {key[1]}"
            raise TaskError(
                f"{rows.spot(one, next_one)} are both "
                f"{description.epoch_column} {epochs[one] - 1 + description.first_epoch} of "
                f"{json.dumps(decisions)[:200]}{seed}",
                hint="remove the repeated rows, or name more columns as decisions"
                if seed
                else 'replicates = "seed_column" where an architecture was trained with several seeds; '
                "or name more columns as decisions; where = { … } keeps one kind of row",
            )
