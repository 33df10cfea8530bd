from __future__ import annotations

import copy
import errno
import json
import os
import sys
from pathlib import Path

import pytest
import torch

from searchitect import deploy
from searchitect.errors import ExportError
from searchitect.spaces import Recipe, SearchSpace
from tests.deploy import families
from tests.deploy.conftest import Exported
from tests.deploy.families import Case


@pytest.fixture
def case() -> Case:
    return families.case(families.Perceptron, families.table_task())


@pytest.fixture
def without_onnx(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)


def read(folder: Path, name: str) -> dict[str, object]:
    return json.loads((folder / name).read_text())


def test_every_file_is_written_and_named(exported: Exported) -> None:
    assert exported.written.files == deploy.ALL_FILES[:-1]
    assert exported.written.skipped == ()
    assert sorted(path.name for path in exported.folder.iterdir()) == sorted(exported.written.files)


def test_the_architecture_file_holds_what_the_loader_needs(images: Exported) -> None:
    document = read(images.folder, deploy.ARCHITECTURE)
    assert document["format"] == "searchitect.architecture"
    assert document["space"]["name"] == "ConvNet"
    assert document["architecture"] == images.case.architecture.to_json()
    assert document["recipe"]["learning_rate"] == images.case.architecture["learning_rate"]
    assert document["task"]["labels"] == ["ant", "bee", "čmelák"]


def test_the_recipe_recorded_is_the_one_given_filled_with_the_decisions(tmp_path: Path, without_onnx: None) -> None:
    case = families.case(families.ConvNet, families.image_task(8))
    deploy.write_files(tmp_path, **case.arguments(), recipe=Recipe(epochs=3, learning_rate=1.0))
    recipe = read(tmp_path, deploy.ARCHITECTURE)["recipe"]
    assert recipe["epochs"] == 3
    assert recipe["learning_rate"] == case.architecture["learning_rate"]


def test_measurements_and_warnings_are_recorded(tmp_path: Path, case: Case, without_onnx: None) -> None:
    deploy.write_files(tmp_path, **case.arguments(), warnings=["the test split has 12 examples"])
    record = read(tmp_path, deploy.MEASUREMENTS)
    assert record["measurements"] == {"accuracy": 0.9, "parameters": 123, "log_loss": None}
    assert record["warnings"] == ["the test split has 12 examples"]
    assert record["parity"] is None


def test_a_missing_extra_skips_that_one_file_with_the_command(tmp_path: Path, case: Case, without_onnx: None) -> None:
    (tmp_path / deploy.ONNX).write_bytes(b"of another model")
    written = deploy.write_files(tmp_path, **case.arguments())
    assert written.skipped == ((deploy.ONNX, 'pip install "searchitect[onnx]"'),)
    assert written.files == tuple(name for name in deploy.ALL_FILES[:-1] if name != deploy.ONNX)
    assert not (tmp_path / deploy.ONNX).exists()
    assert read(tmp_path, deploy.MEASUREMENTS)["skipped"][0]["file"] == deploy.ONNX


def test_a_model_that_no_graph_can_hold_skips_that_one_file_with_the_reason(tmp_path: Path) -> None:
    case = families.case(families.Branching, families.image_task(4))
    written = deploy.write_files(tmp_path, **case.arguments())
    assert [name for name, _ in written.skipped] == [deploy.ONNX]
    assert "cannot be written as ONNX: Could not guard on data-dependent" in written.skipped[0][1]
    assert "\n" not in written.skipped[0][1]
    assert deploy.load(tmp_path, space=families.Branching).predict(*case.sample).shape == (40,)


def test_the_model_given_is_not_changed(tmp_path: Path, case: Case, without_onnx: None) -> None:
    case.model.train()
    before = copy.deepcopy(case.model.state_dict())
    deploy.write_files(tmp_path, **case.arguments())
    assert all(module.training for module in case.model.modules())
    assert all(torch.equal(before[name], tensor) for name, tensor in case.model.state_dict().items())


def test_a_full_disk_is_one_error_that_names_the_file(
    tmp_path: Path, case: Case, without_onnx: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ExportError, match=r"cannot write architecture\.json: No space left on device"):
        deploy.write_files(tmp_path, **case.arguments())
    assert list(tmp_path.iterdir()) == []


def test_a_folder_can_be_copied_and_loaded_elsewhere(table: Exported, tmp_path: Path) -> None:
    names = deploy.copy_files(table.folder, tmp_path / "a" / "b")
    assert names == table.written.files
    assert deploy.load(tmp_path / "a" / "b", space=families.Perceptron).labels == ("no", "yes")
    assert deploy.copy_files(tmp_path / "a" / "b", tmp_path / "a" / "b") == names
    assert all((tmp_path / "a" / "b" / name).stat().st_size > 0 for name in names)


def test_copying_from_a_folder_without_a_model_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="no model in the folder"):
        deploy.copy_files(tmp_path, tmp_path / "new")


def test_copying_to_where_no_folder_can_be_is_an_error(table: Exported, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(ExportError, match="cannot copy the model to the folder 'taken'"):
        deploy.copy_files(table.folder, tmp_path / "taken")


def test_no_path_of_this_machine_is_written(exported: Exported) -> None:
    for path in exported.folder.iterdir():
        assert str(Path.home()).encode() + b"/" not in path.read_bytes()
        assert str(Path.cwd()).encode() not in path.read_bytes()


def test_the_space_digest_is_that_of_the_searched_space(table: Exported) -> None:
    digest = SearchSpace.of(families.Perceptron).digest
    assert read(table.folder, deploy.ARCHITECTURE)["space"]["digest"] == digest
