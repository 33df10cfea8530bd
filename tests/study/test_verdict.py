import math

import pytest
from scipy import stats

from searchitect.objectives import parse_objective
from searchitect.spaces import Architecture
from searchitect.study.finalists import Finalist
from searchitect.study.verdict import judge, welch_interval

ACCURACY = parse_objective("accuracy")
LOSS = parse_objective("log_loss")
MANIFEST = {"recorded": {}}


def finalist(arm, values, key=None, name="accuracy"):
    mean = {name: sum(values) / len(values)}
    return Finalist(arm, 0, Architecture("s", {}), key or arm, tuple(range(len(values))), mean, {}, tuple(values))


def test_the_interval_is_welchs():
    first, second = [0.91, 0.93, 0.95], [0.90, 0.89, 0.92, 0.88]
    difference, (low, high) = welch_interval(first, second)
    expected = stats.ttest_ind(first, second, equal_var=False).confidence_interval(0.95)
    assert difference == pytest.approx(0.93 - 0.8975)
    assert (low, high) == pytest.approx((expected.low, expected.high))


def test_one_value_gives_no_bounds():
    assert welch_interval([0.9], [0.8, 0.7])[1] == (-math.inf, math.inf)


@pytest.mark.parametrize(
    ("search", "random", "kind"),
    [
        ([0.95, 0.951, 0.952], [0.90, 0.901, 0.902], "search_helped"),
        ([0.90, 0.901, 0.902], [0.95, 0.951, 0.952], "random_better"),
        ([0.90, 0.95, 0.92], [0.91, 0.94, 0.93], "no_difference"),
    ],
)
def test_without_a_test_split_fresh_seeds_decide(search, random, kind):
    verdict = judge(MANIFEST, [finalist("search", search), finalist("random", random)], ACCURACY, (), {})
    assert verdict.kind == kind
    assert "over 3 fresh seeds on validation data" in verdict.sentence


def test_a_loss_is_better_when_lower():
    finalists = [
        finalist("search", [0.1, 0.11, 0.12], name="log_loss"),
        finalist("random", [0.5, 0.51, 0.52], name="log_loss"),
    ]
    verdict = judge(MANIFEST, finalists, LOSS, (), {})
    assert verdict.kind == "search_helped"
    assert verdict.difference == pytest.approx(0.4)


def compared(difference, interval, baseline=None):
    comparison = {"random": {"difference": difference, "interval": interval}}
    if baseline is not None:
        comparison["baseline"] = {"name": "rbf_svm", "value": 0.99, "ours": 0.98, "interval": baseline}
    finalists = [finalist("search", [0.9, 0.9]), finalist("random", [0.9, 0.9])]
    return judge(MANIFEST, finalists, ACCURACY, (), {"comparison": comparison})


def test_on_a_test_split_the_paired_interval_decides():
    verdict = compared(0.02, [0.01, 0.03])
    assert verdict.kind == "search_helped"
    assert verdict.sentence == (
        "The search helped: +0.0200 accuracy against random search at equal cost "
        "(95 % interval +0.0100 to +0.0300, on the test split)."
    )


def test_a_clearly_better_baseline_takes_the_verdict():
    verdict = compared(0.02, [0.01, 0.03], baseline=[-0.02, -0.001])
    assert verdict.kind == "baseline_better"
    assert "A plain rbf svm is better than either: accuracy 0.99 against 0.98." in verdict.sentence


@pytest.mark.parametrize(
    ("interval", "words"), [([0.001, 0.02], "beats"), ([-0.01, 0.01], "is not measurably different")]
)
def test_a_baseline_is_named_in_every_verdict(interval, words):
    verdict = compared(0.02, [0.01, 0.03], baseline=interval)
    assert verdict.kind == "search_helped"
    assert f"{words}" in verdict.sentence
