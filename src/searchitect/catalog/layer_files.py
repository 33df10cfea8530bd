"""Declarations of layers in files: JSON or TOML, bounded, nothing in them is run."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

from searchitect.catalog.layer_spaces import layers
from searchitect.errors import SpaceError

__all__ = ["MAX_BYTES", "read_layers"]

MAX_BYTES = 1_000_000
"""A longer file is no declaration of layers."""


def read_layers(path: str | Path) -> type[Any]:
    """Return the search space that a file declares, in the form that `layers` takes; a JSON file may be a bare list.

    Raises:
        SpaceError: the file cannot be read, is too long, or declares something unknown; the message has its
        name.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise SpaceError(f"{path.name}: a declaration of layers has at most {MAX_BYTES} bytes")
        document = _parsed(path.suffix.lower(), content.decode("utf-8"))
    except OSError as error:
        raise SpaceError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:  # both parsers and the decoder raise kinds of ValueError
        raise SpaceError(f"{path.name} cannot be understood: {error}") from error
    if not isinstance(document, dict | list):
        raise SpaceError(f"{path.name}: expected a list of layers or a table with 'layers', got {str(document)[:60]!r}")
    if isinstance(document, dict) and "layers" not in document:
        raise SpaceError(f"{path.name} has no 'layers'", hint="docs/layers.md shows the form")
    try:
        return layers(document)
    except SpaceError as error:
        raise SpaceError(f"{path.name}: {error.message}", hint=error.hint) from error


def _parsed(suffix: str, text: str) -> object:
    if suffix == ".toml":
        return tomllib.loads(text)
    if suffix == ".json":
        document: object = json.loads(text, parse_constant=_refuse_constant)
        return document
    raise SpaceError(f"layers are declared in .json or .toml files, got '{suffix}'")


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is no number of JSON")
