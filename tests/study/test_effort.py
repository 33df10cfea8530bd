"""What rungs cost, in full evaluations: increments where trials continue, whole trainings where they begin afresh."""

import dataclasses

import pytest

import searchitect as sa
from searchitect.objectives import Objective
from searchitect.strategies import Setting
from searchitect.study.effort import effort, full_evaluations, is_full
from searchitect.trial import Fidelity, Proposal, Trial, TrialState
from tests.strategies.spaces import Flat

SPACE = sa.SearchSpace.of(Flat)
SCORE = (Objective("score", "maximize"),)


def setting(fidelity=Fidelity(epochs=9), **more):
    return Setting(SPACE, SCORE, fidelity=fidelity, **more)


def trial(number, fidelity, state=TrialState.COMPLETE, measurements=None, reused=None, **more):
    proposal = Proposal(SPACE.default(), fidelity, **more)
    return Trial(number, proposal, state, str(number), 0, measurements=measurements or {}, reused=reused)


LOW, FULL = Fidelity(epochs=3), Fidelity(epochs=9)


def test_a_short_training_is_a_share_of_a_full_one():
    assert effort(trial(0, LOW), [], setting()) == pytest.approx(1 / 3)
    assert effort(trial(0, FULL), [], setting()) == 1.0
    assert effort(trial(0, dataclasses.replace(FULL, data_fraction=0.25)), [], setting()) == 0.25
    assert effort(trial(0, dataclasses.replace(FULL, resolution=0.5)), [], setting()) == 0.25


def test_what_continues_pays_the_increment():
    first = trial(0, LOW)
    assert effort(trial(1, FULL, continues=0), [first], setting()) == pytest.approx(2 / 3)


def test_what_trained_afresh_all_the_same_pays_for_all_of_it():
    first = trial(0, LOW)
    afresh = trial(1, FULL, continues=0, measurements={"continued_epochs": 0.0, "epochs": 9.0})
    went_on = trial(1, FULL, continues=0, measurements={"continued_epochs": 3.0, "epochs": 6.0})
    assert effort(afresh, [first], setting()) == 1.0
    assert effort(went_on, [first], setting()) == pytest.approx(2 / 3)
    unsaid = trial(1, FULL, continues=0, measurements={"continued_epochs": 0.0})
    assert effort(unsaid, [first], setting()) == 1.0


def test_seconds_count_as_epochs_do():
    own = setting(Fidelity(epochs=30, seconds=9.0))
    first = trial(0, Fidelity(epochs=30, seconds=3.0))
    assert effort(first, [], own) == pytest.approx(1 / 3)
    assert effort(trial(1, own.fidelity, continues=0), [first], own) == pytest.approx(2 / 3)


def test_the_epochs_of_a_table_are_counted_where_the_fidelity_names_none():
    own = setting(Fidelity(), recorded_epochs=(4, 12, 36, 108))
    first = trial(0, Fidelity(epochs=36))
    assert effort(first, [], own) == pytest.approx(1 / 3)
    assert effort(trial(1, Fidelity(), continues=0), [first], own) == pytest.approx(2 / 3)


def test_a_bracket_is_worth_so_many_full_evaluations():
    rungs = [trial(n, Fidelity(epochs=1)) for n in range(9)]
    rungs += [trial(9 + n, LOW, continues=n) for n in range(3)]
    rungs.append(trial(12, FULL, continues=9))
    free = [trial(13, FULL, reused=12), trial(14, FULL, TrialState.INFEASIBLE)]
    assert full_evaluations([*rungs, *free], [*rungs, *free], setting()) == 3  # 9 + 3·2 + 6 = 21 epochs of 9


def test_equal_trials_count_as_they_are():
    plain = [trial(n, Fidelity()) for n in range(7)]
    assert full_evaluations(plain, plain, setting(Fidelity())) == 7
    shared = [trial(n, Fidelity(epochs=0)) for n in range(7)]
    assert full_evaluations(shared, shared, setting(Fidelity(epochs=0))) == 7


@pytest.mark.parametrize(
    ("one", "full", "expected"),
    [
        (Fidelity(epochs=9), FULL, True),
        (Fidelity(epochs=3), FULL, False),
        (Fidelity(epochs=12), FULL, True),
        (Fidelity(epochs=9, data_fraction=0.5), FULL, False),
        (Fidelity(epochs=4), Fidelity(), False),
        (Fidelity(), Fidelity(), True),
    ],
)
def test_a_rung_below_is_no_full_evaluation(one, full, expected):
    assert is_full(trial(0, one), full) is expected


def test_what_inherits_stands_beside_full_evaluations():
    assert is_full(trial(0, LOW, inherits=4), FULL)
