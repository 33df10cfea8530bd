"""Against exact answers, worked examples and scipy."""

from __future__ import annotations

import math
import random

import pytest

from searchitect.tabular.statistics import (
    average_ranks,
    holm,
    mean_and_std,
    quantile,
    rank_biserial,
    ranks,
    regret_area,
    wilcoxon,
)


def test_the_mean_and_the_sample_deviation_are_exact() -> None:
    assert mean_and_std([2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]) == (5.0, pytest.approx(math.sqrt(32 / 7)))
    assert mean_and_std([3.0]) == (3.0, 0.0)


def test_equal_values_share_the_mean_of_their_ranks() -> None:
    assert ranks([0.3, 0.1, 0.3, 0.2]) == [3.5, 1.0, 3.5, 2.0]
    assert ranks([1.0, 1.0, 1.0]) == [2.0, 2.0, 2.0]


def test_ranks_agree_with_scipy() -> None:
    from scipy.stats import rankdata

    rng = random.Random(0)
    values = [float(rng.randrange(20)) for _ in range(100)]
    assert ranks(values) == list(rankdata(values))


def test_average_ranks_with_ties() -> None:
    # Seeds are columns: ranks (1, 2, 3), (1.5, 1.5, 3), (3, 1.5, 1.5), (2, 2, 2).
    rows = [[0.1, 0.0, 0.9, 0.5], [0.2, 0.0, 0.1, 0.5], [0.3, 0.4, 0.1, 0.5]]
    assert average_ranks(rows) == [7.5 / 4, 7.0 / 4, 9.5 / 4]
    assert sum(average_ranks(rows)) == pytest.approx(6.0)


def test_the_area_under_the_regret_curve_is_its_mean_height() -> None:
    assert regret_area([4.0, 2.0, 2.0, 0.0]) == 2.0


@pytest.mark.parametrize(
    ("share", "expected"), [(0.0, 10.0), (0.25, 10.0), (0.26, 20.0), (0.5, 20.0), (0.75, 30.0), (0.76, None), (1, None)]
)
def test_a_quantile_of_counts_knows_that_censored_ones_are_larger(share: float, expected: float | None) -> None:
    assert quantile([30.0, None, 10.0, 20.0], share) == expected


def test_the_ninetieth_percentile_of_ten_is_the_ninth() -> None:
    assert quantile([float(n) for n in range(1, 11)], 0.9) == 9.0
    assert quantile([float(n) for n in range(1, 101)], 0.9) == 90.0


def test_holm_on_the_worked_example() -> None:
    # 0.005·4, max(0.02, 0.01·3), max(0.03, 0.03·2), max(0.06, 0.04·1), in the order given.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([]) == []


def test_holm_never_gives_less_than_the_raw_value_nor_another_order() -> None:
    rng = random.Random(1)
    raw = [rng.random() ** 3 for _ in range(30)]
    adjusted = holm(raw)
    assert all(a >= p for a, p in zip(adjusted, raw, strict=True))
    assert [a for _, a in sorted(zip(raw, adjusted, strict=True))] == sorted(adjusted)


def test_the_signed_rank_test_agrees_with_its_exact_distribution() -> None:
    # All n differences have one sign: 2 of 2**n arrangements are as extreme.
    for n in (3, 5, 8):
        assert wilcoxon([float(i) for i in range(n)], [i + 1.0 + i / 10 for i in range(n)]) == pytest.approx(2 / 2**n)


def test_the_signed_rank_test_agrees_with_scipy_where_pairs_differ() -> None:
    from scipy.stats import wilcoxon as signed_rank

    rng = random.Random(2)
    first = [rng.gauss(0, 1) for _ in range(60)]
    second = [rng.gauss(0.3, 1) for _ in range(60)]
    assert wilcoxon(first, second) == pytest.approx(float(signed_rank(first, second).pvalue))
    assert wilcoxon(first, second) == pytest.approx(wilcoxon(second, first))


def test_equal_pairs_say_nothing() -> None:
    assert wilcoxon([1.0, 2.0], [1.0, 2.0]) == 1.0
    assert rank_biserial([1.0, 2.0], [1.0, 2.0]) == 0.0
    assert wilcoxon([1.0, 5.0, 5.0], [2.0, 5.0, 5.0]) == 1.0


def test_the_effect_is_one_where_the_first_is_always_better() -> None:
    assert rank_biserial([0.1, 0.2, 0.3], [0.2, 0.4, 0.6]) == 1.0
    assert rank_biserial([0.2, 0.4, 0.6], [0.1, 0.2, 0.3]) == -1.0


def test_the_effect_is_the_balance_of_ranks() -> None:
    # Gains 1, −2, 3: ranks 1, 2, 3; (1 − 2 + 3) / 6.
    assert rank_biserial([0.0, 0.0, 0.0], [1.0, -2.0, 3.0]) == pytest.approx(2 / 6)
