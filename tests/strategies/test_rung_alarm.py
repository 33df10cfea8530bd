"""Rungs that disagree are noticed, written down, and not begun with any more."""

import random

import pytest

from searchitect.executors import SerialExecutor
from searchitect.objectives import Objective
from searchitect.result import result_of
from searchitect.seeding import stream
from searchitect.storage import open_store
from searchitect.strategies import make_strategy
from searchitect.strategies.rungs import disagreement, make_ladder
from searchitect.study import Clock, Limit, Runner, Study, run_phase
from searchitect.study.alarms import RUNG_ALARM
from searchitect.trial import Fidelity, Proposal, Trial, TrialState
from tests.strategies.rung_searches import SPACE, Wide, play, setting_of
from tests.study.curves import journal

SCORE = Objective("score", "maximize")


def agreeing(proposal):
    """The same order on every rung."""
    return float(sum(proposal.architecture.decisions.values()))


def crossing(proposal):
    """One epoch says the contrary of three; three and more agree."""
    return -agreeing(proposal) if proposal.fidelity.epochs == 1 else agreeing(proposal)


def finished(number, architecture, epochs, score):
    proposal = Proposal(architecture, Fidelity(epochs=epochs))
    return Trial(number, proposal, TrialState.COMPLETE, architecture.text, 0, measurements={"score": score})


def rungs(values, seed=0):
    """Trials of 1 epoch, one for each value, and of 3 epochs for those with a second value."""
    architectures = [SPACE.sample(stream(seed, "rungs", n)) for n in range(len(values))]
    low = [finished(n, a, 1, first) for n, (a, (first, _)) in enumerate(zip(architectures, values, strict=True))]
    high = [
        finished(90, a, 3, second) for a, (_, second) in zip(architectures, values, strict=True) if second is not None
    ]
    return low + high


LADDER = make_ladder(setting_of(9))


def test_eight_architectures_in_reverse_order_raise_the_alarm_and_seven_do_not():
    for count, expected in ((8, True), (7, False)):
        trials = rungs([(float(n), float(-n)) for n in range(count)])
        alarm = disagreement(LADDER, trials, SCORE, 0)
        assert (alarm is not None) is expected
    alarm = disagreement(LADDER, rungs([(float(n), float(-n)) for n in range(8)]), SCORE, 0)
    assert (alarm.tau, alarm.pairs, alarm.lower.epochs, alarm.higher.epochs) == (-1.0, 8, 1, 3)
    assert alarm.to_json()["lower"] == Fidelity(epochs=1).to_json()


def test_equal_orders_raise_none():
    assert disagreement(LADDER, rungs([(float(n), float(n)) for n in range(20)]), SCORE, 0) is None


def test_that_only_the_best_went_on_is_no_disagreement():
    rng = random.Random(3)
    # Of 300 the best 60 go on; the two rungs correlate with r = 0.85 (τ = 0.65), which among the 60 looks like 0.35.
    pairs = [(first, 0.85 * first + 0.53 * rng.gauss(0, 1)) for first in (rng.gauss(0, 1) for _ in range(300))]
    pairs = sorted(pairs, reverse=True)
    values = [(first, second if place < 60 else None) for place, (first, second) in enumerate(pairs)]
    assert disagreement(LADDER, rungs(values), SCORE, 0) is None
    unrelated = [(first, rng.gauss(0, 1) if place < 60 else None) for place, (first, _) in enumerate(pairs)]
    assert disagreement(LADDER, rungs(unrelated), SCORE, 0) is not None


@pytest.mark.parametrize("name", ["asha", "successive_halving", "hyperband", "bohb", "priorband"])
def test_after_an_alarm_nothing_begins_on_the_rung_that_foretells_nothing(name):
    setting = setting_of(9, budget=300)
    strategy = make_strategy(name, setting)
    trials = play(strategy, setting, 300, crossing)
    (alarm,) = strategy.alarms()
    assert (alarm.lower.epochs, alarm.higher.epochs) == (1, 3)
    new = [t for t in trials if t.proposal.continues is None]
    assert {t.proposal.fidelity.epochs for t in new[:8]} == {1}
    assert 1 not in {t.proposal.fidelity.epochs for t in new[-20:]}


@pytest.mark.parametrize("name", ["asha", "successive_halving", "hyperband", "bohb", "dehb", "priorband"])
def test_rungs_that_agree_raise_no_alarm(name):
    setting = setting_of(9, budget=200)
    strategy = make_strategy(name, setting)
    play(strategy, setting, 200, agreeing)
    assert strategy.alarms() == ()


class Crossing:
    def evaluate(self, proposal, context):
        return {"score": crossing(proposal)}


def study_of(store):
    return Study(Wide, strategy="asha", objectives=["maximize score"], seed=0, store=store, fidelity=Fidelity(epochs=9))


def run(study, trials=120):
    run_phase(study, "search", Runner(SerialExecutor(Crossing()), Clock()), Limit(trials=trials))
    return study


def test_the_alarm_is_an_event_and_the_result_warns():
    study = run(study_of(None))
    (event,) = study.state.marks[RUNG_ALARM]
    assert event["pairs"] >= 8
    (warning,) = [text for text in result_of(study.state).warnings if "rungs" in text]
    assert "of 1 epochs and of 3 epochs" in warning
    assert f"over {event['pairs']} architectures" in warning


def test_a_study_cut_off_around_the_alarm_goes_on_to_the_same_journal():
    whole = run(study_of(None))
    events = [event for _, event in whole.store.journal("study").read()]
    at = next(place for place, event in enumerate(events) if event["kind"] == RUNG_ALARM)
    for cut in (at - 1, at, at + 1):
        store = open_store("memory:")
        copy = store.journal("study", create=True)
        for event in events[:cut]:
            copy.append(event)
        assert journal(run(study_of(store))) == journal(whole)
