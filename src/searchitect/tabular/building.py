"""From a description and its table to a benchmark: everything that can be wrong is found here, before a search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from searchitect.errors import ConfigError, TaskError, did_you_mean
from searchitect.objectives import Direction
from searchitect.spaces import Architecture, SearchSpace, make_space
from searchitect.tabular.decisions import columns_of, fields_of
from searchitect.tabular.description import Description
from searchitect.tabular.fields import Field
from searchitect.tabular.gathering import Gathered, gather
from searchitect.tabular.graph_cells import canonical_by
from searchitect.tabular.measuring import Measurement, measurement, measurement_name
from searchitect.tabular.naming import direction_of, words_of
from searchitect.tabular.pool import PoolSpace
from searchitect.tabular.pricing import prices_of
from searchitect.tabular.recorded import check_continues, measurements_of, named, signal_name
from searchitect.tabular.rows import Find, Rows
from searchitect.tabular.spreading import spread
from searchitect.tabular.table_benchmark import TableBenchmark
from searchitect.trial import Fidelity

__all__ = ["benchmark_of"]


@dataclass(frozen=True)
class _Signals:
    """What a description calls signals, truth and cost, as measurements."""

    signals: dict[str, str]
    fidelities: dict[str, Fidelity]
    truth: str


def benchmark_of(description: Description, find: Find) -> TableBenchmark:
    """Read the table of a description.

    Args:
        find: returns the file of a table; raises where there is none.

    Raises:
        ConfigError: the description contradicts itself or names what is not there.
        TaskError: the table is not what the description says: missing cells, duplicates, unknown options, wrong units.
    """
    read = Rows(find(description.table), description.where, description.joins, find)
    if not description.epoch_column:
        read.every, read.first = description.every, description.first_epoch
    description, rows = spread(description, read)
    rows = gather(description, rows)
    _drop(description, rows)
    fields, last = fields_of(description, rows)
    measured = measurements_of(description, rows, {cell for one in fields for cell in columns_of(one)})
    signals = _signals(description, measured)
    prices, unit = prices_of(description, rows)
    check_continues(description, measured | ({} if prices is None else {"cost": prices}), rows)
    _require(measured, signals, prices, rows)
    space, texts, known = _space(description, fields, rows, last)
    places = _grouped(description, texts, known, rows)
    signals = _averaged(signals, measured, places)
    members = list(known.values())
    size = SearchSpace.of(space).size() if SearchSpace.of(space).is_finite else None
    if description.complete and size != len(members):
        raise TaskError(
            f"{rows.label} holds {len(members):,} of {size or 'countless'} architectures, not all",
            hint="complete = false",
        )
    if size != len(members):
        PoolSpace.of(space).adopt(members)
    return TableBenchmark(
        name=description.name,
        space=space,
        signals=signals.signals,
        truth=signals.truth,
        cost_unit=unit,
        rows=places,
        measurements=measured,
        prices=prices,
        per_epoch=isinstance(description.cost, Mapping) and "per_epoch" in description.cost,
        epochs=_full_epochs(description, measured, rows),
        signal_fidelities=signals.fidelities,
        directions=_directions(description, measured, signals),
        known=known,
        about=description.about,
        proxies=_proxies(description, measured),
    )


def _proxies(description: Description, measured: Mapping[str, Measurement]) -> dict[str, Measurement]:
    """Zero-cost proxies by name, each a measurement for which higher is better."""
    found: dict[str, Measurement] = {}
    for proxy, name in description.scores.items():
        if not isinstance(name, str) or named(name, measured) not in measured:
            hint = did_you_mean(str(name), measured)
            raise ConfigError(f"scores: {proxy} = {name!r} is no measurement", hint=hint)
        found[proxy] = measured[named(name, measured)]
    return found


def _drop(description: Description, rows: Rows) -> None:
    """Leave out the rows without signal or truth where the description says so."""
    if description.missing != "drop":
        return
    named = description.measurements if isinstance(description.measurements, Mapping) else {}
    for name in [*map(signal_name, description.signals.values()), *([description.truth] if description.truth else [])]:
        found = measurement(name, named.get(name, name), rows)
        rows.keep([value is not None for value in found.full])
    if not len(rows):
        raise TaskError(f"no row of {rows.label} has both signal and truth")


def _signals(description: Description, measured: dict[str, Measurement]) -> _Signals:
    signals: dict[str, str] = {}
    fidelities: dict[str, Fidelity] = {}
    for word, words in description.signals.items():
        name = named(signal_name(words), measured)
        if isinstance(words, Mapping) and "epochs" in words:
            epochs = words["epochs"]
            if epochs not in measured[name].recorded():
                known = ", ".join(map(str, sorted(measured[name].recorded()))) or "the full training only"
                raise ConfigError(f"{name} was not recorded after {epochs!r} epochs", hint=f"recorded: {known}")
            fidelities[word] = Fidelity(epochs=epochs)
            at = f"{name}_at_{epochs}_epochs"
            cells = [measured[name].value(row, epochs) for row in range(len(measured[name].full))]
            measured[at] = Measurement(at, cells)
            name = at
        signals[word] = name
    truth = named(description.truth, measured) if description.truth else next(iter(signals.values()))
    return _Signals(signals, fidelities, truth)


def _require(measured: Mapping[str, Measurement], signals: _Signals, prices: Measurement | None, rows: Rows) -> None:
    """Refuse a table in which a signal, the truth or the cost of an architecture is missing."""
    needed = [measured[name] for name in {**dict.fromkeys(signals.signals.values()), signals.truth: None}]
    for one in [*needed, *([] if prices is None else [prices])]:
        empty = [row for row, value in enumerate(one.full) if value is None]
        if empty:
            raise TaskError(
                f"{one.name} is missing in {len(empty):,} of {len(rows):,} {rows.called}, first in "
                f"{'the one of ' if isinstance(rows, Gathered) else ''}{rows.spot(empty[0])}",
                hint=f'missing = "drop" leaves those {rows.called} out; they then count as not in the table'
                + _perhaps_epochs(rows),
            )


def _space(
    description: Description, fields: Sequence[Field], rows: Rows, last: int
) -> tuple[type, list[str], dict[str, Architecture]]:
    """Return the space class, the text of each row's architecture, and the architectures by text."""
    known: dict[str, Architecture] = {}
    namespace = {"canonical": staticmethod(canonical_by(known, last))} if last else {}
    title = "".join(part.title() for part in words_of(description.name)) or "Table"
    made = make_space(
        title if title.isidentifier() else f"Table{title}",
        {one.name: one.declare() for one in fields},
        namespace,
        description.about or f"The decisions of {description.name}.",
    )
    space = SearchSpace.of(made)
    texts: list[str] = []
    for row in range(len(rows)):
        out: dict[str, Any] = {}
        for one in fields:
            one.write(row, "", out)
        architecture = Architecture(space.digest, out)
        texts.append(architecture.text)
        known.setdefault(architecture.text, architecture)
    for architecture in list(known.values())[:3]:
        assert not SearchSpace.of(made).violations(architecture), architecture
    return made, texts, known


def _grouped(
    description: Description, texts: Sequence[str], known: Mapping[str, Architecture], rows: Rows
) -> dict[str, tuple[int, ...]]:
    """Return the rows of each architecture; several are replicates, if the description says so.

    Raises:
        TaskError: it does not, and there are duplicates.
    """
    places: dict[str, list[int]] = {}
    for row, text in enumerate(texts):
        places.setdefault(text, []).append(row)
    if isinstance(description.replicates, str):
        seeds = rows.column(description.replicates)
        for found in places.values():
            found.sort(key=lambda row: (str(type(seeds[row])), seeds[row]))
            same = next((pair for pair in pairwise(found) if seeds[pair[0]] == seeds[pair[1]]), None)
            if same is not None:
                raise TaskError(
                    f"{rows.spot(*same)} are one architecture with one {description.replicates}",
                    hint="remove the repeated rows, or name more columns as decisions",
                )
    elif not description.replicates:
        twice = next((found for found in places.values() if len(found) > 1), None)
        if twice is not None:
            count = sum(len(found) > 1 for found in places.values())
            raise TaskError(
                f"{rows.label} holds {count:,} architecture{'s' if count > 1 else ''} more than once; "
                f"{rows.spot(*twice[:2])} are both {texts[twice[0]][:200]}",
                hint="the two rows are equal in every column: remove one"
                if _are_equal(rows, *twice[:2])
                else 'replicates = "seed_column", or replicates = true where rows are repeated trainings; '
                f"where = {{ … }} keeps one kind of row{_perhaps_epochs(rows)}",
            )
    return {text: tuple(found) for text, found in places.items()}


def _are_equal(rows: Rows, one: int, other: int) -> bool:
    try:
        return all((cells := rows.column(name))[one] == cells[other] for name in rows.names)
    except TaskError:  # a column that no table can hold, and nobody asked for
        return False


def _perhaps_epochs(rows: Rows) -> str:
    """Return what to add to a hint where a column says the epoch, and the description does not name it."""
    found = [name for name in rows.names if name.lower() in ("epoch", "epochs")]
    if isinstance(rows, Gathered) or not found:
        return ""
    return f'; epochs = "{found[0]}" where rows are epochs of one training'


def _averaged(signals: _Signals, measured: dict[str, Measurement], places: Mapping[str, tuple[int, ...]]) -> _Signals:
    """Report the mean over replicates: one seed's luck is no truth."""
    if all(len(rows) == 1 for rows in places.values()):
        return signals
    full = measured[signals.truth].full
    means = list(full)
    for rows in places.values():
        values = [value for row in rows if (value := full[row]) is not None]
        for row in rows:
            means[row] = sum(values) / len(values)
    name = f"{signals.truth}_mean"
    measured[name] = Measurement(name, means)
    return replace(signals, truth=name)


def _full_epochs(description: Description, measured: Mapping[str, Measurement], rows: Rows) -> int | None:
    recorded = {epochs for one in measured.values() for epochs in one.recorded()}
    longest = rows.longest if isinstance(rows, Gathered) else None
    return description.epochs or longest or max(recorded, default=None)


def _directions(
    description: Description, measured: Mapping[str, Measurement], signals: _Signals
) -> dict[str, Direction]:
    found: dict[str, Direction] = {}
    for name, text in description.directions.items():
        if name not in measured and measurement_name(name) not in measured:
            raise ConfigError(f"directions: no measurement {name!r}", hint=did_you_mean(name, measured))
        if text not in ("maximize", "minimize"):
            raise ConfigError(f"directions.{name} is maximize or minimize, got {text!r}")
        for known in measured:
            if known == named(name, measured) or known.startswith((f"{name}_at_", f"{name}_mean")):
                found[known] = "maximize" if text == "maximize" else "minimize"
    for name in (*signals.signals.values(), signals.truth):
        if name not in found:
            found[name] = direction_of(name)
    return found
