"""Benchmarks by name: which there are, where their tables lie, and how one is opened."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from pathlib import Path

from searchitect.errors import ConfigError, TaskError, did_you_mean
from searchitect.storage.cache import cache_folder
from searchitect.tabular.benchmark import Benchmark
from searchitect.tabular.building import benchmark_of
from searchitect.tabular.description import Documents, read_description
from searchitect.tabular.one_shot_cells import ONE_SHOT, PARTS, one_shot_cells
from searchitect.tabular.planted import PLANTED, planted
from searchitect.tabular.table_benchmark import TableBenchmark

__all__ = ["Listed", "benchmarks", "open_benchmark"]

HERE = Path(__file__).parent
VARIABLE = "SEARCHITECT_DATA"
FAMILY = "planted"
ENDINGS = (".parquet", ".csv", ".csv.gz", ".tsv")


@dataclass(frozen=True)
class Listed:
    """One line of the list of benchmarks.

    Attributes:
        available: whether its table was found on this machine.
    """

    name: str
    about: str
    available: bool


def open_benchmark(name: str, data: Path | None = None) -> Benchmark:
    """Open a benchmark.

    Args:
        name: "nasbench201/cifar10", "planted/additive", …; `benchmarks()` lists them. Or the path of a description
            (`my_table.toml`, `my_table.toml/variant`).
        data: folder with tables, or the table itself; otherwise the environment variable SEARCHITECT_DATA, then the
            user's cache folder, are looked into.

    Raises:
        ConfigError: no benchmark has this name, or its description is wrong.
        TaskError: its table is not there, or is not what the description says.
    """
    if str(name).startswith(f"{FAMILY}/"):
        return planted(str(name).removeprefix(f"{FAMILY}/"))
    if str(name).partition("/")[0] == ONE_SHOT:
        return one_shot_cells(str(name).partition("/")[2], _table("nasbench101", data))
    return _table(str(name), data)


def _table(name: str, data: Path | None) -> TableBenchmark:
    documents, variant = _documents(name)
    description = documents.variant(variant)
    return benchmark_of(description, partial(_find, documents=documents, data=data))


def benchmarks(data: Path | None = None) -> list[Listed]:
    """List every benchmark that has a name, with whether its table is here."""
    found: list[Listed] = []
    for path in sorted((HERE / "descriptions").glob("*.toml")):
        documents = read_description(path, packaged=True)
        table = str(documents.document.get("table"))
        here = any(candidate.is_file() for candidate in _candidates(table, documents, data))
        about = str(documents.document.get("about", ""))
        found += [Listed(named, about, here) for named in documents.names()]
        if path.stem == "nasbench101":
            listed = [f"{ONE_SHOT}/{part}" for part in PARTS]
            found += [Listed(one, "NAS-Bench-1Shot1: cells of a space that this pool holds", here) for one in listed]
    for kind, (made, _, _) in PLANTED.items():
        found.append(Listed(f"{FAMILY}/{kind}", " ".join((made.__doc__ or "").split()), True))
    return found


def _documents(name: str) -> tuple[Documents, str | None]:
    """Return the description of that name or path, and the variant asked for."""
    head, dot, tail = name.partition(".toml")
    if dot:
        return read_description(Path(head + dot)), tail.strip("/:") or None
    stem, _, variant = name.partition("/")
    path = HERE / "descriptions" / f"{stem}.toml"
    if not stem.isidentifier() or not path.is_file():
        known = [listed.name for listed in benchmarks()]
        hint = did_you_mean(name, known if variant else {one.partition("/")[0] for one in known})
        if name.endswith((".csv", ".parquet", ".tsv")):
            hint = (
                f'write a description: table = "{Path(name).name}", decisions = ["…"], signal = "…"; see docs/tables.md'
            )
        raise ConfigError(f"no benchmark is called {name!r}", hint=hint)
    return read_description(path, packaged=True), variant or None


def _find(table: str, documents: Documents, data: Path | None) -> Path:
    """Return the file of a table.

    Raises:
        TaskError: it is nowhere; the message says where it was looked for.
    """
    looked = list(_candidates(table, documents, data))
    for candidate in looked:
        if candidate.is_file():
            return candidate
    places = ", ".join(
        dict.fromkeys(str(path) for path in looked if path.suffix != ".tsv" and ".csv" not in path.suffixes)
    )
    if not documents.packaged:
        _check_beside(table, documents.path.parent)
    raise TaskError(
        f"the table {table!r} of {documents.name} is not here; looked for {places}",
        hint=f"put it there, pass data=FOLDER (--data FOLDER), or set {VARIABLE} to the folder that holds it",
    )


def _check_beside(table: str, folder: Path) -> None:
    """Name the nearest table beside a description, where one is near."""
    beside = [path.name for path in folder.iterdir() if path.name.endswith(ENDINGS)][:200]
    near = get_close_matches(table, beside, 1)
    if near:
        raise TaskError(f"the table {table!r} is not beside its description", hint=f"did you mean {near[0]!r}?")


def _candidates(table: str, documents: Documents, data: Path | None) -> Iterator[Path]:
    if data is not None and Path(data).is_file() and table == documents.document.get("table"):
        yield Path(data)
        return
    if not documents.packaged:
        yield documents.path.parent / table
    for folder in _folders(data):
        for base in (folder / "benchmarks", folder):
            yield base / table / "table.parquet"
            yield from (base / f"{table}{ending}" for ending in ENDINGS)
    if documents.packaged:
        yield HERE / "data" / f"{table}.parquet"


def _folders(data: Path | None) -> list[Path]:
    if data is not None:
        return [Path(data).expanduser()]
    named = os.environ.get(VARIABLE)
    return [*([Path(named).expanduser()] if named else []), cache_folder()]
