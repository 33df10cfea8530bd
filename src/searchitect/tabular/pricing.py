"""What a training costs: from the words of a description to prices, also of shorter trainings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import accumulate, pairwise
from typing import Any

from searchitect.errors import ConfigError, TaskError
from searchitect.tabular.description import Description
from searchitect.tabular.gathering import Gathered
from searchitect.tabular.measuring import Measurement, measurement
from searchitect.tabular.naming import cost_unit_of
from searchitect.tabular.rows import Rows

__all__ = ["prices_of"]


def prices_of(description: Description, rows: Rows) -> tuple[Measurement | None, str]:
    """Return what the full training of each row costs (shorter ones where recorded), and the unit.

    What lists and long tables record by epoch is added up, unless the description says that it is cumulative.

    Raises:
        ConfigError: the words contradict themselves, or do not say whether a growing cost is a sum already.
        TaskError: a column is not there, or holds what a cost cannot be.
    """
    words = description.cost
    if words is None:
        return None, "evaluation"
    more: Mapping[str, Any] = {} if isinstance(words, str) else words
    source = words if isinstance(words, str) else more.get("per_epoch") or more.get("column")
    if not isinstance(source, str) or not isinstance(more.get("cumulative", False), bool):
        raise ConfigError(
            "cost is a column",
            hint='cost = "train_seconds", { per_epoch = "flops", unit = "epoch × FLOP" }, or '
            '{ column = "seconds_so_far", cumulative = true }',
        )
    counted = description.epochs is not None or description.epoch_column or description.every > 1
    if "per_epoch" in more and not counted:
        raise ConfigError("a cost per epoch needs the epochs of the full training", hint="epochs = 200")
    named = description.measurements if isinstance(description.measurements, Mapping) else {}
    column, cumulative = named.get(source, source), more.get("cumulative")
    found = measurement("cost", column, rows)
    by_epoch = bool(found.curves or found.at)
    if "per_epoch" in more and (by_epoch or cumulative is not None):
        raise ConfigError(
            f"{source!r} is named as the cost of every epoch, but differs between epochs or is called cumulative",
            hint=f'cost = "{source}" adds the epochs up',
        )
    if isinstance(rows, Gathered) and (by_epoch or cumulative is not None):
        found = _by_rows(column, rows, cumulative)
    elif by_epoch:
        found = _by_lists(column, found, rows, cumulative)
    default = f"epoch × {source}" if "per_epoch" in more else cost_unit_of(source)
    return found, more.get("unit") or default


def _by_lists(column: str, found: Measurement, rows: Rows, cumulative: bool | None) -> Measurement:
    """Return what was spent so far, of lists with what each epoch took, or of columns by epoch."""
    lists = bool(found.curves) or found.continues
    paths = list(found.curves) if found.curves else [_present(found, row) for row in range(len(found.full))]
    if lists and cumulative is None and _all_grow(paths):
        raise _unclear(column, f"every list of {column} in {rows.label} grows from item to item", "item")
    if cumulative if lists else cumulative is not False:
        fall = next((row for row, path in enumerate(paths) if any(a > b for a, b in pairwise(path or ()))), None)
        if fall is not None and (cumulative or lists):
            raise TaskError(
                f"{column} is called cumulative, but falls within {rows.spot(fall)}",
                hint="cumulative = false adds up what each item spent",
            )
        return found
    sums = [None if path is None else tuple(accumulate(path)) for path in paths]
    full = [None if total is None else total[-1] for total in sums]
    if found.curves:
        return replace(found, curves=sums, full=full)
    at = {epochs: list(cells) for epochs, cells in found.at.items()}
    for row, total in enumerate(sums):
        there = [epochs for epochs in at if at[epochs][row] is not None]
        for epochs, value in zip(there, total or (), strict=True):
            at[epochs][row] = value
    return replace(found, at=at, full=full)


def _present(found: Measurement, row: int) -> tuple[float, ...] | None:
    return tuple(value for cells in found.at.values() if (value := cells[row]) is not None) or None


def _all_grow(paths: Sequence[Sequence[float | None] | None]) -> bool:
    """Whether a cost is always larger than the one before: what single epochs took would fall somewhere."""
    pairs = (pair for path in paths for pair in pairwise(path or ()))
    steps = [one < then for one, then in pairs if one is not None and then is not None]
    return bool(steps) and all(steps)


def _unclear(column: str, growth: str, part: str) -> ConfigError:
    return ConfigError(
        f"{growth}: is it what was spent so far, or since the {part} before?",
        hint=f'cost = {{ column = "{column}", cumulative = true }}, or false where it is to be added up',
    )


def _by_rows(column: str, rows: Gathered, cumulative: bool | None) -> Measurement:
    """Return what was spent up to each row of a long table."""
    cells = rows.long.column(column)
    spent: list[float | None] = [None] * len(cells)
    if cumulative is None and _all_grow([[cells[place] for place in places] for places in rows.trainings]):
        raise _unclear(column, f"{column} of {rows.label} grows from row to row of every training", "row")
    for places in rows.trainings:
        values = [cells[place] for place in places]
        if None in values:
            at = rows.long.spot(places[values.index(None)])
            raise TaskError(f"{column} is missing in {at}", hint="a cost is needed for every epoch")
        fall = next((two for two in pairwise(places) if cumulative and cells[two[1]] < cells[two[0]]), None)
        if fall is not None:
            raise TaskError(
                f"{column} is called cumulative, but falls from {cells[fall[0]]:g} to {cells[fall[1]]:g} in "
                f"{rows.long.spot(*fall)}",
                hint=f'cost = "{column}" adds up what each row spent',
            )
        for place, total in zip(places, values if cumulative else accumulate(values), strict=True):
            spent[place] = float(total)
    return Measurement("cost", [spent[places[-1]] for places in rows.trainings], rows.at(spent))
