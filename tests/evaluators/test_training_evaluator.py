from __future__ import annotations

import dataclasses
import itertools
import json
import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from searchitect import tasks
from searchitect.errors import ConfigError, EvaluationError, StorageError
from searchitect.evaluation import Context
from searchitect.evaluators import TrainingEvaluator
from searchitect.evaluators.building import build
from searchitect.evaluators.measurements import COUNTED
from searchitect.spaces import Architecture, Recipe, SearchSpace
from searchitect.tasks import ArraySplit, Task, with_preprocessing
from searchitect.testing.evaluators import EvaluatorContract
from searchitect.training import loop, predict
from searchitect.trial import Fidelity, Proposal
from tests.evaluators.spaces_of_models import SmallCnn, SmallMlp, Troubled

SHORT = Recipe(epochs=2, batch_size=32)
SPACE = SearchSpace.of(SmallCnn)


@pytest.fixture(scope="module")
def digits() -> Task:
    """A fifth of the training digits and a hundred for validation."""
    task = tasks.task("digits")
    parts = [
        ArraySplit(split.read(np.arange(n)), split.targets[:n])
        for split, n in ((task.train, 230), (task.validation, 100))
    ]
    return dataclasses.replace(task, train=parts[0], validation=parts[1])


@pytest.fixture(scope="module")
def iris() -> Task:
    return tasks.task("iris")


def _troubled(how: str) -> Architecture:
    space = SearchSpace.of(Troubled)
    return next(a for a in space.enumerate() if a["how"] == how)


class TestOnDigits(EvaluatorContract):
    @pytest.fixture(autouse=True)
    def _task(self, digits: Task) -> None:
        self.task = digits

    def make(self) -> TrainingEvaluator:
        return TrainingEvaluator(SmallCnn, self.task, SHORT)

    def architecture(self) -> Architecture:
        return SPACE.default()


class TestOnIrisWithAShareOfTheData(EvaluatorContract):
    fidelity = Fidelity(epochs=1, data_fraction=0.5)

    @pytest.fixture(autouse=True)
    def _task(self, iris: Task) -> None:
        self.task = iris

    def make(self) -> TrainingEvaluator:
        return TrainingEvaluator(SmallMlp, self.task, SHORT)

    def architecture(self) -> Architecture:
        return SearchSpace.of(SmallMlp).default()


def test_the_metrics_of_the_task_and_the_named_measurements_are_returned(digits: Task) -> None:
    measured = TrainingEvaluator(SmallCnn, digits, SHORT).evaluate(Proposal(SPACE.default()), Context(0))
    assert set(measured) == {*digits.metrics, *COUNTED, "epochs", "train_seconds"}
    assert measured["parameters"] == 4 * 9 + 4 + 8 + 16 * 10 + 10
    assert measured["flops"] == 2 * (64 * 4 * 9 + 16 * 10)
    assert measured["train_seconds"] > 0


def test_latency_and_further_metrics_are_measured_if_asked_for(digits: Task) -> None:
    evaluator = TrainingEvaluator(SmallCnn, digits, SHORT, measure=frozenset({"brier", "latency_ms"}))
    measured = evaluator.evaluate(Proposal(SPACE.default()), Context(0))
    assert 0 < measured["brier"] < 2
    assert 0 < measured["latency_ms"] < 1000


def test_what_a_device_has_room_for_is_counted_if_asked_for_and_known_before(digits: Task) -> None:
    names = frozenset({"peak_memory_int8_bytes", "flash_bytes", "flash_int8_bytes"})
    evaluator = TrainingEvaluator(SmallCnn, digits, SHORT, measure=names)
    measured = evaluator.evaluate(Proposal(SPACE.default()), Context(0))
    assert {name: measured[name] for name in names} == evaluator.check(SPACE.default(), names)
    assert measured["peak_memory_int8_bytes"] == 64 + 4 * 64  # the image and four channels; all else is folded
    assert measured["flash_int8_bytes"] == (36 + 4 * 4 + 4 * 4) + 4 * 4 + (160 + 4 * 10 + 4 * 10)
    assert measured["flash_bytes"] == 4 * (measured["parameters"] + 2 * 4) + 8  # with running statistics


def test_latency_of_the_onnx_file_and_energy_are_measured_if_asked_for(digits: Task) -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    evaluator = TrainingEvaluator(SmallCnn, digits, SHORT, measure=frozenset({"latency_onnx_ms", "energy_joules"}))
    measured = evaluator.evaluate(Proposal(SPACE.default()), Context(0))
    assert 0 < measured["latency_onnx_ms"] < 1000
    assert 0 < measured["energy_joules"] < 100
    assert 0.04 < measured["energy_error_joules"] / measured["energy_joules"] < 0.41


def test_an_unknown_measurement_is_answered_with_the_nearest(digits: Task) -> None:
    with pytest.raises(ConfigError, match="did you mean 'latency_ms'"):
        TrainingEvaluator(SmallCnn, digits, measure=frozenset({"latency"}))


def test_the_saved_model_is_the_model_that_was_scored(digits: Task, tmp_path: Path) -> None:
    measured = TrainingEvaluator(SmallCnn, digits, SHORT).evaluate(
        Proposal(SPACE.default()), Context(0, folder=tmp_path)
    )
    model = with_preprocessing(digits.preprocessing, build(SmallCnn, SPACE.default(), digits.spec))
    model.load_state_dict(load_file(tmp_path / "model.safetensors"))
    scores = predict(model, digits.validation)
    found = tasks.metrics.compute(digits.metrics, digits.spec.kind, scores, digits.validation.targets)
    assert found == {name: measured[name] for name in digits.metrics}
    assert [p.name for p in tmp_path.iterdir()] == ["model.safetensors"]


def test_training_decisions_fill_the_recipe(digits: Task) -> None:
    rates = []
    for rate in (1e-3, 1e-1):
        architecture = Architecture(SPACE.digest, {**SPACE.default().decisions, "learning_rate": rate})
        context = Context(0, send=lambda step, values: rates.append(values["learning_rate"]))
        recipe = SHORT.updated({"epochs": 1, "schedule": "constant"})
        TrainingEvaluator(SmallCnn, digits, recipe).evaluate(Proposal(architecture), context)
    assert rates == [1e-3, 1e-1]


def test_a_low_resolution_costs_fewer_operations(digits: Task) -> None:
    evaluator = TrainingEvaluator(SmallCnn, digits, SHORT)
    low = evaluator.evaluate(Proposal(SPACE.default(), Fidelity(epochs=1, resolution=0.5)), Context(0))
    assert low["flops"] == 2 * (16 * 4 * 9 + 16 * 10)
    assert math.isfinite(low["accuracy"])


def test_what_is_asked_is_known_without_training(digits: Task) -> None:
    evaluator = TrainingEvaluator(SmallCnn, digits)
    known = evaluator.check(SPACE.default(), frozenset({"parameters", "accuracy"}))
    assert known == {"parameters": 218}


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("raise", "ValueError: kernel 9 is larger than the image"),
        ("nothing", "expected a torch.nn.Module from build, got NoneType"),
        ("shape", "does not run on inputs of shape"),
        ("scores", r"expected scores of shape \(2, 10\) for 2 examples, got \(2, 99\)"),
    ],
)
def test_an_impossible_architecture_is_found_before_training(digits: Task, how: str, message: str) -> None:
    with pytest.raises(EvaluationError, match=message):
        TrainingEvaluator(Troubled, digits).check(_troubled(how), frozenset())


def test_a_build_that_needs_values_is_checked_with_values(digits: Task) -> None:
    evaluator = TrainingEvaluator(Troubled, digits)
    names = frozenset({"flops"})
    assert evaluator.check(_troubled("tolist"), names) == evaluator.check(_troubled("fine"), names)


def test_an_augmentation_that_does_not_suit_the_task_is_found_before_training(iris: Task) -> None:
    evaluator = TrainingEvaluator(SmallMlp, iris, Recipe(augmentation="flip"))
    with pytest.raises(EvaluationError, match="'flip' needs images"):
        evaluator.check(SearchSpace.of(SmallMlp).default(), frozenset())


def test_a_deadline_leaves_time_to_score_and_save(
    digits: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = itertools.count()
    monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=lambda: float(next(ticks))))
    evaluator = TrainingEvaluator(SmallCnn, digits, SHORT.updated({"epochs": 100_000}))
    measured = evaluator.evaluate(Proposal(SPACE.default()), Context(0, deadline=100.0, folder=tmp_path))
    assert 60 < measured["train_seconds"] < 95
    assert (tmp_path / "model.safetensors").exists()


def test_only_the_first_trial_is_profiled(digits: Task, tmp_path: Path) -> None:
    trace = tmp_path / "new folder" / "trace.json"
    evaluator = TrainingEvaluator(SmallCnn, digits, SHORT, profile=trace)
    evaluator.evaluate(Proposal(SPACE.default()), Context(0))
    written = trace.read_bytes()
    evaluator.evaluate(Proposal(SPACE.default()), Context(1))
    assert json.loads(written)["traceEvents"]
    assert trace.read_bytes() == written


def test_weights_that_cannot_be_written_are_an_error(digits: Task, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    evaluator = TrainingEvaluator(SmallCnn, digits, SHORT.updated({"epochs": 1}))
    with pytest.raises(StorageError, match=r"weights could not be written to model\.safetensors"):
        evaluator.evaluate(Proposal(SPACE.default()), Context(0, folder=tmp_path / "file"))


def test_checking_leaves_the_generators_of_the_caller_alone(digits: Task) -> None:
    before = torch.get_rng_state()
    TrainingEvaluator(Troubled, digits).check(_troubled("tolist"), frozenset({"flops"}))
    assert torch.equal(before, torch.get_rng_state())


def test_two_ranks_measure_what_one_program_does_and_rank_0_alone_reports_and_keeps(iris: Task, tmp_path: Path) -> None:
    told: dict[int, list[tuple[int, float]]] = {1: [], 2: []}
    measured = {}
    for ranks, reports in told.items():
        evaluator = TrainingEvaluator(SmallMlp, iris, SHORT, ranks=ranks)
        folder = tmp_path / str(ranks)
        folder.mkdir()
        context = Context(1, folder=folder, send=lambda step, m, kept=reports: kept.append((step, m["loss"])))
        measured[ranks] = evaluator.evaluate(Proposal(SearchSpace.of(SmallMlp).default()), context)
    assert {n: v for n, v in measured[2].items() if n != "train_seconds"} == pytest.approx(
        {n: v for n, v in measured[1].items() if n != "train_seconds"}, rel=1e-5
    )
    assert [step for step, _ in told[2]] == [1, 2]
    assert [loss for _, loss in told[2]] == pytest.approx([loss for _, loss in told[1]], rel=1e-5)
    alone, together = (load_file(tmp_path / str(ranks) / "model.safetensors") for ranks in (1, 2))
    for name, weights in alone.items():
        torch.testing.assert_close(together[name], weights, rtol=1e-5, atol=1e-6)
