import numpy as np
import pytest

from searchitect.evaluators.judge import TaskJudge, bootstrap_difference
from searchitect.objectives import parse_objective
from searchitect.tasks import task as open_task

RNG = np.random.default_rng(0)
TARGETS = RNG.integers(0, 3, 400)


def scores(error_rate, seed):
    """Logits that are right except for a share of the examples."""
    rng = np.random.default_rng(seed)
    guessed = np.where(rng.random(len(TARGETS)) < error_rate, (TARGETS + 1) % 3, TARGETS)
    return np.eye(3, dtype=np.float32)[guessed]


def difference(name, ours, theirs, kind="classification", targets=TARGETS):
    return bootstrap_difference(name, kind, ours, theirs, targets, np.random.default_rng(1))


def test_the_difference_is_that_of_the_means():
    ours, theirs = [scores(0.1, 1), scores(0.1, 2)], [scores(0.2, 3)]
    point, _, _ = difference("accuracy", ours, theirs)
    means = [np.mean([np.mean(s.argmax(1) == TARGETS) for s in side]) for side in (ours, theirs)]
    assert point == pytest.approx(means[0] - means[1])


def test_a_clear_difference_excludes_zero_and_none_includes_it():
    _, low, high = difference("accuracy", [scores(0.05, 1)], [scores(0.3, 2)])
    assert 0 < low < high
    _, low, high = difference("accuracy", [scores(0.2, 1)], [scores(0.2, 2)])
    assert low < 0 < high


def test_identical_models_have_an_interval_of_nothing():
    same = [scores(0.2, 5)]
    assert difference("accuracy", same, same) == (0.0, 0.0, 0.0)


def test_intervals_cover_the_truth_as_often_as_they_say():
    covered = 0
    for repeat in range(100):
        _, low, high = difference("accuracy", [scores(0.10, 1_000 + repeat)], [scores(0.15, 5_000 + repeat)])
        covered += low <= 0.05 <= high
    assert 88 <= covered <= 100


def test_metrics_that_are_no_mean_over_examples_are_computed_on_each_resample():
    point, low, high = difference("f1_macro", [scores(0.05, 1)], [scores(0.3, 2)])
    assert low < point < high
    assert low > 0


def test_regression_differences_are_in_the_unit_of_the_metric():
    targets = RNG.normal(size=300).astype(np.float32)
    near, far = targets + 0.1, targets + 1.0
    point, low, high = difference("mse", [near[:, None]], [far[:, None]], "regression", targets)
    assert point == pytest.approx(0.01 - 1.0, rel=1e-3)
    assert low <= point <= high < 0


@pytest.fixture(scope="module")
def iris():
    return open_task("iris")


class Constant:
    """Stands for a trained model: the same scores for every example."""

    def __init__(self, scores):
        self.scores = scores


def test_a_judge_scores_baselines_and_models_once(iris, monkeypatch):
    test_targets = iris.test.targets
    right = np.eye(3, dtype=np.float32)[test_targets] * 5

    def predict(model, split, **settings):
        assert split is iris.test
        return right if model == "good" else np.roll(right, 1, axis=1)

    monkeypatch.setattr("searchitect.training.predict", predict)
    judge = TaskJudge(iris, parse_objective("accuracy"), lambda n: "good" if n < 10 else "bad")
    names = judge.baselines()
    assert "logistic_regression" in names
    assert judge.validate("logistic_regression")["accuracy"] > 0.8
    result = judge.test({"search": [1, 2], "random": [11]}, 2, names)
    assert result["models"]["search"]["metrics"]["accuracy"] == 1.0
    assert result["models"]["random"]["metrics"]["accuracy"] == 0.0
    assert result["handed_over"]["accuracy"] == 1.0
    assert result["comparison"]["random"]["interval"][0] > 0
    assert sum(map(sum, result["confusion"])) == len(test_targets)
    assert result["comparison"]["baseline"]["name"] in names
