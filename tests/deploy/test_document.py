from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from searchitect.deploy.document import Document, read_document, write_document
from searchitect.errors import ExportError
from searchitect.spaces import Architecture, Recipe
from tests.deploy.families import image_task, regression_task


@pytest.fixture
def path(tmp_path: Path) -> Path:
    architecture = Architecture("digest", {"width": 8, "inputs": (0, 2), "skip": True})
    space = {"kind": "class", "name": "Net", "module": "net", "file": "net.py", "digest": "digest"}
    document = Document(space, architecture, image_task(8).describe(), Recipe().to_json())
    return write_document(tmp_path / "architecture.json", document)


def test_a_document_comes_back_as_it_was(path: Path) -> None:
    document = read_document(path)
    assert document.architecture == Architecture("digest", {"width": 8, "inputs": (0, 2), "skip": True})
    assert list(document.architecture) == ["width", "inputs", "skip"]
    assert document.spec == image_task(8).spec
    assert document.labels == ("ant", "bee", "čmelák")
    assert document.recipe == Recipe().to_json()


def test_a_regression_has_no_labels(tmp_path: Path) -> None:
    task = regression_task().describe()
    path = write_document(tmp_path / "a.json", Document({}, Architecture("d", {}), task, {}))
    assert read_document(path).labels == ()


def damage(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    def apply(path: Path) -> None:
        document = json.loads(path.read_text())
        change(document)
        path.write_text(json.dumps(document))

    return apply


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.update(format="other"), "not an architecture file"),
        (lambda d: d.update(version=2), "version 2, this program reads version 1(.|\n)*upgrade"),
        (lambda d: d.pop("task"), "must have an object 'task'"),
        (lambda d: d.update(architecture=[]), "must have an object 'architecture'"),
        (lambda d: d["architecture"].update(decisions={"a": {}}), "damaged: decision 'a'"),
        (lambda d: d["task"].pop("spec"), "damaged"),
        (lambda d: d["task"]["spec"].update(inputs=[1, -8, 8]), "positive whole numbers"),
        (lambda d: d["task"]["spec"].update(inputs=[1 << 20, 1 << 20]), "positive whole numbers"),
        (lambda d: d["task"]["spec"].update(inputs=8), "damaged"),
        (lambda d: d["task"]["spec"].update(kind="guessing"), "'kind' must be one of"),
        (lambda d: d["task"].update(labels=["a"]), "1 labels for 3 classes"),
        (lambda d: d["task"].update(labels=[1, 2, 3]), "list of names"),
        (lambda d: d["task"].update(preprocessing=None), "'preprocessing' must be an object"),
    ],
)
def test_a_damaged_document_is_one_sentence(
    path: Path, change: Callable[[dict[str, Any]], object], message: str
) -> None:
    damage(change)(path)
    with pytest.raises(ExportError, match=message):
        read_document(path)


def test_a_truncated_document_is_one_sentence(path: Path) -> None:
    path.write_text(path.read_text()[:-20])
    with pytest.raises(ExportError, match="may be truncated"):
        read_document(path)
