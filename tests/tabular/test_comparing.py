from __future__ import annotations

import json
import math
import random

import pytest

from searchitect.errors import ConfigError
from searchitect.strategies import STRATEGIES, Setting
from searchitect.tabular.comparing import compare, extremes
from searchitect.tabular.comparison import Comparison, Row
from searchitect.tabular.statistics import mean_and_std, wilcoxon
from searchitect.trial import Proposal
from tests.tabular.planted import Planted


class Moody:
    """Fails in its fifth search and later."""

    searches = 0

    def __init__(self, setting: Setting) -> None:
        Moody.searches += 1
        self._setting = setting

    def ask(self, number: int) -> Proposal | None:
        if number == 3 and Moody.searches > 5:
            raise ValueError("no mood")
        return Proposal(self._setting.space.sample(random.Random(number)))

    def tell(self, trial: object) -> None:
        """Nothing to learn."""


def quick(strategies: str = "random,regularized_evolution", **settings: object) -> Comparison:
    return compare(Planted(), strategies, **{"trials": 30, "seeds": 4, **settings})  # type: ignore[arg-type]


def test_the_extremes_of_a_table_are_found() -> None:
    assert extremes(Planted()) == pytest.approx((99.95, 0.05))
    assert extremes(Planted(direction="minimize")) == pytest.approx((0.05, 99.95))
    assert extremes(Planted(holes=True))[0] == pytest.approx(99.85)


def test_the_document_has_the_figures_of_each_row() -> None:
    comparison = quick(noise=1.0)
    document = comparison.document()
    assert document["optimum"] == pytest.approx(99.95)
    assert (document["signal"], document["signal_measurement"]) == ("valid", "valid_percent")
    assert [row["strategy"] for row in document["rows"]] == ["random", "regularized_evolution"]
    for row, kept in zip(document["rows"], comparison.rows, strict=True):
        assert list(row["at"]) == ["20", "30"]
        mean, std = mean_and_std([trace.truths[19] for trace in kept.traces])
        assert row["at"]["20"] == {"mean": mean, "std": std}
        assert row["error"] is None
        assert row["cost"]["total"] == pytest.approx(sum(row["cost"][k] for k in ("search", "validation", "final")))
        area = [sum(99.95 - truth for truth in trace.truths) / 30 for trace in kept.traces]
        assert row["regret_area"]["mean"] == pytest.approx(sum(area) / 4)
    ranks = [row["rank"] for row in document["rows"]]
    assert sum(ranks) == pytest.approx(3.0)
    assert document["rows"][0]["against_random"] is None
    assert 0 < document["rows"][1]["against_random"]["p"] <= 1
    assert json.loads(json.dumps(document, allow_nan=False)) == document


def test_queries_count_to_the_first_time_the_best_observed_is_there() -> None:
    document = compare(Planted(), "grid", trials=1000, seeds=2).document()
    grid = next(row for row in document["rows"] if row["strategy"] == "grid")
    # The grid counts up from 000; 998 is within 0.1.
    assert grid["queries_to_optimum"] == {"median": 1000, "p90": 1000, "reached": 1.0}
    assert grid["queries_to_near"] == {"median": 999, "p90": 999, "reached": 1.0}
    short = compare(Planted(), "grid", trials=500, seeds=2).document()["rows"][1]
    assert short["queries_to_optimum"] == {"median": None, "p90": None, "reached": 0.0}
    assert short["regret_area"]["mean"] == pytest.approx(99.9 - 24.95)
    assert short["regret_area"]["std"] == 0.0


def test_near_is_a_tenth_of_a_per_cent_in_per_cent_and_in_fractions() -> None:
    def within(benchmark: object, **options: float) -> float:
        return compare(benchmark, "random", trials=2, seeds=2, **options).document()["within"]

    assert within(Planted()) == 0.1
    assert within("planted/additive/3x2") == 0.001
    assert within("planted/additive/3x2", within=0.05) == 0.05
    assert within(Planted(), within=0.0) == 0.0


def test_a_measurement_can_be_wanted_low() -> None:
    document = compare(Planted(direction="minimize"), "grid", trials=20, seeds=2).document()
    assert document["rows"][1]["queries_to_optimum"]["median"] == 1
    assert document["best"] == "grid"


def test_random_search_is_always_the_baseline() -> None:
    document = quick("regularized_evolution").document()
    assert [row["strategy"] for row in document["rows"]] == ["random", "regularized_evolution"]


def test_the_same_seeds_give_the_same_bytes_whatever_the_number_of_processes() -> None:
    one, two, again = (json.dumps(quick(noise=3.0, jobs=jobs).document()) for jobs in (1, 2, 0))
    assert one == two == again
    assert json.dumps(quick(noise=3.0, seed=1).document()) != again


def test_copies_of_a_strategy_share_noise_and_differ_by_seed() -> None:
    first, second = quick("random,random").rows
    assert second.entry.label == "random #2"
    assert [trace.truths for trace in first.traces] != [trace.truths for trace in second.traces]


def test_a_strategy_that_fails_is_a_row_with_its_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(STRATEGIES, "moody", f"{__name__}:Moody")
    monkeypatch.setattr(Moody, "searches", 0)
    document = quick("moody,regularized_evolution", seeds=6).document()
    moody = document["rows"][1]
    assert moody["error"].startswith("search 4: ValueError: no mood (test_comparing.py, line ")
    assert "at" not in moody
    assert Moody.searches == 1 + 5, "made once for the check; the sixth search is not begun"
    assert document["rows"][2]["ranks"].keys() == {"20", "30"}
    assert sum(document["rows"][n]["rank"] for n in (0, 2)) == pytest.approx(3.0)


def test_progress_is_told_after_every_search() -> None:
    told: list[tuple[str, int, int]] = []
    quick(on_progress=lambda *step: told.append(step))
    assert told == [(name, n, 4) for name in ("random", "regularized_evolution") for n in range(1, 5)]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"seeds": 1}, "seeds is a whole number from 2 on"),
        ({"trials": 0}, "trials is a whole number from 1 on"),
        ({"workers": 0}, "workers is a whole number from 1 on"),
        ({"jobs": -1}, "jobs is a whole number from 0 on"),
        ({"noise": -0.1}, "noise is a number from 0 on"),
        ({"noise": math.nan}, "noise is a number from 0 on"),
        ({"within": math.inf}, "within is a number from 0 on"),
        ({"signal": "vald"}, "did you mean 'valid'"),
    ],
)
def test_a_wrong_argument_is_refused_with_a_sentence(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        quick(**settings)


def test_many_workers_are_faster_on_the_virtual_clock() -> None:
    alone, together = quick().document(), quick(workers=8).document()
    assert together["rows"][0]["time"] < alone["rows"][0]["time"] / 4
    assert together["workers"] == 8


def false_positives(pairs: list[tuple[list[float], list[float]]], alpha: float = 0.05) -> bool:
    """Whether no more comparisons of equals are significant than α and three standard errors allow."""
    share = sum(wilcoxon(first, second) < alpha for first, second in pairs) / len(pairs)
    return share <= alpha + 3 * math.sqrt(alpha * (1 - alpha) / len(pairs))


def test_equal_distributions_are_rarely_significantly_different() -> None:
    rng = random.Random(0)

    def best_of_some() -> list[float]:
        return [max(rng.choices(range(100), k=8)) + 0.0 for _ in range(20)]

    assert false_positives([(best_of_some(), best_of_some()) for _ in range(200)])


@pytest.mark.slow
def test_a_strategy_compared_with_itself_is_rarely_significant() -> None:
    """100 A/A comparisons of random search, each with searches of its own."""
    rows = compare(Planted(), ",".join(["random"] * 200), trials=8, seeds=12, noise=2.0, jobs=2).rows
    assert false_positives([(rows[n].truths(8), rows[n + 1].truths(8)) for n in range(0, 200, 2)])


def test_a_benchmark_can_be_named() -> None:
    with pytest.raises(ConfigError, match="nasbench201"):
        compare("nasbensh201/cifar10", seeds=2)


def test_the_rows_know_their_traces() -> None:
    row = quick().rows[0]
    assert isinstance(row, Row)
    assert row.truths(30) == [trace.truths[-1] for trace in row.traces]
    assert row.believed(30) == []
