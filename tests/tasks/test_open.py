"""`task` as a whole: names, passing through, splits by seed, digests, names of tasks."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import searchitect as sa
from searchitect.errors import TaskError
from searchitect.tasks.open import TASKS, task


def test_a_task_passes_through() -> None:
    made = task("iris")
    assert task(made) is made
    assert sa.task(made) is made
    assert isinstance(made, sa.Task)


def test_the_seed_names_the_split_and_the_digest() -> None:
    first, again, other = task("iris"), task("iris", seed=0), task("iris", seed=1)
    assert first.digest == again.digest != other.digest
    assert np.array_equal(first.train.targets, again.train.targets)
    assert first.source["split_seed"] == 0


def test_fractions_are_respected_and_no_test_split_is_possible() -> None:
    made = task("iris", test_fraction=0, validation_fraction=0.5)
    assert made.test is None
    assert len(made.train) == len(made.validation) == 75
    assert made.describe()["sizes"]["test"] == 0


def test_preprocessing_is_learned_from_the_training_split_alone() -> None:
    made = task("wine")
    values = made.train.read(np.arange(len(made.train)))[0].astype(np.float64)
    assert made.preprocessing.to_json()["mean"] == pytest.approx(values.mean(axis=0))
    assert made.preprocessing.to_json()["std"] == pytest.approx(values.std(axis=0), rel=1e-5)


def test_regression_targets_carry_their_moments() -> None:
    made = task("diabetes")
    assert made.preprocessing.to_json()["output_mean"] == pytest.approx([made.train.targets.mean()], rel=1e-5)
    assert made.train.targets.dtype == np.float32
    assert made.spec.kind == "regression"


def test_the_description_is_json() -> None:
    document = json.loads(json.dumps(task("iris").describe()))
    assert document["labels"] == ["setosa", "versicolor", "virginica"]
    assert document["sizes"] == {"train": 96, "validation": 24, "test": 30}


def test_metrics_and_name_can_be_chosen() -> None:
    made = task("iris", metrics=["f1_macro", "accuracy", "f1_macro"], name="my/flowers 1")
    assert made.metrics == ("f1_macro", "accuracy")
    assert made.name == "my_flowers_1"


@pytest.mark.parametrize(
    ("source", "words"),
    [("digit", "did you mean 'digits'"), ("./nowhere.csv", "no file or folder"), ("zzz", "one of: breast_cancer")],
)
def test_unknown_names_get_the_nearest(source: str, words: str) -> None:
    with pytest.raises(TaskError, match=words):
        task(source)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"metrics": ["acuracy"]}, "did you mean 'accuracy'"),
        ({"metrics": [5]}, "must be names"),
        ({"test_fraction": 1.0}, "test_fraction"),
        ({"validation_fraction": 0}, "validation_fraction"),
        ({"kind": "clustering"}, "kind of a task"),
        ({"test": ("X", "y")}, "split by its seed"),
    ],
)
def test_wrong_arguments_are_refused(arguments: dict[str, object], words: str) -> None:
    with pytest.raises(TaskError, match=words):
        task("iris", **arguments)  # type: ignore[arg-type]


def test_the_kind_can_be_overridden() -> None:
    x, y = np.ones((30, 1)) * np.arange(30)[:, None], np.arange(30) % 3
    assert task((x, y)).spec.outputs == 3
    assert task((x, y), kind="regression").spec.outputs == 1


def test_the_function_and_not_the_module_is_what_the_package_exports() -> None:
    from searchitect import tasks

    assert callable(tasks.task)
    assert tasks.TASKS is TASKS


def test_making_a_table_task_loads_no_torch() -> None:
    code = "import sys; from searchitect import tasks; tasks.task('iris'); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("source", ["a" * 5000 + "/b", "a\0b", "~nobody_of_this_name/x"])
def test_paths_that_no_system_accepts_are_task_errors(source: str) -> None:
    with pytest.raises(TaskError):
        task(source)


def test_a_folder_without_permission_is_a_task_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(TaskError, match="Permission denied"):
        task(tmp_path)
