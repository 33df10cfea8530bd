"""Who goes into the confirmation where trials stood on several rungs."""

from searchitect.objectives import Objective
from searchitect.study.finalists import best_trial, choose, feasible, pareto_front
from searchitect.trial import Fidelity, Proposal, Trial, TrialState
from tests.study.test_effort import SPACE

SCORE = (Objective("score", "maximize"),)
TWO = (Objective("accuracy", "maximize"), Objective("latency_ms", "minimize"))
LOW, HIGH = Fidelity(epochs=3), Fidelity(epochs=9)


def trial(number, fidelity, key=None, more=None, **measurements):
    proposal = Proposal(SPACE.default(), fidelity, **(more or {}))
    return Trial(number, proposal, TrialState.COMPLETE, key or str(number), 0, measurements=measurements)


def test_the_highest_rung_comes_first_however_good_a_short_training_looks():
    trials = [trial(0, LOW, score=9.0), trial(1, HIGH, score=1.0), trial(2, HIGH, score=2.0), trial(3, LOW, score=5.0)]
    assert best_trial(trials, SCORE, ()).number == 2
    assert [t.number for t in choose(trials, SCORE, (), 3)] == [2, 1, 0]


def test_an_architecture_stands_for_its_highest_rung():
    trials = [trial(0, LOW, "a", score=9.0), trial(1, HIGH, "a", score=1.0), trial(2, HIGH, "b", score=2.0)]
    assert [t.number for t in feasible(trials, SCORE, ())] == [1, 2]
    assert [t.number for t in choose(trials, SCORE, (), 2)] == [2, 1]


def test_of_equal_rungs_the_earliest_trial_counts():
    trials = [trial(0, HIGH, "a", score=1.0), trial(1, HIGH, "a", {"replicate": 1}, score=9.0)]
    assert [t.number for t in feasible(trials, SCORE, ())] == [0]


def test_a_training_without_a_number_of_epochs_is_the_full_one():
    trials = [trial(0, Fidelity(epochs=36), score=9.0), trial(1, Fidelity(), score=1.0)]
    assert best_trial(trials, SCORE, ()).number == 1


def test_seconds_and_shares_of_the_data_make_rungs_too():
    seconds = [trial(0, Fidelity(epochs=9, seconds=1.0), score=9.0), trial(1, Fidelity(9, seconds=3.0), score=1.0)]
    shares = [trial(0, Fidelity(epochs=9, data_fraction=0.3), score=9.0), trial(1, HIGH, score=1.0)]
    assert [best_trial(trials, SCORE, ()).number for trials in (seconds, shares)] == [1, 1]


def test_what_inherits_and_long_audits_stand_beside_full_evaluations():
    trials = [
        trial(0, HIGH, score=2.0),
        trial(1, LOW, more={"inherits": 0}, score=3.0),
        trial(2, Fidelity(epochs=20), more={"replicate": 1}, score=1.0),
    ]
    assert [t.number for t in choose(trials, SCORE, (), 3)] == [1, 0, 2]


def test_the_front_holds_the_highest_rung_alone():
    trials = [
        trial(0, LOW, accuracy=0.99, latency_ms=1.0),
        trial(1, HIGH, accuracy=0.9, latency_ms=5.0),
        trial(2, HIGH, accuracy=0.8, latency_ms=2.0),
        trial(3, HIGH, accuracy=0.7, latency_ms=4.0),
    ]
    assert [t.number for t in pareto_front(trials, TWO, ())] == [1, 2]
    assert [t.number for t in choose(trials, TWO, (), 4)] == [1, 2, 3, 0]
    assert pareto_front([], TWO, ()) == []
