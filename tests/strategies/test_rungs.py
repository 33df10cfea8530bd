"""How many configurations stand on which rung, who is promoted, and whether rungs agree: the papers' own tables."""

import dataclasses

import pytest

import searchitect as sa
from searchitect.errors import ConfigError
from searchitect.objectives import Objective
from searchitect.strategies import Setting
from searchitect.strategies.rungs import halving_sizes, hyperband_brackets, make_ladder, promoted, rung_agreement
from searchitect.trial import Fidelity, Proposal, Trial, TrialState
from tests.strategies.spaces import Flat

SPACE = sa.SearchSpace.of(Flat)
SCORE = (Objective("score", "maximize"),)
TWO = (Objective("accuracy", "maximize"), Objective("latency_ms", "minimize"))


def setting(fidelity=Fidelity(epochs=81), **more):
    return Setting(SPACE, SCORE, fidelity=fidelity, **more)


def ended(number, fidelity=Fidelity(epochs=9), state=TrialState.COMPLETE, key=None, **measurements):
    proposal = Proposal(SPACE.default(), fidelity)
    return Trial(number, proposal, state, str(number) if key is None else key, 0, measurements=measurements)


# ---- numbers


def test_hyperband_has_the_numbers_of_the_papers_table():
    """Li et al. 2018, table 1: R = 81, η = 3."""
    brackets = hyperband_brackets(5, 3)
    assert [bracket.sizes for bracket in brackets] == [(81, 27, 9, 3, 1), (34, 11, 3, 1), (15, 5, 1), (8, 2), (5,)]
    assert [bracket.first for bracket in brackets] == [0, 1, 2, 3, 4]


def test_hyperband_with_a_factor_of_two():
    """R = 8, η = 2, as mlr3hyperband prints it."""
    assert [b.sizes for b in hyperband_brackets(4, 2)] == [(8, 4, 2, 1), (6, 3, 1), (4, 2), (4,)]


def test_every_rung_of_halving_costs_as_much_as_every_other():
    assert halving_sizes(27, 4, 3) == (27, 9, 3, 1)
    assert halving_sizes(20, 3, 3) == (20, 6, 2)
    assert halving_sizes(2, 3, 3) == (2, 1, 1)


@pytest.mark.parametrize("power", range(1, 7))
def test_an_exact_power_has_all_its_rungs(power):
    """⌊log₃ 243⌋ in floating point is 4."""
    ladder = make_ladder(setting(Fidelity(epochs=3**power)))
    assert ladder.amounts == tuple(3.0**n for n in range(power + 1))


def test_the_last_rung_is_the_studys_own_fidelity():
    full = Fidelity(epochs=20, data_fraction=0.5)
    ladder = make_ladder(setting(full))
    assert ladder.fidelities[-1] is full
    assert [f.epochs for f in ladder.fidelities] == [2, 7, 20]
    assert {f.data_fraction for f in ladder.fidelities} == {0.5}


def test_the_least_amount_can_be_chosen():
    assert make_ladder(setting(), r_min=9).amounts == (9, 27, 81)
    assert make_ladder(setting(), r_min=10).amounts == (27, 81)
    assert make_ladder(setting(), eta=9).amounts == (1, 9, 81)


def test_a_budget_of_time_makes_rungs_of_seconds():
    ladder = make_ladder(setting(Fidelity(epochs=30, seconds=9.0)))
    assert [f.seconds for f in ladder.fidelities] == [1.0, 3.0, 9.0]
    assert {f.epochs for f in ladder.fidelities} == {30}


@pytest.mark.parametrize(("axis", "shares"), [("data_fraction", [1 / 9, 1 / 3, 1.0]), ("resolution", [1 / 3, 1.0])])
def test_the_axis_can_be_chosen(axis, shares):
    ladder = make_ladder(setting(), axis=axis)
    assert [getattr(f, axis) for f in ladder.fidelities] == pytest.approx(shares, abs=1e-6)
    assert {f.epochs for f in ladder.fidelities} == {81}


def test_a_table_is_asked_for_what_it_recorded():
    recorded = setting(Fidelity(), recorded_epochs=(4, 12, 36, 108))
    ladder = make_ladder(recorded)
    assert ladder.fidelities == (Fidelity(epochs=4), Fidelity(epochs=12), Fidelity(epochs=36), Fidelity())
    assert make_ladder(recorded, r_min=12).amounts == (12, 36, 108)
    assert make_ladder(setting(Fidelity(), recorded_epochs=(12, 200))).amounts == (12, 200)
    assert make_ladder(setting(Fidelity(), recorded_epochs=(200,))).amounts == (200,)


def test_what_cannot_be_divided_has_one_rung():
    assert make_ladder(setting(Fidelity(epochs=1))).fidelities == (Fidelity(epochs=1),)
    assert make_ladder(setting(Fidelity(epochs=0))).fidelities == (Fidelity(epochs=0),)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"eta": 1}, "eta is a whole number from 2 on"),
        ({"eta": 2.5}, "eta is a whole number from 2 on"),
        ({"r_min": 0}, "r_min lies above 0 and up to 81 epochs"),
        ({"r_min": 82}, "r_min lies above 0 and up to 81 epochs"),
        ({"axis": "epoch"}, "did you mean 'epochs'"),
    ],
)
def test_a_wrong_option_is_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        make_ladder(setting(), **options)


def test_an_unknown_length_is_refused_with_what_to_type():
    with pytest.raises(ConfigError, match=r"how many epochs a full evaluation has\n.*sa\.Recipe\(epochs=81\)"):
        make_ladder(setting(Fidelity()))


# ---- promotion


def test_the_best_are_promoted_and_of_equals_the_earlier():
    trials = [ended(0, score=1.0), ended(1, score=3.0), ended(2, score=3.0), ended(3, state=TrialState.FAILED)]
    assert [t.number for t in promoted(trials, 2, SCORE)] == [1, 2]
    assert [t.number for t in promoted(trials, 9, SCORE)] == [1, 2, 0]


def test_a_pruned_trial_is_not_promoted():
    trials = [ended(0, score=1.0), ended(1, state=TrialState.PRUNED, score=9.0)]
    assert [t.number for t in promoted(trials, 2, SCORE)] == [0]


def points(*pairs):
    return [ended(n, accuracy=good, latency_ms=slow) for n, (good, slow) in enumerate(pairs)]


def test_with_two_objectives_the_front_goes_first():
    trials = points((0.5, 5.0), (0.9, 9.0), (0.4, 6.0), (0.3, 1.0))  # the third is dominated by the first
    assert {t.number for t in promoted(trials, 3, TWO)} == {0, 1, 3}
    assert promoted(trials, 4, TWO)[-1].number == 2


def test_of_a_front_those_that_add_most_volume_are_promoted():
    """Three of the five lie side by side; one of them stands for all."""
    trials = points((0.10, 1.0), (0.50, 5.0), (0.51, 5.1), (0.49, 4.9), (0.90, 9.0))
    chosen = [t.number for t in promoted(trials, 3, TWO)]
    assert set(chosen) & {1, 2, 3} == {chosen[0]}
    assert {0, 4} < set(chosen)


def test_lazy_gains_equal_computing_all_of_them():
    import random

    from searchitect.pareto import hypervolume
    from searchitect.strategies.rungs import _by_hypervolume

    rng = random.Random(0)
    for _ in range(20):
        rows = [(x, 1 - x + 0.3 * rng.random(), rng.random()) for x in (rng.random() for _ in range(8))]
        low, high = [min(c) for c in zip(*rows, strict=True)], [max(c) for c in zip(*rows, strict=True)]
        unit = [[(v - b) / (t - b) for v, b, t in zip(row, low, high, strict=True)] for row in rows]
        slow: list[int] = []
        for _ in range(4):
            left = [place for place in range(8) if place not in slow]
            slow.append(max(left, key=lambda p: hypervolume([unit[i] for i in (*slow, p)], [1.1] * 3)))
        assert _by_hypervolume(rows, 4) == slow


def test_equal_points_are_both_promoted_where_there_is_room():
    trials = points((0.5, 5.0), (0.5, 5.0), (0.9, 9.0))
    assert [t.number for t in promoted(trials, 2, TWO)].count(2) == 1
    assert len(promoted(trials, 3, TWO)) == 3


# ---- agreement

LOW, HIGH = Fidelity(epochs=3), Fidelity(epochs=9)


def both(pairs, objective="score"):
    low = [ended(n, LOW, key=str(n), **{objective: a}) for n, (a, _) in enumerate(pairs)]
    high = [ended(100 + n, HIGH, key=str(n), **{objective: b}) for n, (_, b) in enumerate(pairs)]
    return low + high


def test_rungs_in_the_same_order_agree_and_in_the_opposite_order_disagree():
    same = rung_agreement(both([(n, n * n) for n in range(8)]), LOW, HIGH, SCORE[0])
    assert (same.tau, same.pairs) == (1.0, 8)
    assert rung_agreement(both([(n, -n) for n in range(8)]), LOW, HIGH, SCORE[0]).tau == -1.0


def test_tau_is_kendalls():
    from scipy.stats import kendalltau

    pairs = [(1, 2), (2, 1), (3, 3), (4, 3), (4, 6), (6, 5), (7, 0)]
    found = rung_agreement(both(pairs), LOW, HIGH, SCORE[0])
    assert found.tau == pytest.approx(kendalltau(*zip(*pairs, strict=True)).statistic)


def test_few_pairs_say_nothing():
    found = rung_agreement(both([(n, n) for n in range(5)]), LOW, HIGH, SCORE[0])
    assert (found.tau, found.pairs) == (None, 5)
    assert rung_agreement([], LOW, HIGH, SCORE[0]).pairs == 0


def test_only_what_completed_both_rungs_counts():
    trials = both([(n, n) for n in range(7)])
    trials[0] = dataclasses.replace(trials[0], state=TrialState.FAILED, measurements={})
    trials += [ended(300, LOW, key="alone", score=99.0), ended(301, LOW, key="1", score=-50.0)]
    found = rung_agreement(trials, LOW, HIGH, SCORE[0])
    assert (found.tau, found.pairs) == (1.0, 6)
