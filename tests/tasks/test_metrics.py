"""Metrics against scikit-learn, against numbers worked out by hand in docs/metrics.md, and at their edges."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import sklearn.metrics as sk
from hypothesis import given, settings, strategies as st

from searchitect.errors import EvaluationError, TaskError
from searchitect.objectives import parse_objective
from searchitect.tasks.metrics import METRICS, check_names, compute, confusion, default_metrics

CLASSES = [name for name, metric in METRICS.items() if metric.kind == "classification"]
VALUES = [name for name, metric in METRICS.items() if metric.kind == "regression"]

# The worked example of docs/metrics.md: probabilities of six examples and three classes.
PROBABILITIES = np.array(
    [[0.7, 0.2, 0.1], [0.4, 0.5, 0.1], [0.1, 0.8, 0.1], [0.2, 0.6, 0.2], [0.1, 0.3, 0.6], [0.5, 0.2, 0.3]]
)
TARGETS = np.array([0, 0, 1, 1, 2, 2])
WORKED = {
    "accuracy": 4 / 6,
    "balanced_accuracy": (1 / 2 + 2 / 2 + 1 / 2) / 3,
    "precision_macro": (1 / 2 + 2 / 3 + 1 / 1) / 3,
    "precision_micro": 4 / 6,
    "precision_weighted": (2 * 1 / 2 + 2 * 2 / 3 + 2 * 1) / 6,
    "recall_macro": (1 / 2 + 1 + 1 / 2) / 3,
    "recall_micro": 4 / 6,
    "recall_weighted": (2 * 1 / 2 + 2 * 1 + 2 * 1 / 2) / 6,
    "f1_macro": (1 / 2 + 4 / 5 + 2 / 3) / 3,
    "f1_micro": 4 / 6,
    "f1_weighted": (2 * 1 / 2 + 2 * 4 / 5 + 2 * 2 / 3) / 6,
    "auroc": (7 / 8 + 8 / 8 + 8 / 8) / 3,
    "log_loss": -(np.log(0.7) + np.log(0.4) + np.log(0.8) + np.log(0.6) + np.log(0.6) + np.log(0.3)) / 6,
    "brier": (0.14 + 0.62 + 0.06 + 0.24 + 0.26 + 0.78) / 6,
    "calibration_error": (0.8 + 0.2 + 0.3 + 1.0) / 6,
    "r2": 1 - 6 / 20,
    "mse": 6 / 4,
    "rmse": np.sqrt(6 / 4),
    "mae": 4 / 4,
}
PREDICTED, MEASURED = np.array([2.0, 3.0, 4.0, 9.0]), np.array([1.0, 3.0, 5.0, 7.0])


@pytest.mark.parametrize("name", METRICS)
def test_each_metric_gives_the_number_worked_out_by_hand(name: str) -> None:
    if METRICS[name].kind == "classification":
        found = compute([name], "classification", np.log(PROBABILITIES), TARGETS)
    else:
        found = compute([name], "regression", PREDICTED[:, None], MEASURED)
    assert found[name] == pytest.approx(WORKED[name], abs=1e-9)


def test_the_documentation_gives_the_same_worked_numbers() -> None:
    text = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text(encoding="utf-8")
    documented = {name: float(value) for name, value in re.findall(r"^\| `(\w+)` \|.*\| ([\d.]+) \|$", text, re.M)}
    assert documented == {name: pytest.approx(value, abs=5e-5) for name, value in WORKED.items()}


@pytest.mark.parametrize("name", METRICS)
def test_directions_agree_with_those_of_objectives(name: str) -> None:
    assert parse_objective(name).direction == METRICS[name].direction


def test_classification_metrics_equal_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(3)
    scores, targets = rng.normal(size=(300, 4)) * 2, rng.integers(0, 4, 300)
    found = compute(CLASSES, "classification", scores.astype(np.float32), targets)
    p = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    predicted = p.argmax(1)
    assert found["accuracy"] == pytest.approx(sk.accuracy_score(targets, predicted))
    assert found["balanced_accuracy"] == pytest.approx(sk.balanced_accuracy_score(targets, predicted))
    assert found["auroc"] == pytest.approx(sk.roc_auc_score(targets, p, multi_class="ovr"), abs=1e-5)
    assert found["log_loss"] == pytest.approx(sk.log_loss(targets, p), rel=1e-5)
    assert found["f1_weighted"] == pytest.approx(sk.f1_score(targets, predicted, average="weighted"))


def test_the_brier_score_of_two_classes_is_twice_that_of_scikit_learn() -> None:
    scores, targets = np.random.default_rng(0).normal(size=(50, 2)), np.arange(50) % 2
    p = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    found = compute(["brier"], "classification", scores, targets)["brier"]
    assert found == pytest.approx(2 * np.mean((p[:, 1] - targets) ** 2))


@given(st.integers(2, 6), st.integers(1, 40), st.integers(0, 1000))
@settings(max_examples=30, deadline=None)
def test_confusion_counts_every_example_once_and_its_diagonal_is_the_accuracy(k: int, n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores, targets = rng.normal(size=(n, k)), rng.integers(0, k, n)
    matrix = np.array(confusion(scores, targets))
    assert matrix.shape == (k, k)
    assert matrix.sum() == n
    assert (matrix.sum(axis=1) == np.bincount(targets, minlength=k)).all()
    accuracy = compute(["accuracy"], "classification", scores, targets)["accuracy"]
    assert np.trace(matrix) / n == pytest.approx(accuracy)


def test_a_class_that_the_targets_lack_is_left_out_and_nothing_warns() -> None:
    rng = np.random.default_rng(1)
    scores, targets = rng.normal(size=(40, 5)), rng.integers(0, 3, 40)
    found = compute(CLASSES, "classification", scores, targets)
    assert all(np.isfinite(value) for value in found.values())
    recalls = [np.mean(scores[targets == c].argmax(1) == c) for c in range(3)]
    assert found["balanced_accuracy"] == pytest.approx(np.mean(recalls))


def test_auroc_of_one_class_only_is_not_a_number() -> None:
    found = compute(["auroc", "accuracy"], "classification", np.eye(3), np.zeros(3, int))
    assert np.isnan(found["auroc"])
    assert found["accuracy"] == pytest.approx(1 / 3)


def test_very_confident_scores_do_not_underflow() -> None:
    found = compute(["log_loss", "brier"], "classification", np.array([[0.0, 5000.0]]), np.array([0]))
    assert found == {"log_loss": pytest.approx(5000.0), "brier": pytest.approx(2.0)}


def test_a_perfectly_calibrated_model_has_no_calibration_error() -> None:
    scores = np.log(np.tile([[0.75, 0.25]], (4, 1)))
    assert compute(["calibration_error"], "classification", scores, np.array([0, 0, 0, 1]))[
        "calibration_error"
    ] == pytest.approx(0, abs=1e-9)


def test_regressions_of_several_targets_are_averaged() -> None:
    truth = np.array([[0.0, 0.0], [2.0, 4.0]])
    found = compute(VALUES, "regression", truth + np.array([1.0, 3.0]), truth)
    assert found["mse"] == pytest.approx(5.0)
    assert found["mae"] == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("scores", "targets", "words"),
    [
        (np.array([[np.nan, 1.0]]), np.array([0]), "NaN"),
        (np.zeros((2, 3)), np.array([0]), "as many scores"),
        (np.zeros((1, 3)), np.array([3]), "class numbers"),
        (np.zeros(1), np.array([0]), "classes"),
        (np.zeros((0, 2)), np.array([], dtype=int), "at least one"),
    ],
)
def test_scores_that_do_not_fit_are_an_evaluation_error(scores: np.ndarray, targets: np.ndarray, words: str) -> None:
    with pytest.raises(EvaluationError, match=words):
        compute(["accuracy"], "classification", scores, targets)


def test_regression_outputs_of_another_shape_are_refused() -> None:
    with pytest.raises(EvaluationError, match="shape"):
        compute(["mse"], "regression", np.zeros((4, 2)), np.zeros(4))


def test_an_unknown_metric_names_the_nearest() -> None:
    with pytest.raises(TaskError, match="balanced_accuracy"):
        check_names(["balanced_acuracy"], "classification")


def test_a_metric_of_the_other_kind_is_refused() -> None:
    with pytest.raises(TaskError, match="regression"):
        check_names(["mse"], "classification")


def test_no_metric_at_all_is_refused() -> None:
    with pytest.raises(TaskError, match="at least one"):
        check_names([], "regression")


@pytest.mark.parametrize("kind", ["classification", "regression"])
def test_the_default_metrics_are_valid(kind: str) -> None:
    assert check_names(default_metrics(kind), kind) == default_metrics(kind)  # type: ignore[arg-type]
