"""ASHA promotes what is in the top third of its rung so far, and never waits."""

import dataclasses
import random
from itertools import pairwise

from searchitect.strategies import make_strategy
from searchitect.trial import Trial, TrialState
from tests.strategies.rung_searches import SPACE, play, rungs_of, setting_of


def test_the_third_trial_makes_the_first_promotion():
    setting = setting_of(9)
    trials = play(make_strategy("asha", setting), setting, 13)
    assert [t.proposal.fidelity.epochs for t in trials] == [1, 1, 1, 3, 1, 1, 1, 3, 1, 1, 1, 3, 9]
    best = max(trials[:3], key=lambda t: t.measurements["score"])
    assert trials[3].proposal.continues == best.number


def test_with_one_worker_every_rung_holds_a_third_of_the_one_below():
    setting = setting_of(27)
    counts = list(rungs_of(play(make_strategy("asha", setting), setting, 200)).values())
    # What was in the top third once has been promoted, and may since have been overtaken.
    assert all(below // 3 - 1 <= above <= below / 2 for below, above in pairwise(counts))


def test_it_never_waits():
    setting = setting_of(9)
    strategy = make_strategy("asha", setting)
    for number in range(30):
        proposal = strategy.ask(number)
        assert proposal is not None
        strategy.tell(Trial(number, proposal, TrialState.RUNNING, SPACE.key(proposal.architecture), 0))


def test_a_trial_is_promoted_once_even_if_its_promotion_failed():
    setting = setting_of(9)
    trials = play(make_strategy("asha", setting), setting, 40, failing=lambda n: n == 3)
    continued = [t.proposal.continues for t in trials if t.proposal.continues is not None]
    assert len(set(continued)) == len(continued)
    assert trials[3].state is TrialState.FAILED
    assert trials[3].proposal.continues is not None


def test_the_highest_rung_is_served_first():
    setting = setting_of(9)
    strategy = make_strategy("asha", setting)
    number = 0

    def add(epochs, continues, score):
        nonlocal number
        fidelity = dataclasses.replace(setting.fidelity, epochs=epochs)
        architecture = SPACE.sample(random.Random(number))
        asked = dataclasses.replace(strategy.ask(0), architecture=architecture, fidelity=fidelity, continues=continues)
        trial = Trial(number, asked, TrialState.RUNNING, SPACE.key(architecture), 0)
        strategy.tell(trial)
        strategy.tell(dataclasses.replace(trial, state=TrialState.COMPLETE, measurements={"score": score}))
        number += 1

    for score in (1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0):
        add(1, None, score)
    for continued in (6, 7):
        add(3, continued, float(continued))
    assert strategy.ask(99).continues == 8  # two on the second rung are no three
    add(3, 8, 8.0)
    assert strategy.ask(99).fidelity.epochs == 9
    assert strategy.ask(99).continues == 11
