"""Writing the files of a run folder."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import nn

from searchitect.deploy.document import Document, write_document
from searchitect.deploy.environment import environment
from searchitect.deploy.files import (
    ALL_FILES,
    ARCHITECTURE,
    ENVIRONMENT,
    LOADER,
    MEASUREMENTS,
    ONNX,
    WEIGHTS,
    write_atomically,
    write_json,
)
from searchitect.deploy.onnx_file import Parity, graph_notes, make_onnx
from searchitect.deploy.reference import describe_space, loader_script
from searchitect.deploy.weights import save_weights
from searchitect.errors import ExportError, MissingExtraError
from searchitect.spaces import Architecture, Recipe, SearchSpace
from searchitect.tasks.task import RawInputs

__all__ = ["Written", "copy_files", "write_files"]

MOST_EXAMPLES = 64


@dataclass(frozen=True, slots=True)
class Written:
    """What was written.

    Attributes:
        files: names, in the order of `ALL_FILES`.
        parity: how well the ONNX file agrees with the model; None where it was skipped.
        skipped: per file that could not be made its name and why, or what to type.
    """

    files: tuple[str, ...]
    parity: Parity | None = None
    skipped: tuple[tuple[str, str], ...] = field(default=())


def write_files(
    folder: str | Path,
    *,
    space: type,
    architecture: Architecture,
    task_description: Mapping[str, Any],
    model: nn.Module,
    sample: RawInputs,
    measurements: Mapping[str, Any],
    recipe: Recipe | None = None,
    warnings: Sequence[str] = (),
) -> Written:
    """Write every file of a run folder but the report; each appears whole or not at all.

    Args:
        folder: made where it does not exist.
        space: the class that was searched, or a catalogue space.
        task_description: `Task.describe()`.
        model: the trained module that takes raw inputs. It is not changed; a copy is moved to the CPU.
        sample: real raw inputs on which the ONNX file is compared with the model; the first 64 are used.
        measurements: whatever is to stand in `measurements.json`, as plain data.
        recipe: what the architecture's training decisions were filled into; the recipe recorded is the filled one.
        warnings: sentences a reader of the measurements must know.

    The ONNX file is skipped, with the reason, where its packages are missing, where the model cannot be expressed
    in it, and where it does not agree with the model.

    Raises:
        ExportError: a file cannot be written: a full disk, no permission.
    """
    folder = Path(folder)
    model = copy.deepcopy(model).cpu().eval()
    sample = tuple(array[:MOST_EXAMPLES] for array in sample)
    used = SearchSpace.of(space).recipe(architecture, recipe or Recipe())
    document = Document(describe_space(space), architecture, task_description, used.to_json())
    write_document(folder / ARCHITECTURE, document)
    write_atomically(folder / LOADER, loader_script(document.space).encode())
    save_weights(folder / WEIGHTS, model, architecture)
    parity, skipped = _write_onnx(folder / ONNX, model, sample, document)
    record = {
        "version": 1,
        "measurements": dict(measurements),
        "parity": None if parity is None else parity.to_json(),
        "skipped": [{"file": name, "reason": reason} for name, reason in skipped],
        "warnings": list(warnings),
    }
    write_json(folder / MEASUREMENTS, record)
    write_json(folder / ENVIRONMENT, environment())
    missing = {name for name, _ in skipped}
    made = (ARCHITECTURE, LOADER, WEIGHTS, ONNX, MEASUREMENTS, ENVIRONMENT)
    return Written(tuple(name for name in made if name not in missing), parity, skipped)


def copy_files(source: str | Path, target: str | Path) -> tuple[str, ...]:
    """Copy the files of a run folder that exist into another folder and return their names.

    Raises:
        ExportError: there is no model in `source`, or `target` cannot be written.
    """
    source, target = Path(source), Path(target)
    if not (source / ARCHITECTURE).is_file():
        raise ExportError(
            f"there is no model in the folder '{source.name}'", hint="give the folder that `searchitect run` wrote"
        )
    names = tuple(name for name in ALL_FILES if (source / name).is_file())
    try:
        target.mkdir(parents=True, exist_ok=True)
        for name in names:
            if (source / name).resolve() != (target / name).resolve():
                part = target / f".{name}.part"
                shutil.copyfile(source / name, part)
                part.replace(target / name)
    except OSError as error:
        raise ExportError(
            f"cannot copy the model to the folder '{target.name}': {error.strerror or error}",
            hint="free some space or choose another folder",
        ) from error
    return names


def _write_onnx(
    path: Path, model: nn.Module, sample: RawInputs, document: Document
) -> tuple[Parity | None, tuple[tuple[str, str], ...]]:
    """Write the ONNX file, or return why it is skipped: the rest of the folder stands without it."""
    classification = document.spec.kind == "classification"
    notes = graph_notes(document.labels, sample, document.architecture.digest())
    try:
        data, parity = make_onnx(model, sample, classification=classification, notes=notes)
    except (MissingExtraError, ExportError) as error:
        path.unlink(missing_ok=True)  # a file of an earlier export would be of another model
        reason = error.hint if isinstance(error, MissingExtraError) and error.hint else error.message
        return None, ((path.name, reason),)
    write_atomically(path, data)
    return parity, ()
