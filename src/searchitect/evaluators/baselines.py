"""Classical baselines on small data: what a search must beat. Untuned, and on the same preprocessed inputs.

* `logistic_regression`, `rbf_svm`, `gradient_boosting` for a classification;
* `ridge`, `svr`, `gradient_boosting` for a regression.

A fit depends on the training split alone, so scoring a baseline on the test split later is the same baseline.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]
from torch import nn

from searchitect.errors import ConfigError, did_you_mean
from searchitect.tasks import Split, Task, metrics
from searchitect.training import predict

__all__ = ["LIMITS", "Baseline", "fit", "names_for", "run"]

Floats = NDArray[np.float64]
Score = Callable[[Floats], Floats]

LIMITS: Mapping[str, tuple[int, int]] = {
    "logistic_regression": (100_000, 5_000_000),
    "rbf_svm": (10_000, 2_000_000),
    "gradient_boosting": (100_000, 5_000_000),
    "ridge": (1_000_000, 10_000_000),
    "svr": (10_000, 2_000_000),
}
"""Name -> most training examples, and most values (examples x features, for boosting also x classes above two).

Within them a fit takes seconds to about a minute on one core."""

_ABSENT = -50.0  # score of a class the training split lacks: a probability of practically zero


@dataclass(frozen=True, eq=False)
class Baseline:
    """A fitted baseline.

    Attributes:
        name: one of `LIMITS`.
        preprocess: the task's preprocessing; what it returns is flattened to features (n, f).
        score: from features (n, f) to raw scores (n, outputs): logits, or values in the unit of the targets.
    """

    name: str
    preprocess: nn.Module
    score: Score

    def scores(self, split: Split) -> NDArray[np.float32]:
        """Return scores (n, outputs) of every example, in the split's order, as `metrics.compute` reads them."""
        features = _features(self.preprocess, split)
        with threadpool_limits(1):
            return self.score(features).astype(np.float32)


def names_for(task: Task) -> tuple[str, ...]:
    """Return the baselines worth fitting on a task: those whose limits it keeps."""
    regression = task.spec.kind == "regression"
    names = ("ridge", "svr") if regression else ("logistic_regression", "rbf_svm")
    return tuple(name for name in (*names, "gradient_boosting") if _fits(task, name))


def fit(task: Task, name: str) -> Baseline:
    """Fit a baseline on the training split.

    Raises:
        ConfigError: no baseline of this name suits the task, or the data are too many for it.
    """
    if name not in names_for(task):
        raise ConfigError(
            f"no baseline {name!r} for the {task.spec.kind} {task.name!r} of {len(task.train)} examples",
            hint=did_you_mean(name, names_for(task)) if names_for(task) else "no baseline is quick on so many data",
        )
    preprocess = task.preprocessing.module()
    features, targets = _features(preprocess, task.train), task.train.targets
    # One thread: the data are small, and threads of several libraries on a busy machine wait for one another.
    with warnings.catch_warnings(), threadpool_limits(1):
        # A fit that has not converged is still an honest baseline.
        warnings.simplefilter("ignore")
        make = _regression if task.spec.kind == "regression" else _classification
        return Baseline(name, preprocess, make(name, features, targets, task.spec.outputs))


def run(task: Task, names: Iterable[str] | None = None) -> dict[str, dict[str, float]]:
    """Fit baselines and return their validation metrics by name; all that suit the task where none are named."""
    results = {}
    for name in names_for(task) if names is None else names:
        scores = fit(task, name).scores(task.validation)
        results[name] = metrics.compute(task.metrics, task.spec.kind, scores, task.validation.targets)
    return results


def _fits(task: Task, name: str) -> bool:
    most_examples, most_values = LIMITS[name]
    models = 1
    if name == "gradient_boosting" and (task.spec.kind == "regression" or task.spec.outputs > 2):
        models = task.spec.outputs  # one tree per class or target and round
    values = len(task.train) * task.spec.features * models
    return len(task.train) <= most_examples and values <= most_values


class _Flat(nn.Module):
    """Preprocessing whose examples are flattened to feature vectors."""

    def __init__(self, preprocess: nn.Module) -> None:
        super().__init__()
        self.preprocess = preprocess

    def forward(self, *raw: torch.Tensor) -> torch.Tensor:
        features: torch.Tensor = self.preprocess(*raw)
        return features.flatten(1)


def _features(preprocess: nn.Module, split: Split) -> Floats:
    return predict(_Flat(preprocess), split).astype(np.float64)


def _classification(name: str, features: Floats, targets: NDArray[Any], classes: int) -> Score:
    model = _classifier(name).fit(features, targets)

    def score(inputs: Floats) -> Floats:
        scores = np.full((len(inputs), classes), _ABSENT)
        scores[:, model.classes_] = _logits(model, inputs)
        return scores

    return score


def _classifier(name: str) -> Any:
    if name == "logistic_regression":
        from sklearn.linear_model import LogisticRegression

        return LogisticRegression(max_iter=500)
    if name == "rbf_svm":
        from sklearn.svm import SVC

        # Inputs are standardised already: images per channel, which keeps the dark border pixels small.
        return SVC(C=10.0, gamma="scale", cache_size=500)
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(random_state=0)


def _logits(model: Any, inputs: Floats) -> Floats:
    """Scores whose largest is the prediction; their softmax is the model's probability, where it has one."""
    if not hasattr(model, "decision_function"):
        return np.asarray(np.log(np.clip(model.predict_proba(inputs), 1e-12, None)), dtype=np.float64)
    decision = np.asarray(model.decision_function(inputs), dtype=np.float64)
    scores: Floats = decision if decision.ndim == 2 else np.stack([-decision / 2, decision / 2], axis=1)
    return scores


def _regression(name: str, features: Floats, targets: NDArray[Any], outputs: int) -> Score:
    values = targets.reshape(len(targets), outputs).astype(np.float64)
    mean, std = values.mean(axis=0), values.std(axis=0)
    std[std == 0] = 1.0
    models = [_regressor(name).fit(features, column) for column in ((values - mean) / std).T]
    return lambda inputs: np.stack([model.predict(inputs) for model in models], axis=1) * std + mean


def _regressor(name: str) -> Any:
    if name == "ridge":
        from sklearn.linear_model import Ridge

        return Ridge(alpha=1.0)
    if name == "svr":
        from sklearn.svm import SVR

        return SVR(C=1.0, gamma="scale", cache_size=500)
    from sklearn.ensemble import HistGradientBoostingRegressor

    return HistGradientBoostingRegressor(random_state=0)
