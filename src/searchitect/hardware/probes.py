"""Probes: networks to be measured on another board, and a note beside them of what each of them asks of a machine."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from searchitect.errors import ConfigError
from searchitect.hardware.latency_file import MeasuredModel
from searchitect.hardware.operations import KINDS, Operation, Work

__all__ = ["PROBES", "Probe", "matched", "read_probes", "write_note"]

PROBES = "probes.json"
MOST_BYTES = 50_000_000
MOST_OPERATIONS = 100_000


@dataclass(frozen=True, slots=True)
class Probe:
    """A model's file, the hash of its bytes, and its work."""

    file: str
    sha256: str
    work: Work


def write_note(folder: Path, probes: Sequence[Probe], facts: Mapping[str, Any]) -> Path:
    """Write `probes.json`: the probes, and facts for a reader (space, task, seed)."""
    models = [
        {
            "file": probe.file,
            "sha256": probe.sha256,
            "architecture": probe.work.architecture,
            "operations": [[o.kind, o.flops, o.bytes] for o in probe.work.operations],
        }
        for probe in probes
    ]
    path = folder / PROBES
    path.write_text(json.dumps({"version": 1, **facts, "models": models}), "utf-8")
    return path


def read_probes(folder: str | Path) -> tuple[Probe, ...]:
    """Return the probes of a folder.

    Raises:
        ConfigError: the note is missing, too large, or holds something else.
    """
    path = Path(folder) / PROBES
    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise ConfigError(f"{path} has {size:,} bytes; notes of probes have at most {MOST_BYTES:,}")
        document = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read: {error.strerror}",
            hint="name the folder that `searchitect measure --models-for` wrote",
        ) from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path} is no JSON file: {str(error)[:200]}") from error
    models = document.get("models") if isinstance(document, dict) else None
    if not isinstance(models, list) or not models:
        raise ConfigError(f"{path} lists no models")
    return tuple(_probe(model, f"{path}, model {number}") for number, model in enumerate(models, 1))


def _probe(model: object, where: str) -> Probe:
    operations = model.get("operations") if isinstance(model, dict) else None
    if not isinstance(model, dict) or not isinstance(operations, list) or len(operations) > MOST_OPERATIONS:
        raise ConfigError(f"{where}: expected a table with a list of operations")
    architecture = model.get("architecture")
    work = Work(tuple(_operation(o, where) for o in operations), None if architecture is None else str(architecture))
    return Probe(str(model.get("file", "")), str(model.get("sha256", "")), work)


def _operation(given: object, where: str) -> Operation:
    if isinstance(given, list) and len(given) == 3:
        kind, *numbers = given
        sound = all(isinstance(n, (int, float)) and math.isfinite(n) and n >= 0 for n in numbers)
        if kind in KINDS and sound:
            return Operation(kind, float(numbers[0]), float(numbers[1]))
    raise ConfigError(f"{where}: an operation is [kind, flops, bytes], got {str(given)[:80]!r}")


def matched(
    rows: Sequence[MeasuredModel], probes: Sequence[Probe], where: str
) -> tuple[list[tuple[MeasuredModel, Work]], list[str]]:
    """Return each measured row with the work of its model, and the names of models that are no probes.

    A row belongs to the probe of the same bytes; where the table holds no hashes, to that of the same file name.

    Raises:
        ConfigError: the table is of other models, of several devices, or of a probe that was changed since.
    """
    devices = sorted({row.device for row in rows})
    if len(devices) > 1:
        raise ConfigError(
            f"{where} was measured on {len(devices)} devices: {', '.join(devices)[:200]}",
            hint="calibrate one device at a time: one table for each",
        )
    by_hash = {probe.sha256: probe for probe in probes}
    by_name = {Path(probe.file).name: probe for probe in probes}
    found, others = [], []
    for row in rows:
        name = Path(row.model.replace("\\", "/")).name
        probe = by_hash.get(row.sha256) if row.sha256 else by_name.get(name)
        if probe is not None:
            found.append((row, probe.work))
        else:
            others.append(row.model)
    if not found:
        changed = next((name for name in others if Path(name).name in by_name), None)
        why = f"{changed} is another file by now" if changed else f"its first is {others[0]!r}"
        raise ConfigError(
            f"{where} is of other models: none of its {len(rows)} is among the {len(probes)} networks there ({why})",
            hint="measure the .onnx files of the folder that `searchitect measure --models-for` wrote",
        )
    return found, others
