"""A trained supernet in its folder: `trained.json` beside the weights, `ranks.json` once ranks were measured."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from searchitect.config import load_space
from searchitect.errors import ConfigError, SearchitectError, StorageError
from searchitect.spaces import Architecture, SearchSpace, TaskSpec
from searchitect.spaces.fixing import fix
from searchitect.tasks import Task, task as open_task

if TYPE_CHECKING:
    from searchitect.supernet.open_build import Supernet
    from searchitect.supernet.ranks import RankReport

__all__ = [
    "base_space",
    "read_architecture",
    "read_best",
    "read_facts",
    "read_gradients",
    "read_ranks",
    "reopened",
    "write_best",
    "write_facts",
    "write_gradients",
    "write_ranks",
]

FACTS, RANKS, GRADIENTS, BEST = "trained.json", "ranks.json", "gradients.json", "best.json"
FORMAT = 1
MAX_FILE = 16 << 20
"""Longest file that is read, in bytes."""


def base_space(space: Any, spec: TaskSpec) -> type:
    """The class that `space` names; the catalogue's choice for the data where it is None."""
    if isinstance(space, str):
        return load_space(space)
    if space is None:
        from searchitect import catalog

        return catalog.default_for(spec)
    return SearchSpace.of(space).source


def write_facts(folder: Path, facts: Mapping[str, Any]) -> None:
    """Write how a supernet was trained."""
    _write(folder / FACTS, {"format": FORMAT, **facts})


def read_facts(folder: Path) -> dict[str, Any]:
    """Read how a supernet was trained.

    Raises:
        StorageError: no training has ended here, or the file is damaged.
    """
    return _read(folder / FACTS)


def write_ranks(folder: Path, ranks: RankReport, seconds: float, digest: str) -> None:
    """Write a rank report, what it took, and the digest of the weights it is about."""
    _write(folder / RANKS, {"format": FORMAT, "weights": digest, "seconds": seconds, **ranks.to_json()})


def read_ranks(folder: Path, digest: str) -> tuple[RankReport, float] | None:
    """Read the rank report of these weights and its seconds; None where there is none."""
    if not (folder / RANKS).is_file():
        return None
    from searchitect.supernet.ranks import RankReport

    document = _read(folder / RANKS)
    try:
        if document["weights"] != digest:  # they were trained on since
            return None
        return RankReport.from_json(document), float(document["seconds"])
    except (KeyError, TypeError, ValueError) as error:
        raise StorageError(
            f"{RANKS} in '{folder.name}' is damaged: {error}", hint="delete it: it is made anew"
        ) from error


def write_gradients(folder: Path, document: Mapping[str, Any]) -> None:
    """Write what a gradient search found, and its best architecture."""
    _write(folder / GRADIENTS, {"format": FORMAT, **document})
    _write(folder / BEST, {"format": FORMAT, **document["best"]})


def read_gradients(folder: Path, data: Any, space: Any) -> tuple[dict[str, Any], type, Task]:
    """Read a gradient search: its document, the space that it searched, and its task.

    Raises:
        StorageError: none has ended here, or the file is damaged.
        ConfigError: data or space are needed, or others.
    """
    document = _read(folder / GRADIENTS)
    try:
        facts = document["facts"]
        own = fix(_space_again(facts, space), {name: _value(value) for name, value in facts["fixed"].items()})
        return document, own, _task_again(facts, data)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise StorageError(
            f"{GRADIENTS} in '{folder.name}' is damaged: {type(error).__name__}: {error}", hint="search again"
        ) from error


def read_progress(folder: Path) -> tuple[dict[str, Any], dict[str, list[Any]]]:
    """Read the best run of a gradient search and the options of its decisions; needs neither data nor space.

    Raises:
        StorageError: none has ended here, or the file is damaged.
    """
    if not (folder / GRADIENTS).is_file():
        raise StorageError(
            f"no gradient search has ended in '{folder}': there is no {GRADIENTS}",
            hint="searchitect supernet search FOLDER leaves one there",
        )
    document = _read(folder / GRADIENTS)
    runs, options = document.get("runs"), document.get("options")
    if not (isinstance(runs, list) and runs and isinstance(runs[0], dict) and isinstance(options, dict)):
        raise StorageError(f"{GRADIENTS} in '{folder.name}' is damaged: it has no runs", hint="search again")
    return runs[0], options


def write_best(folder: Path, best: Architecture) -> None:
    """Write the best architecture of the last search."""
    _write(folder / BEST, {"format": FORMAT, **best.to_json()})


def read_best(folder: Path) -> Architecture:
    """Read the best architecture of the last search.

    Raises:
        StorageError: nothing was searched here yet.
    """
    if not (folder / BEST).is_file():
        raise StorageError(
            f"no search by this supernet has ended yet: there is no {BEST} in '{folder}'",
            hint=f"searchitect supernet search {folder}, or name a file: --architecture FILE.json",
        )
    return Architecture.from_json(_read(folder / BEST))


def read_architecture(path: Path) -> Architecture:
    """Read an architecture from a file of its own, an exported `architecture.json`, or plain decisions.

    Raises:
        StorageError: the file cannot be read, or holds no decisions.
    """
    document = _json_of(path)
    inner = document.get("architecture", document)
    if isinstance(inner, dict) and "decisions" not in inner:
        inner = {"space": "", "decisions": {name: value for name, value in inner.items() if name != "format"}}
    try:
        return Architecture.from_json(inner)
    except SearchitectError as error:
        raise StorageError(f"{path.name} holds no architecture: {error.message}", hint=error.hint) from error


def reopened(folder: Path, data: Any, space: Any) -> tuple[Supernet, Task, dict[str, Any]]:
    """The supernet of a folder, its task, and how it was trained.

    Raises:
        StorageError: there is no trained supernet, or it is damaged.
        ConfigError: data or space are needed, or others.
    """
    from searchitect.supernet.checkpoints import open_supernet

    facts = read_facts(folder)
    try:
        own = fix(_space_again(facts, space), {name: _value(value) for name, value in facts["fixed"].items()})
        task = _task_again(facts, data)
        return open_supernet(folder, space=own), task, facts
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise StorageError(
            f"{FACTS} in '{folder.name}' is damaged: {type(error).__name__}: {error}", hint="train it again"
        ) from error


def _space_again(facts: Mapping[str, Any], given: Any) -> type:
    if given is None and facts["space"] is False:
        raise ConfigError("the supernet was built of a class of your own program", hint="pass it: space=MySpace")
    found = base_space(facts["space"] if given is None else given, TaskSpec.from_json(facts["task"]["spec"]))
    if SearchSpace.of(found).digest != facts["space_digest"]:
        raise ConfigError(
            f"the supernet was built of another space than this {SearchSpace.of(found).name}",
            hint="name the space as it was when the supernet was trained",
        )
    return found


def _task_again(facts: Mapping[str, Any], given: Any) -> Task:
    if given is None and facts["data"] is None:
        raise ConfigError("the supernet was trained on data in memory", hint="pass them again: data=…")
    task = open_task(facts["data"] if given is None else given, target=facts["target"], seed=facts["seed"])
    if json.loads(json.dumps(task.describe())) != facts["task"]:
        raise ConfigError(
            f"the data of task {task.name!r} are not those that the supernet was trained on",
            hint="train it on these, in another folder",
        )
    return task


def _value(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _write(path: Path, document: Mapping[str, Any]) -> None:
    from searchitect.deploy.files import write_json

    write_json(path, document)


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise StorageError(
            f"there is no trained supernet in '{path.parent}': no {path.name}",
            hint="train it to its end: searchitect supernet train TASK --out FOLDER",
        )
    document = _json_of(path)
    if document.get("format") != FORMAT:
        raise StorageError(f"{path.name} in '{path.parent.name}' is of another format than {FORMAT}")
    return document


def _json_of(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > MAX_FILE:
            raise StorageError(f"{path.name} is larger than {MAX_FILE:,} bytes")
        document = json.loads(path.read_bytes())
    except OSError as error:
        raise StorageError(f"the file '{path}' cannot be read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise StorageError(f"the file '{path}' is no JSON: {error}") from error
    if not isinstance(document, dict):
        raise StorageError(f"{path.name} holds no JSON object")
    return document
