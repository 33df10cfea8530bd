"""The front door on real data, small."""

import json

import numpy as np
import pytest
import torch
from torch import nn

import searchitect as sa
from searchitect.errors import (
    ConfigError,
    ConstraintError,
    EvaluationError,
    MissingExtraError,
    SpaceError,
    StorageError,
    TaskError,
)
from searchitect.trial import TrialState
from tests.api.conftest import with_onnx

TINY = {"trials": 3, "confirm_seeds": 1, "workers": 0, "recipe": sa.Recipe(epochs=1)}


@sa.space
class Small:
    width: int = sa.choice(4, 8, 12, 16)
    depth: int = sa.integer(1, 3)

    def build(self, task: sa.TaskSpec) -> nn.Module:
        layers: list[nn.Module] = [nn.Flatten()]
        for index in range(self.depth):
            layers += [nn.Linear(task.features if index == 0 else self.width, self.width), nn.ReLU()]
        return nn.Sequential(*layers, nn.Linear(self.width, task.outputs))


@sa.space
class LazyNet:
    width: int = sa.choice(4, 8)

    def build(self, task: sa.TaskSpec) -> nn.Module:
        return nn.Sequential(nn.LazyLinear(self.width), nn.LazyBatchNorm1d(), nn.ReLU(), nn.LazyLinear(task.outputs))


@sa.space
class Plain:
    width: int = sa.integer(1, 50)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    events = []
    with with_onnx():
        result = sa.search(
            "iris", Small, folder=folder / "model", store=folder / "studies.db", name="iris",
            on_event=events.append, **TINY,
        )  # fmt: skip
    return folder, result, events


def test_a_name_becomes_a_trained_model_that_scores_what_it_scored(finished):
    _, result, _ = finished
    task = sa.task("iris", seed=0)
    scores = result.best.loaded.scores(*task.test.read(np.arange(len(task.test))))
    assert np.mean(scores.argmax(1) == task.test.targets) == pytest.approx(result.test["accuracy"])


def test_every_file_is_written_and_named(finished):
    folder, result, _ = finished
    expected = {
        "architecture.json", "load_model.py", "model.safetensors", "model.onnx", "measurements.json",
        "environment.json", "report.html",
    }  # fmt: skip
    assert set(result.files) == expected
    assert all((folder / "model" / name).stat().st_size > 0 for name in expected)


def test_random_search_baselines_and_a_verdict_stand_beside_the_model(finished):
    _, result, _ = finished
    assert {"search", "random", "rbf_svm"} <= set(result.test_models)
    assert result.verdict.kind in ("search_helped", "no_difference", "random_better", "baseline_better")
    assert result.baselines["logistic_regression"]["accuracy"] > 0.7


def test_the_document_is_json_with_the_documented_keys(finished):
    _, result, _ = finished
    document = json.loads(json.dumps(result.document()))
    keys = {"study", "best", "test", "baselines", "trials", "verdict", "stopped_by", "files", "seconds"}
    assert keys <= set(document)


def test_the_same_name_again_shows_the_finished_study_and_runs_nothing(finished):
    folder, first, _ = finished
    events = []
    again = sa.search(
        "iris", Small, folder=folder / "model", store=folder / "studies.db", name="iris", on_event=events.append, **TINY
    )
    assert [event["kind"] for event in events] in ([], ["manifest"])
    assert again.document() == first.document()


def test_a_finished_study_does_not_take_another_budget(finished):
    folder, _, _ = finished
    with pytest.raises(ConfigError, match="the search of study 'iris' has ended"):
        sa.search("iris", Small, store=folder / "studies.db", name="iris", **(TINY | {"trials": 9}))


def test_a_name_that_exists_with_another_space_is_refused(finished):
    folder, _, _ = finished
    with pytest.raises(ConfigError, match="another space.name: 'Small', now 'MLP"):
        sa.search("iris", "mlp", store=folder / "studies.db", name="iris", **TINY)


def test_an_export_is_the_same_model_elsewhere(finished, tmp_path):
    _, result, _ = finished
    result.best.export(tmp_path / "copy")
    loaded = sa.load(tmp_path / "copy", space=Small)
    example = loaded.example()
    assert torch.equal(loaded.model(*example), result.best.model(*example))


def test_retraining_on_other_data_gives_a_working_model(finished):
    _, result, _ = finished
    features, labels = np.random.default_rng(0).normal(size=(120, 4)), np.arange(120) % 3
    loaded = result.best.retrain((features, labels), epochs=2)
    assert loaded.scores(features[:5].astype(np.float32)).shape == (5, 3)


def test_arrays_are_searched_as_they_are():
    rng = np.random.default_rng(0)
    labels = np.arange(150) % 2
    features = rng.normal(size=(150, 3)) + labels[:, None]
    result = sa.search((features, labels), store="memory:", **(TINY | {"trials": 2}))
    assert result.best.model is not None
    assert result.test["accuracy"] > 0.4


def test_a_condition_may_end_the_search_first():
    result = sa.search("iris", Small, store="memory:", until="accuracy>=0.1", **TINY)
    assert result.stopped_by == "until"


def test_limits_hold_for_every_trial_and_cost_nothing():
    result = sa.search("iris", Small, store="memory:", constraints=["parameters<=100"], **TINY)
    complete = [t for t in result.trials if t.is_complete]
    assert complete
    assert all(t.measurements["parameters"] <= 100 for t in complete)


def test_a_space_with_no_feasible_architecture_is_refused_and_says_by_how_much():
    with pytest.raises(ConstraintError, match=r"parameters<=1 is kept by none of \d+: the smallest is 35 \(\+3400"):
        sa.search("iris", Small, store="memory:", constraints=["parameters<=1"], **TINY)


def test_a_space_that_cannot_be_built_for_the_task_says_why():
    result = sa.search("iris", "plain_cnn", store="memory:", strategy="random", **TINY)
    assert result.best is None
    assert "plain_cnn reads images" in result.verdict.sentence


def test_one_bad_candidate_does_not_end_the_study():
    def evaluate(shape):
        if shape.depth == 2:
            raise RuntimeError("planted")
        return shape.width

    @sa.space
    class Shape:
        depth: int = sa.integer(1, 3)
        width: int = sa.choice(1, 2, 3)

    result = sa.search(space=Shape, evaluate=evaluate, strategy="grid", store="memory:", confirm_seeds=0)
    failed = [t for t in result.trials if t.state is TrialState.FAILED]
    assert {t.architecture["depth"] for t in failed} == {2}
    assert all("planted" in t.reason for t in failed)
    assert result.best.measurements == {"score": 3.0}


@pytest.mark.parametrize(
    ("objectives", "name"), [("accuracy", "accuracy"), (["minimize energy_joules"], "energy_joules"), (None, "score")]
)
def test_one_number_from_a_function_is_the_first_objective(objectives, name):
    result = sa.search(
        space=Plain, evaluate=lambda shape: shape.width / 2, objectives=objectives, trials=3, store="memory:"
    )
    assert result.counts["failed"] == 0
    assert set(result.best.measurements) == {name}
    assert result.best.measurements[name] == result.best.instance.width / 2


def test_a_function_that_always_fails_is_named_with_its_reason():
    def evaluate(shape):
        raise OSError("no such file: photos.npz")

    with pytest.raises(EvaluationError, match=r"the first trials all failed.*photos\.npz"):
        sa.search(space=Plain, evaluate=evaluate, trials=50, store="memory:")


@pytest.mark.parametrize("value", ["good", None, float("nan"), {"accuracy": "high"}, [1, 2]])
def test_nonsense_from_a_function_is_a_failed_trial(value):
    with pytest.raises(EvaluationError, match="the first trials all failed"):
        sa.search(space=Plain, evaluate=lambda shape: value, trials=12, store="memory:")


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"data": "digitz"}, TaskError, "digits"),
        ({"data": "iris", "space": "plain_cn"}, ConfigError, "plain_cnn"),
        ({"data": "iris", "strategy": "evolution"}, ConfigError, "regularized_evolution"),
        ({"data": "iris", "objectives": ["accuracyy"]}, ConfigError, "accuracy"),
        ({"data": "iris", "constraints": ["parameters<1"]}, ConstraintError, "NAME<=NUMBER"),
        ({"data": "iris", "constraints": ["parameterz<=1"]}, ConfigError, "parameters"),
        ({"data": "iris", "constraints": ["flops<=1", "flops>=2"]}, ConstraintError, "contradict"),
        ({"data": "iris", "budget": "soon"}, ConfigError, "90s"),
        ({"data": "iris", "trials": 0}, ConfigError, "at least 1"),
        ({"data": "iris", "constraints": "flops>=2,"}, ConstraintError, "'flops>=2,'"),
        ({"data": "iris", "recipe": "sgd"}, ConfigError, "sa.Recipe"),
        ({"data": "iris", "strategy": 3}, ConfigError, "list strategies"),
        ({"data": "iris", "store": 5}, ConfigError, "memory:"),
        ({"data": "iris", "until": 0.9}, ConfigError, "accuracy>=0.95"),
        ({"data": "iris", "trial_seconds": "x"}, ConfigError, "positive"),
        ({"data": "iris", "until": "great"}, ConstraintError, "NAME<=NUMBER"),
        ({"data": "iris", "until": "acc>=0.1"}, ConfigError, "measures 'acc'"),
        ({"data": "iris", "device": "cupboard"}, ConfigError, "cannot use the device 'cupboard'"),
        ({"data": "iris", "space": int}, SpaceError, "space"),
        ({}, ConfigError, "nothing to search on"),
        ({"evaluate": len}, ConfigError, "needs a search space"),
        ({"data": (np.zeros((0, 3)), np.zeros(0))}, TaskError, "empty|no examples|examples"),
        ({"data": (np.zeros((50, 3)), np.zeros(50, dtype=int))}, TaskError, "class"),
    ],
)
def test_what_cannot_be_used_is_refused_with_what_to_type(arguments, error, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=message):
        sa.search(**({"trials": 2, "workers": 0} | arguments))


def test_a_folder_that_cannot_be_written_is_refused_before_anything_is_spent(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ConfigError, match="cannot be written"):
        sa.search("iris", Small, store=tmp_path / "s.db", folder=tmp_path / "file" / "out", **TINY)


def test_weights_that_cannot_be_kept_stop_the_study_and_nothing_is_lost(monkeypatch, tmp_path):
    from searchitect.evaluators import training_evaluator

    kept = training_evaluator.save_weights

    def fail(path, model, architecture, total_epochs):
        raise StorageError("the weights could not be written: no space left")

    def search():
        return sa.search("iris", Small, store=tmp_path / "s.db", folder=tmp_path / "out", name="full", **TINY)

    monkeypatch.setattr(training_evaluator, "save_weights", fail)
    with pytest.raises(StorageError, match=r"no space left.*\n.*resume the study"):
        search()
    monkeypatch.setattr(training_evaluator, "save_weights", kept)
    result = search()
    assert result.counts["failed"] == 0
    assert result.best.model is not None


def test_a_file_whose_packages_are_missing_is_skipped_with_what_to_type(monkeypatch):
    def missing(*args, **kwargs):
        raise MissingExtraError("the report page", "report")

    monkeypatch.setattr("searchitect.report.write_report", missing)
    result = sa.search("iris", Small, store="memory:", **TINY)
    assert "report.html" not in result.files
    assert any("report.html" in said and "pip install" in said for said in result.warnings)


@pytest.mark.onnx
def test_lazy_layers_are_trained_confirmed_exported_loaded_and_retrained(tmp_path):
    limits = ["parameters<=10000"]
    result = sa.search("iris", LazyNet, store="memory:", folder=tmp_path, constraints=limits, **(TINY | {"trials": 2}))
    assert result.counts["failed"] == 0
    assert "model.onnx" in result.files
    task = sa.task("iris", seed=0)
    raw = task.test.read(np.arange(len(task.test)))
    scores = sa.load(tmp_path, space=LazyNet).scores(*raw)
    assert np.mean(scores.argmax(1) == task.test.targets) == pytest.approx(result.test["accuracy"])
    first, again = (result.best.retrain("iris", epochs=1).scores(*raw) for _ in range(2))
    np.testing.assert_array_equal(first, again)
