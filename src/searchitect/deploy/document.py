"""`architecture.json`: everything but the weights that is needed to build the model again, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from searchitect.deploy.files import read_json, write_json
from searchitect.errors import ExportError, SearchitectError
from searchitect.spaces import Architecture, TaskSpec

__all__ = ["Document", "read_document", "write_document"]

FORMAT = "searchitect.architecture"
VERSION = 1
KINDS = ("classification", "regression")
MAX_SIZE = 1 << 30


@dataclass(frozen=True, slots=True)
class Document:
    """What `architecture.json` holds.

    Attributes:
        space: where the search space comes from; see `searchitect.deploy.reference`.
        architecture: the decisions.
        task: `Task.describe()`: shapes, labels, preprocessing.
        recipe: how the model was trained.
    """

    space: Mapping[str, Any]
    architecture: Architecture
    task: Mapping[str, Any]
    recipe: Mapping[str, Any]

    @property
    def spec(self) -> TaskSpec:
        """The shapes the model was built for."""
        return TaskSpec.from_json(self.task["spec"])

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the classes in the order of the scores; empty for a regression."""
        return tuple(self.task["labels"])


def write_document(path: Path, document: Document) -> Path:
    """Write `architecture.json`."""
    content = {
        "format": FORMAT,
        "version": VERSION,
        "space": document.space,
        "architecture": document.architecture.to_json(),
        "recipe": document.recipe,
        "task": document.task,
    }
    return write_json(path, content)


def read_document(path: Path) -> Document:
    """Read what `write_document` wrote; no code of the document is run.

    Raises:
        ExportError: the file is missing, unreadable, from a newer version, or of another form.
    """
    content = read_json(path)
    if content.get("format") != FORMAT:
        raise ExportError(f"{path.name} is not an architecture file: 'format' should be {FORMAT!r}")
    if content.get("version") != VERSION:
        raise ExportError(
            f"{path.name} has version {str(content.get('version'))[:20]}, this program reads version {VERSION}",
            hint="pip install --upgrade searchitect",
        )
    for name in ("space", "architecture", "recipe", "task"):
        if not isinstance(content.get(name), dict):
            raise ExportError(f"{path.name} must have an object {name!r}", hint="export the model again")
    try:
        architecture = Architecture.from_json(content["architecture"])
        document = Document(content["space"], architecture, content["task"], content["recipe"])
        _check_task(document)
    except (KeyError, TypeError, ValueError, OverflowError, SearchitectError) as error:
        raise ExportError(f"{path.name} is damaged: {error}", hint="export the model again") from error
    return document


def _check_task(document: Document) -> None:
    spec, task = document.spec, document.task
    if spec.kind not in KINDS:
        raise ValueError(f"'kind' must be one of {KINDS}, got {str(spec.kind)[:40]!r}")
    sizes = (*spec.inputs, spec.outputs)
    if not all(type(size) is int and size > 0 for size in sizes) or spec.features > MAX_SIZE:
        raise ValueError(f"shapes must be positive whole numbers, got {str(sizes)[:80]}")
    labels = task["labels"]
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise ValueError("'labels' must be a list of names")
    if spec.kind == "classification" and labels and len(labels) != spec.outputs:
        raise ValueError(f"{len(labels)} labels for {spec.outputs} classes")
    if not isinstance(task["preprocessing"], dict):
        raise ValueError("'preprocessing' must be an object")
