from __future__ import annotations

import dataclasses
import warnings

import numpy as np
import pytest

from searchitect import tasks
from searchitect.errors import ConfigError
from searchitect.evaluators import baselines
from searchitect.tasks import ArraySplit, Task


@pytest.fixture(scope="module")
def digits() -> Task:
    return tasks.task("digits")


def test_an_untuned_svm_reaches_099_on_digits(digits: Task) -> None:
    assert digits.test is not None
    scores = baselines.fit(digits, "rbf_svm").scores(digits.test)
    assert scores.shape == (len(digits.test), 10)
    assert scores.dtype == np.float32
    assert (scores.argmax(1) == digits.test.targets).mean() >= 0.985


def test_every_baseline_of_a_classification_beats_chance_by_far() -> None:
    results = baselines.run(tasks.task("wine"))
    assert set(results) == {"logistic_regression", "rbf_svm", "gradient_boosting"}
    assert all(values["accuracy"] > 0.85 for values in results.values())


def test_every_baseline_of_a_regression_predicts_in_the_users_unit() -> None:
    results = baselines.run(tasks.task("diabetes"))
    assert set(results) == {"ridge", "svr", "gradient_boosting"}
    assert all(values["r2"] > 0.25 for values in results.values())


def test_two_classes_give_two_scores_whose_softmax_is_the_probability() -> None:
    task = tasks.task("breast_cancer")
    for name in baselines.names_for(task):
        scores = baselines.fit(task, name).scores(task.validation)
        assert scores.shape == (len(task.validation), 2)
    found = baselines.run(task, ["logistic_regression"])["logistic_regression"]
    assert found["log_loss"] < 0.2


@pytest.mark.parametrize("name", ["wine", "diabetes"])
def test_a_baseline_that_is_fitted_again_is_the_same(name: str) -> None:
    task = tasks.task(name)
    for baseline in baselines.names_for(task):
        first, second = (baselines.fit(task, baseline).scores(task.validation) for _ in range(2))
        assert np.array_equal(first, second)


def test_several_targets_are_fitted_one_by_one() -> None:
    task = tasks.task("diabetes")
    double = [
        ArraySplit(part.read(np.arange(len(part))), np.stack([part.targets, -2 * part.targets], 1))
        for part in (task.train, task.validation)
    ]
    spec = dataclasses.replace(task.spec, outputs=2)
    both = dataclasses.replace(task, spec=spec, train=double[0], validation=double[1])
    scores = baselines.fit(both, "ridge").scores(both.validation)
    assert np.allclose(scores[:, 1], -2 * scores[:, 0], rtol=1e-4)


def test_a_class_without_training_examples_is_never_predicted() -> None:
    task = tasks.task("wine")
    kept = np.flatnonzero(task.train.targets != 1)
    part = ArraySplit(task.train.read(kept), task.train.targets[kept])
    without = dataclasses.replace(task, train=part)
    for name in baselines.names_for(without):
        scores = baselines.fit(without, name).scores(task.validation)
        assert scores.shape[1] == 3
        assert 1 not in scores.argmax(1)


def test_large_data_have_no_slow_baselines(digits: Task) -> None:
    class Large:
        targets = np.zeros(0)
        nbytes = 0

        def __len__(self) -> int:
            return 60_000

        def read(self, indices: np.ndarray) -> tuple[np.ndarray, ...]:
            raise AssertionError("nothing may be read to decide")

    large = dataclasses.replace(digits, train=Large())
    assert baselines.names_for(large) == ("logistic_regression",)
    with pytest.raises(ConfigError, match="no baseline 'rbf_svm' for the classification 'digits' of 60000 examples"):
        baselines.fit(large, "rbf_svm")


def test_an_unknown_baseline_is_answered_with_the_nearest(digits: Task) -> None:
    with pytest.raises(ConfigError, match="did you mean 'rbf_svm'"):
        baselines.fit(digits, "rbf_svn")


def test_a_fit_that_has_not_converged_makes_no_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    from sklearn.linear_model import LogisticRegression

    monkeypatch.setattr(baselines, "_classifier", lambda name: LogisticRegression(max_iter=1))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        baselines.fit(tasks.task("wine"), "logistic_regression")
