"""The names of the files of a run folder; writing one whole or not at all; reading one with bounds."""

from __future__ import annotations

import contextlib
import json
import math
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from searchitect.errors import ExportError

__all__ = [
    "ALL_FILES",
    "ARCHITECTURE",
    "ENVIRONMENT",
    "LOADER",
    "MEASUREMENTS",
    "ONNX",
    "REPORT",
    "WEIGHTS",
    "read_bytes",
    "read_json",
    "write_atomically",
    "write_json",
]

ARCHITECTURE = "architecture.json"
LOADER = "load_model.py"
WEIGHTS = "model.safetensors"
ONNX = "model.onnx"
MEASUREMENTS = "measurements.json"
ENVIRONMENT = "environment.json"
REPORT = "report.html"

ALL_FILES = (ARCHITECTURE, LOADER, WEIGHTS, ONNX, MEASUREMENTS, ENVIRONMENT, REPORT)
"""Every file of a run folder, in the order in which a person reads them; `report` writes the last."""

MAX_JSON_BYTES = 64 << 20


def write_atomically(path: Path, data: bytes) -> Path:
    """Write `data` to `path`: afterwards the file holds all of it, or what it held before.

    Raises:
        ExportError: the disk is full, the folder cannot be written, or it cannot be made.
    """
    # Its own name for each writer, and in the same folder: a rename within a folder is one step.
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise ExportError(
            f"cannot write {path.name}: {error.strerror or error}",
            hint="free some space or choose another folder; what was there before is untouched",
        ) from error
    return path


def write_json(path: Path, document: Mapping[str, Any]) -> Path:
    """Write a document as indented JSON; numbers that JSON does not know (NaN, infinities) become null."""
    text = json.dumps(_finite(document), indent=2, ensure_ascii=False, allow_nan=False)
    return write_atomically(path, (text + "\n").encode())


def read_bytes(path: Path, limit: int | None = None) -> bytes:
    """Return what a file holds.

    Raises:
        ExportError: it is missing, cannot be read, or is longer than `limit`.
    """
    try:
        if limit is not None and path.stat().st_size > limit:
            raise ExportError(f"{path.name} is larger than {limit} bytes and was not read")
        return path.read_bytes()
    except FileNotFoundError:
        raise ExportError(
            f"there is no {path.name} in the folder '{path.parent.name}'",
            hint="give the folder that `searchitect run --out` or `export` wrote",
        ) from None
    except OSError as error:
        raise ExportError(f"cannot read {path.name}: {error.strerror or error}") from error


def read_json(path: Path) -> dict[str, Any]:
    """Return the JSON object that a file holds.

    Raises:
        ExportError: as `read_bytes`, or it is not a JSON object.
    """
    data = read_bytes(path, MAX_JSON_BYTES)
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ExportError(
            f"{path.name} is not valid JSON, it may be truncated: {error}", hint="export the model again"
        ) from error
    if not isinstance(document, dict):
        raise ExportError(f"{path.name} must hold a JSON object, got {type(document).__name__}")
    return document


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _finite(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if isinstance(value, float):  # numpy's float64 is one too
        return float(value) if math.isfinite(value) else None
    return value.item() if hasattr(value, "item") else value
