"""`list`: what names there are."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Annotated

import typer

from searchitect.cli import text
from searchitect.cli.exits import boundary
from searchitect.cli.options import Debug, Store

__all__ = ["list_names"]


class Listed(StrEnum):
    """What can be listed."""

    SPACES = "spaces"
    STRATEGIES = "strategies"
    TASKS = "tasks"
    STUDIES = "studies"
    BENCHMARKS = "benchmarks"
    DEVICES = "devices"


def list_names(
    what: Annotated[
        Listed, typer.Argument(metavar="spaces|strategies|tasks|benchmarks|devices|studies", show_default=False)
    ],
    store: Store = None,
    debug: Debug = False,
) -> None:
    """List spaces, strategies, tasks, benchmarks, devices or studies."""
    with boundary(debug):
        typer.echo("\n".join(_studies(store) if what is Listed.STUDIES else _LISTS[what]()))


def _studies(store: str | None) -> list[str]:
    from searchitect import api

    rows = [(study.name, study.created, f"{study.events:,}") for study in api.opened(store).studies()]
    if not rows:
        return ["no studies yet; start one: searchitect run digits --budget 90s"]
    return text.table(("study", "created", "events"), rows)


def _spaces() -> list[str]:
    from searchitect import catalog

    return _described(catalog.FAMILIES)


def _strategies() -> list[str]:
    from searchitect.strategies import STRATEGIES

    return _described(STRATEGIES)


def _tasks() -> list[str]:
    from searchitect.tasks import TASKS

    paths = "or the path of your own data: a folder of images, IDX files, .npz, .csv, .tsv, .parquet"
    return [*_described(TASKS), paths]


def _benchmarks() -> list[str]:
    from searchitect.tabular import benchmarks

    listed = benchmarks()
    rows = [(one.name, "here" if one.available else "absent", one.about) for one in listed]
    if all(one.available for one in listed):
        return text.table(("name", "table", ""), rows)
    where = "absent tables are looked for below $SEARCHITECT_DATA and in the cache folder; docs/tables.md says how"
    return [*text.table(("name", "table", ""), rows), where]


def _devices() -> list[str]:
    from searchitect.hardware.devices import device, device_names

    rows = []
    for found in map(device, device_names()):
        sizes = (_size(size) for size in (found.memory_bytes, found.flash_bytes))
        speed = f"{found.flops_per_second / 1e9:g} GFLOP/s"
        rows.append((found.name, *sizes, found.arithmetic, speed, f"{found.power_watts:g} W", found.about))
    path = "or the path of a profile (.toml) or of a calibration (.json); docs/devices.md says what stands in them"
    return [*text.table(("name", "memory", "flash", "values", "speed", "power", ""), rows), path]


def _size(count: int | None) -> str:
    if count is None:
        return "–"
    unit, size = next((pair for pair in (("GB", 1e9), ("MB", 1e6)) if count >= pair[1]), ("kB", 1e3))
    return f"{count / size:g} {unit}"


def _described(registry: Mapping[str, str]) -> list[str]:
    """Every name of a registry with the first sentence of what it stands for."""
    rows = [(name, _first_sentence(path)) for name, path in registry.items()]
    return text.table(("name", ""), rows)


def _first_sentence(path: str) -> str:
    module, attribute = path.split(":")
    described = getattr(importlib.import_module(module), attribute).__doc__ or ""
    return " ".join(described.split("\n\n")[0].split())


_LISTS: dict[Listed, Callable[[], list[str]]] = {
    Listed.SPACES: _spaces,
    Listed.STRATEGIES: _strategies,
    Listed.TASKS: _tasks,
    Listed.BENCHMARKS: _benchmarks,
    Listed.DEVICES: _devices,
}
