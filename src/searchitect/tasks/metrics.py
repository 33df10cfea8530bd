"""Metrics: numbers that compare the scores of a model with the targets, by scikit-learn.

`docs/metrics.md` gives every formula with a worked example that a test computes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from searchitect.errors import EvaluationError, TaskError, did_you_mean

__all__ = ["METRICS", "Metric", "Predictions", "check_names", "compute", "confusion", "default_metrics", "predictions"]

Kind = Literal["classification", "regression"]
Floats = NDArray[np.float64]

CALIBRATION_BINS = 15


@dataclass(frozen=True, slots=True, eq=False)
class Predictions:
    """What metrics read, computed once from the scores.

    Attributes:
        targets: int64 class numbers (n,), or float64 values (n, targets).
        values: predicted class numbers (n,), or predicted values (n, targets).
        probabilities: softmax of the scores, (n, classes); (n, 0) for regression.
        log_probabilities: their logarithms, without underflow; (n, 0) for regression.
    """

    targets: NDArray[Any]
    values: NDArray[Any]
    probabilities: Floats
    log_probabilities: Floats


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric: for which kind of task, which direction is better, and the function."""

    kind: Kind
    direction: Literal["maximize", "minimize"]
    function: Callable[[Predictions], float]


def predictions(kind: Kind, scores: NDArray[Any], targets: NDArray[Any]) -> Predictions:
    """Turn raw outputs of a model into predictions.

    Args:
        kind: "classification" or "regression".
        scores: logits (n, classes), or values (n, targets) or (n,).
        targets: class numbers (n,), or values (n,) or (n, targets).

    Raises:
        EvaluationError: the scores are not finite, or the shapes do not fit.
    """
    scores = np.asarray(scores, dtype=np.float64)
    if len(scores) != len(targets) or len(scores) == 0:
        raise EvaluationError(
            f"metrics need as many scores as targets, at least one: got {len(scores)} and {len(targets)}"
        )
    if not np.isfinite(scores).all():
        raise EvaluationError("the model's outputs hold NaN or infinite values")
    if kind == "regression":
        truth = np.asarray(targets, dtype=np.float64).reshape(len(targets), -1)
        values = scores.reshape(len(scores), -1)
        if values.shape != truth.shape:
            raise EvaluationError(f"a regression needs outputs of the targets' shape {truth.shape}, got {values.shape}")
        nothing = np.zeros((len(scores), 0))
        return Predictions(truth, values, nothing, nothing)
    labels = np.asarray(targets, dtype=np.int64)
    if scores.ndim != 2 or labels.ndim != 1 or labels.min() < 0 or labels.max() >= scores.shape[1]:
        raise EvaluationError(
            f"a classification needs scores (n, classes) and class numbers (n,), got {scores.shape} and {labels.shape}"
        )
    shifted = scores - scores.max(axis=1, keepdims=True)
    logs = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return Predictions(labels, scores.argmax(axis=1), np.exp(logs), logs)


def _accuracy(p: Predictions) -> float:
    return float(np.mean(p.values == p.targets))


def _balanced_accuracy(p: Predictions) -> float:
    present = np.unique(p.targets)
    return float(np.mean([np.mean(p.values[p.targets == label] == label) for label in present]))


def _by_class(p: Predictions, *, which: int, average: str) -> float:
    from sklearn.metrics import precision_recall_fscore_support

    found = precision_recall_fscore_support(p.targets, p.values, average=average, zero_division=0.0)
    return float(found[which])


def _auroc(p: Predictions) -> float:
    """One class against the rest, averaged over the classes that have both sides; NaN where none has."""
    from sklearn.metrics import roc_auc_score

    classes = p.probabilities.shape[1]
    judged = [1] if classes == 2 else range(classes)
    sides = [(p.targets == label, p.log_probabilities[:, label]) for label in judged]
    areas = [float(roc_auc_score(truth, score)) for truth, score in sides if 0 < truth.sum() < len(truth)]
    return float(np.mean(areas)) if areas else float("nan")


def _log_loss(p: Predictions) -> float:
    return float(-np.mean(p.log_probabilities[np.arange(len(p.targets)), p.targets]))


def _brier(p: Predictions) -> float:
    truth = np.eye(p.probabilities.shape[1])[p.targets]
    return float(np.mean(np.sum((p.probabilities - truth) ** 2, axis=1)))


def _calibration_error(p: Predictions) -> float:
    """Expected calibration error with 15 equal-width bins (Guo et al. 2017, equation 3)."""
    confidence = p.probabilities.max(axis=1)
    correct = (p.values == p.targets).astype(np.float64)
    # Bins are (i/15, (i+1)/15] as in the paper, so that 1.0 falls into the last one.
    bins = np.clip(np.ceil(confidence * CALIBRATION_BINS).astype(np.int64) - 1, 0, CALIBRATION_BINS - 1)
    gaps = np.bincount(bins, weights=correct - confidence, minlength=CALIBRATION_BINS)
    return float(np.abs(gaps).sum() / len(bins))


def _mse(p: Predictions) -> float:
    from sklearn.metrics import mean_squared_error

    return float(mean_squared_error(p.targets, p.values))


def _mae(p: Predictions) -> float:
    from sklearn.metrics import mean_absolute_error

    return float(mean_absolute_error(p.targets, p.values))


def _rmse(p: Predictions) -> float:
    return float(np.sqrt(_mse(p)))


def _r2(p: Predictions) -> float:
    from sklearn.metrics import r2_score

    return float(r2_score(p.targets, p.values)) if len(p.targets) > 1 else float("nan")


def _class_metric(which: int, average: str) -> Metric:
    return Metric("classification", "maximize", partial(_by_class, which=which, average=average))


METRICS: dict[str, Metric] = {
    "accuracy": Metric("classification", "maximize", _accuracy),
    "balanced_accuracy": Metric("classification", "maximize", _balanced_accuracy),
    "precision_macro": _class_metric(0, "macro"),
    "precision_micro": _class_metric(0, "micro"),
    "precision_weighted": _class_metric(0, "weighted"),
    "recall_macro": _class_metric(1, "macro"),
    "recall_micro": _class_metric(1, "micro"),
    "recall_weighted": _class_metric(1, "weighted"),
    "f1_macro": _class_metric(2, "macro"),
    "f1_micro": _class_metric(2, "micro"),
    "f1_weighted": _class_metric(2, "weighted"),
    "auroc": Metric("classification", "maximize", _auroc),
    "log_loss": Metric("classification", "minimize", _log_loss),
    "brier": Metric("classification", "minimize", _brier),
    "calibration_error": Metric("classification", "minimize", _calibration_error),
    "r2": Metric("regression", "maximize", _r2),
    "mse": Metric("regression", "minimize", _mse),
    "rmse": Metric("regression", "minimize", _rmse),
    "mae": Metric("regression", "minimize", _mae),
}
"""Name -> metric. Read top to bottom, these are all metrics there are."""


def default_metrics(kind: Kind) -> tuple[str, ...]:
    """The metrics of a task that names none; the first is the default objective."""
    if kind == "regression":
        return ("r2", "rmse", "mse", "mae")
    return ("accuracy", "balanced_accuracy", "f1_macro", "auroc", "log_loss", "calibration_error")


def check_names(names: Iterable[str], kind: Kind) -> tuple[str, ...]:
    """Return the names as a tuple without repeats.

    Raises:
        TaskError: a name is unknown, belongs to the other kind of task, or there is none.
    """
    fitting = [name for name, metric in METRICS.items() if metric.kind == kind]
    chosen = tuple(dict.fromkeys([names] if isinstance(names, str) else names))
    for name in chosen:
        if name not in METRICS:
            raise TaskError(f"there is no metric {name!r}", hint=did_you_mean(str(name), fitting))
        if METRICS[name].kind != kind:
            raise TaskError(
                f"the metric {name!r} belongs to {METRICS[name].kind}, this task is a {kind}",
                hint="one of: " + ", ".join(fitting),
            )
    if not chosen:
        raise TaskError("a task needs at least one metric", hint="one of: " + ", ".join(fitting))
    return chosen


def compute(names: Iterable[str], kind: Kind, scores: NDArray[Any], targets: NDArray[Any]) -> dict[str, float]:
    """Compute metrics from the raw outputs of a model.

    Args:
        names: names from `METRICS`.
        kind: "classification" or "regression".
        scores: logits (n, classes), or values (n, targets) or (n,).
        targets: class numbers (n,), or values (n,) or (n, targets).

    Returns:
        One number per name. A class that the targets lack is left out of averages over classes; where nothing is
        left (the AUROC of one class, the R² of one example) the number is NaN.

    Raises:
        TaskError: a name is unknown or belongs to the other kind of task.
        EvaluationError: the scores are not finite, or the shapes do not fit.
    """
    chosen = check_names(names, kind)
    prepared = predictions(kind, scores, targets)
    return {name: METRICS[name].function(prepared) for name in chosen}


def confusion(scores: NDArray[Any], targets: NDArray[Any]) -> tuple[tuple[int, ...], ...]:
    """Count predictions: row is the true class, column the predicted one; (classes, classes)."""
    prepared = predictions("classification", scores, targets)
    classes = prepared.probabilities.shape[1]
    counts = np.bincount(prepared.targets * classes + prepared.values, minlength=classes * classes)
    return tuple(tuple(int(n) for n in row) for row in counts.reshape(classes, classes))
