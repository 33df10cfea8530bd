from __future__ import annotations

import json
import pickle
import runpy
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

import searchitect as sa
from searchitect import catalog, deploy
from searchitect.errors import ExportError
from searchitect.spaces import SearchSpace, TaskSpec
from tests.deploy import families
from tests.deploy.conftest import Exported
from tests.deploy.families import ConvNet, Perceptron


def copied(exported: Exported, target: Path) -> Path:
    shutil.copytree(exported.folder, target)
    return target


def test_the_loaded_model_answers_bit_for_bit_like_the_scored_one(exported: Exported) -> None:
    loaded = deploy.load(exported.folder, space=exported.case.space)
    for examples in (1, 30):
        raw = [torch.tensor(array[:examples]) for array in exported.case.sample]
        with torch.inference_mode():
            assert torch.equal(loaded.model(*raw), exported.case.model(*raw))
    assert not any(module.training for module in loaded.model.modules())
    assert loaded.architecture == exported.case.architecture
    assert loaded.labels == exported.case.task.labels
    assert loaded.description == json.loads(json.dumps(exported.case.task.describe()))


def test_loading_is_the_front_doors_load(table: Exported) -> None:
    loaded = sa.load(str(table.folder), space=Perceptron)
    assert set(loaded.predict(*table.case.sample)) <= {"no", "yes"}


def test_loading_leaves_the_callers_random_numbers_alone(table: Exported) -> None:
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    deploy.load(table.folder, space=Perceptron)
    assert torch.equal(torch.rand(3), expected)


def test_the_loader_script_loads_the_model(table: Exported) -> None:
    made = runpy.run_path(str(table.folder / deploy.LOADER))
    raw = [torch.tensor(array) for array in table.case.sample]
    with torch.inference_mode():
        assert torch.equal(made["model"](*raw), table.case.model(*raw))


@pytest.mark.parametrize("name", ["mlp", "layers"])
def test_a_catalogue_model_needs_no_class(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    space = catalog.get("mlp") if name == "mlp" else catalog.layers("fc", "fc", length=(1, 2))
    case = families.case(space, families.table_task())
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    deploy.write_files(tmp_path, **case.arguments())
    made = runpy.run_path(str(tmp_path / deploy.LOADER))
    np.testing.assert_array_equal(
        made["loaded"].scores(*case.sample),
        deploy.LoadedModel(case.model, case.architecture, (), case.task.describe()).scores(*case.sample),
    )


def test_a_users_class_must_be_passed(table: Exported) -> None:
    with pytest.raises(ExportError, match=r"class 'Perceptron'(.|\n)*space=Perceptron"):
        deploy.load(table.folder)


def test_another_space_is_refused_with_the_reasons(table: Exported) -> None:
    with pytest.raises(ExportError, match="found in the space 'Perceptron', and does not exist in 'ConvNet'"):
        deploy.load(table.folder, space=ConvNet)


def test_a_space_that_has_grown_since_still_loads(table: Exported) -> None:
    @sa.space
    class Wider:
        width: int = sa.integer(4, 640)

        def build(self, task: TaskSpec) -> torch.nn.Module:
            return Perceptron.build(self, task)  # type: ignore[arg-type]

    loaded = deploy.load(table.folder, space=Wider)
    assert loaded.architecture.space == SearchSpace.of(Wider).digest
    np.testing.assert_array_equal(
        loaded.scores(*table.case.sample), deploy.load(table.folder, space=Perceptron).scores(*table.case.sample)
    )


def test_a_build_that_has_changed_since_is_refused(table: Exported) -> None:
    @sa.space
    class Changed:
        width: int = sa.integer(4, 64)

        def build(self, task: TaskSpec) -> torch.nn.Module:
            return torch.nn.Linear(task.features, task.outputs)

    with pytest.raises(ExportError, match="has `build` changed since the export"):
        deploy.load(table.folder, space=Changed)


@pytest.mark.parametrize("name", [deploy.ARCHITECTURE, deploy.WEIGHTS])
def test_a_missing_file_is_named(table: Exported, tmp_path: Path, name: str) -> None:
    folder = copied(table, tmp_path / "copy")
    (folder / name).unlink()
    with pytest.raises(ExportError, match=f"there is no {name} in the folder 'copy'"):
        deploy.load(folder, space=Perceptron)


def test_a_folder_that_does_not_exist_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"no architecture\.json in the folder 'nowhere'"):
        deploy.load(tmp_path / "nowhere")


def test_weights_from_another_export_are_refused(table: Exported, tmp_path: Path) -> None:
    folder = copied(table, tmp_path / "copy")
    document = json.loads((folder / deploy.ARCHITECTURE).read_text())
    document["architecture"]["decisions"]["width"] += 1
    (folder / deploy.ARCHITECTURE).write_text(json.dumps(document))
    with pytest.raises(ExportError, match="weights of another architecture"):
        deploy.load(folder, space=Perceptron)


def test_damaged_preprocessing_is_one_error(table: Exported, tmp_path: Path) -> None:
    folder = copied(table, tmp_path / "copy")
    document = json.loads((folder / deploy.ARCHITECTURE).read_text())
    document["task"]["preprocessing"]["mean"] = ["x"]
    (folder / deploy.ARCHITECTURE).write_text(json.dumps(document))
    with pytest.raises(sa.SearchitectError, match="preprocessing"):
        deploy.load(folder, space=Perceptron)


def test_a_pickle_in_the_place_of_weights_is_not_run(table: Exported, tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, ...]:
            return (Path.touch, (tmp_path / "sprung",))

    folder = copied(table, tmp_path / "copy")
    (folder / deploy.WEIGHTS).write_bytes(pickle.dumps(Trap()))
    with pytest.raises(ExportError, match="cannot be read"):
        deploy.load(folder, space=Perceptron)
    assert not (tmp_path / "sprung").exists()
