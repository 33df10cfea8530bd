"""Which columns of a table are measurements, by the words of its description or by what they hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from searchitect.errors import ConfigError, TaskError, did_you_mean
from searchitect.tabular.decisions import numbered
from searchitect.tabular.description import Description
from searchitect.tabular.gathering import Gathered
from searchitect.tabular.measuring import EPOCHS, Measurement, measurement, measurement_name
from searchitect.tabular.naming import words_of
from searchitect.tabular.rows import Rows

__all__ = ["check_continues", "measurements_of", "named", "signal_name"]

MOST_MEASUREMENTS = 300
INDEX_WORDS = {"index", "idx", "id", "hash", "uid", "md5", "unnamed"}


def measurements_of(description: Description, rows: Rows, decided: set[str]) -> dict[str, Measurement]:
    """Return the measurements that a description names, or all columns of numbers that nothing else claims.

    Args:
        decided: columns that say the architecture.

    Raises:
        ConfigError: two columns would have one name, there are too many, or a unit is of none of them.
    """
    given = description.measurements
    sources: dict[str, Any] = {}
    if isinstance(given, Mapping):
        sources |= given
    elif given is not None:
        for pattern in given:
            found = [pattern] if EPOCHS in pattern else rows.matching(pattern)
            for column in found:
                _add(sources, column)
    wanted = [*map(signal_name, description.signals.values()), *([description.truth] if description.truth else [])]
    for name in wanted:
        if name not in sources:
            _add(sources, name)
    if given is None:
        taken = {source for source in sources.values() if isinstance(source, str)} | decided
        for column in _others(description, rows, taken):
            _add(sources, column)
    if len(sources) > MOST_MEASUREMENTS:
        raise ConfigError(f"{len(sources)} measurements are too many", hint='measurements = ["those", "you_*", "need"]')
    units = {name if name in sources else measurement_name(name): unit for name, unit in description.units.items()}
    for name, unit in units.items():
        if name not in sources or unit not in ("percent", "fraction"):
            near = did_you_mean(name, sources) if name not in sources else 'units = { NAME = "percent" } or "fraction"'
            raise ConfigError(f"units: {name} = {unit!r} says nothing about a measurement", hint=near)
    measured = {name: measurement(name, source, rows, units.get(name)) for name, source in sources.items()}
    if description.continues:
        measured = {name: replace(one, continues=bool(one.at)) for name, one in measured.items()}
    return measured


def check_continues(description: Description, measured: Mapping[str, Measurement], rows: Rows) -> None:
    """Refuse words about trainings by epoch where nothing was recorded by epoch, or by two scales of epochs."""
    by_epoch = {name: one for name, one in measured.items() if one.curves or one.at}
    if (description.continues or description.every > 1) and not by_epoch:
        word = "continues" if description.continues else "every"
        raise ConfigError(
            f"{word} speaks of epochs, but {rows.label} records none of: {', '.join(list(measured)[:8])}",
            hint='signal = "accuracy_{epochs}" reads accuracy_5, accuracy_10 …; a column of lists is read by itself',
        )
    lengths = {max(one.at): name for name, one in reversed(by_epoch.items()) if one.continues}
    if description.every > 1 and len(lengths) > 1:
        most, least = max(lengths), min(lengths)
        raise ConfigError(
            f"with every = {description.every}, the lists of {lengths[most]} end after {most} epochs and those of "
            f"{lengths[least]} after {least}: they do not count alike",
            hint='measurements = ["…"] names those that do',
        )


def signal_name(words: Any) -> str:
    """Return the measurement that the words of a signal name."""
    if isinstance(words, str):
        return words
    if (
        isinstance(words, Mapping)
        and isinstance(words.get("measurement"), str)
        and set(words) <= {"measurement", "epochs"}
    ):
        return str(words["measurement"])
    raise ConfigError(
        f"a signal is a measurement, or one after so many epochs, got {words!r}"[:200],
        hint='signals = { valid = "valid_accuracy", valid12 = { measurement = "valid_accuracy", epochs = 12 } }',
    )


def named(name: str, measured: Mapping[str, Measurement]) -> str:
    """Return the name of a measurement as a benchmark has it, whichever way it was written."""
    return name if name in measured else measurement_name(name)


def _add(sources: dict[str, Any], column: str) -> None:
    """Take a column as the measurement that its name makes; two columns of one name would hide one another."""
    name = measurement_name(column)
    if sources.setdefault(name, column) != column:
        raise ConfigError(
            f"the columns {sources[name]!r} and {column!r} would both be called {name}",
            hint=f'measurements = {{ {name} = "{column}" }} says which is meant',
        )


def _others(description: Description, rows: Rows, taken: set[str]) -> list[str]:
    """Return the columns of numbers that nothing else claims: what a short description leaves unsaid."""
    taken = (
        taken
        | set(description.where)
        | {str(description.replicates), description.epoch_column}
        | {join["on"] for join in description.joins}
    )
    for words in description.repeats:
        taken |= {str(words.get("length"))}
        taken |= {column for value in words.get("items", {}).values() for column in numbered(value, rows)}
    found = []
    for column in rows.names:
        if column in taken or INDEX_WORDS & set(words_of(column)):
            continue
        try:
            every = rows.long.column(column) if isinstance(rows, Gathered) else rows.column(column)
            cells = [cell for cell in every if cell is not None]
        except TaskError:  # dates, structures, infinite numbers: nobody asked for this column
            continue
        if cells and all(isinstance(cell, (int, float)) and not isinstance(cell, bool) for cell in cells):
            found.append(column)
    return found
