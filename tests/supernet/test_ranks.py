"""Ranks by shared weights are measured: exact τ, an interval that knows chance, and a report that says so."""

import random

import pytest
from scipy import stats

import searchitect as sa
from searchitect.errors import ConfigError
from searchitect.nn import fully_connected
from searchitect.supernet import open_build
from searchitect.supernet.gaps import DiscretisationGap
from searchitect.supernet.ranks import RankReport, kendall_tau, rank_report, tau_interval
from searchitect.supernet.scoring import SharedScores, calibration_batches


@sa.space
class Small:
    width: int = sa.choice(1, 2, 4, 8, 16)
    activation: str = sa.choice("relu", "tanh")
    learning_rate: float = sa.real(1e-3, 1e-1, log=True, role="training")

    def build(self, task):
        from torch import nn

        first = fully_connected(task.features, self.width)
        return nn.Sequential(first, sa.nn.activation(self.activation), fully_connected(self.width, task.outputs))


@pytest.fixture(scope="module")
def iris():
    return sa.task("iris")


@pytest.mark.parametrize("levels", [3, 10, 1000])
def test_tau_is_that_of_scipy_with_and_without_ties(levels):
    rng = random.Random(levels)
    for count in (5, 12, 60):
        a, b = ([rng.randrange(levels) for _ in range(count)] for _ in range(2))
        assert kendall_tau(a, b) == pytest.approx(stats.kendalltau(a, b).statistic, abs=1e-12)


def test_tau_of_a_constant_is_nothing():
    assert kendall_tau([1, 1, 1, 1], [1, 2, 3, 4]) == 0.0


def test_a_resample_is_weighed_as_scipy_counts_it():
    rng = random.Random(0)
    a, b = ([rng.random() for _ in range(12)] for _ in range(2))
    lows = [tau_interval(a, b, resamples=2_000, seed=seed) for seed in (1, 1, 2)]
    assert lows[0] == lows[1] != lows[2]
    by_hand = []
    for _ in range(2_000):
        chosen = [rng.randrange(12) for _ in range(12)]
        by_hand.append(stats.kendalltau([a[i] for i in chosen], [b[i] for i in chosen]).statistic)
    by_hand.sort()
    assert lows[0] == pytest.approx((by_hand[50], by_hand[1950]), abs=0.08)


def test_the_interval_of_a_perfect_order_lies_at_one():
    order = list(range(12))
    assert kendall_tau(order, order) == 1.0
    assert tau_interval(order, order) == (1.0, 1.0)
    assert tau_interval(order, order[::-1]) == (-1.0, -1.0)


def test_the_interval_of_unrelated_orders_includes_zero_as_often_as_it_says():
    rng = random.Random(5)
    inside = 0
    for trial in range(100):
        a, b = ([rng.random() for _ in range(20)] for _ in range(2))
        low, high = tau_interval(a, b, resamples=300, seed=trial)
        inside += low <= 0 <= high
    assert inside >= 88  # 95 expected


def test_the_report_of_a_planted_perfect_supernet_is_trusted(iris, monkeypatch):
    report = _report(iris, monkeypatch, lambda width: width / 100)
    assert report.tau == 1.0
    assert report.tau_top_half == 1.0
    assert report.trusted
    assert "may select" in report.text()


def test_a_supernet_that_ranks_by_chance_is_not_trusted(iris, monkeypatch):
    report = _report(iris, monkeypatch, lambda width: 0.5)
    assert report.tau == 0.0
    assert not report.trusted
    assert "must not select" in report.text()


def _report(task, monkeypatch, shared):
    """Training alone gives the width; shared weights give what is planted."""
    supernet = open_build(Small, task.spec)
    monkeypatch.setattr("searchitect.supernet.ranks.train_alone", lambda space, task, a, recipe, seed: a["width"])

    class Planted:
        def __call__(self, architecture):
            return {"accuracy": shared(architecture["width"])}

        def inside(self, architecture):
            return {"accuracy": 0.1}

        def score(self, width):
            return {"accuracy": width / 100}

    return rank_report(supernet, task, architectures=8, shared=Planted())


def test_a_real_report_trains_alone_and_survives_json(iris):
    supernet = open_build(Small, iris.spec)
    seen = []
    report = rank_report(
        supernet, iris, architectures=5, recipe=sa.Recipe(epochs=1), report=lambda *now: seen.append(now)
    )
    assert seen == [(n, 5) for n in range(1, 6)]
    assert len({pair.architecture for pair in report.pairs}) == 5
    assert all(pair.architecture["learning_rate"] == pytest.approx(0.01) for pair in report.pairs)
    assert all(0 <= pair.shared <= 1 and 0 <= pair.alone <= 1 for pair in report.pairs)
    assert -1 <= report.interval[0] <= report.tau <= report.interval[1] <= 1
    assert RankReport.from_json(report.to_json()) == report
    assert report == rank_report(supernet, iris, architectures=5, recipe=sa.Recipe(epochs=1))


def test_the_gap_is_of_the_architecture_that_shared_weights_hold_best(iris, monkeypatch):
    report = _report(iris, monkeypatch, lambda width: -width)
    narrowest = min(pair.architecture["width"] for pair in report.pairs)
    assert report.gap == DiscretisationGap(0.1, -narrowest, narrowest / 100)
    assert f"retrained {narrowest / 100:.4f}" in report.gap.text()


def test_too_few_architectures_are_refused(iris):
    with pytest.raises(ConfigError, match="at least 5 architectures, got 4"):
        rank_report(open_build(Small, iris.spec), iris, architectures=4)


def test_calibration_batches_are_the_same_every_time_and_of_training_size():
    task = sa.task("digits")
    recipe = sa.Recipe(batch_size=32, augmentation="shift")
    first, second = ([*calibration_batches(task, recipe, 5)] for _ in range(2))
    assert [len(batch) for batch in first] == [32] * 5
    assert all(a.equal(b) for a, b in zip(first, second, strict=True))
    assert len([*calibration_batches(task, sa.Recipe(batch_size=600), 5)]) < 5


def test_scoring_leaves_the_supernet_as_it_was():
    task = sa.task("iris")
    supernet = open_build(Small, task.spec)
    scores = SharedScores(supernet, task)
    space = supernet.space
    one, other = (sa.Architecture(space.digest, {**space.default().decisions, "width": width}) for width in (2, 16))
    supernet.activate(other)
    before = {name: tensor.clone() for name, tensor in supernet.state_dict().items()}
    alone = scores(one)
    scores.inside(other)
    assert scores(one) == alone
    assert supernet.selection.values == dict(other.decisions)
    assert all(tensor.equal(before[name]) for name, tensor in supernet.state_dict().items())
