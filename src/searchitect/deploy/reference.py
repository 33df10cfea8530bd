"""Where a search space comes from, as data: a catalogue family, a list of layers, or a class of the user's own.

The first two are made again from their names and parameters alone. A user's class is never stored nor imported from
data: only its name is written, and the class is handed in by whoever loads the model.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from searchitect import catalog
from searchitect.errors import ExportError, SearchitectError
from searchitect.spaces import SearchSpace

__all__ = ["describe_space", "loader_script", "resolve_space"]

CLASS, CATALOG = "class", "catalog"


def describe_space(space: type) -> dict[str, Any]:
    """Return the reference that stands in `architecture.json`: `kind`, `name`, `digest` and what the kind needs."""
    search_space = SearchSpace.of(space)
    known = {"name": search_space.name, "digest": search_space.digest}
    words = catalog.reference(space)
    if words is not None:
        return {"kind": CATALOG, "words": words, **known}
    file = _source_file(search_space.source)
    return {"kind": CLASS, "module": _module(search_space.source, file), "file": file, **known}


def resolve_space(reference: Mapping[str, Any]) -> type:
    """Return the space that a reference names.

    Raises:
        ExportError: it is a user's class, which must be passed; or the catalogue does not know it any more.
    """
    if reference.get("kind") == CLASS:
        name, file = str(reference.get("name"))[:80], str(reference.get("file") or "a notebook or prompt")[:80]
        raise ExportError(
            f"this model is built by the class {name!r} of {file}, which is not stored with it",
            hint=f"import the class and pass it: sa.load(folder, space={name})",
        )
    words = reference.get("words")
    if reference.get("kind") != CATALOG or not isinstance(words, dict):
        raise ExportError("the search space of this model cannot be made again: its reference is damaged")
    try:
        return catalog.resolve(words)
    except (SearchitectError, KeyError, TypeError, ValueError) as error:
        raise ExportError(f"the search space of this model cannot be made again: {error}") from error


def loader_script(reference: Mapping[str, Any]) -> str:
    """Return `load_model.py`: five lines that load the model of the folder they lie in."""
    lines = ["from pathlib import Path", "import searchitect as sa"]
    argument = ""
    if reference["kind"] == CLASS:
        module, name, file = reference["module"], reference["name"], reference["file"]
        where = f"{file} must be importable" if file else "save the class under this name beside this file"
        lines.append(f"from {module} import {name}  # {where}")
        argument = f", space={name}"
    lines.append(f"loaded = sa.load(Path(__file__).parent{argument})")
    lines.append("model = loaded.model  # also: loaded.labels, loaded.predict(*raw), loaded.scores(*raw)")
    return "\n".join(lines) + "\n"


def _source_file(space: type) -> str | None:
    """Return the name, without its folder, of the file that defines a class; None in a notebook or prompt."""
    try:
        file = inspect.getsourcefile(space)
    except (TypeError, OSError):
        return None
    return Path(file).name if file and Path(file).is_file() and Path(file).stem != "__main__" else None


def _module(space: type, file: str | None) -> str:
    """Return what to write after `from`: the module of a package, else the name of the file."""
    module = space.__module__ if "." in space.__module__ else Path(file or "").stem
    if module == "__main__" or not all(part.isidentifier() for part in module.split(".")):
        return "my_space"
    return module
