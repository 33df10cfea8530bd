"""The model of cost at work: refits are events, what cannot end is not begun, and a resumed study predicts the same."""

import pytest

import searchitect as sa
from searchitect.evaluation import Outcome
from searchitect.executors.simulated import SimulatedExecutor
from searchitect.study import Study
from searchitect.study.costing import COST, PredictedCost, note_cost
from searchitect.study.limits import Limit
from searchitect.study.loop import Clock, Runner, run_phase
from searchitect.trial import TrialState


@sa.space
class Sized:
    size: int = sa.choice(1, 2, 4, 8, 16, 32, 64)
    other: int = sa.integer(0, 30)


def facts(architecture, names):
    known = {"flops": 1e6 * architecture["size"], "parameters": 1000.0}
    return {name: known[name] for name in names if name in known}


def seconds(architecture):
    return 0.5 * architecture["size"]


class Scored:
    def evaluate(self, proposal, context):
        return {"score": float(proposal.architecture["other"])}


def opened(**changes):
    return Study(Sized, strategy="random", objectives=["score"], facts=facts, **changes)


def run(study, limit):
    executor = SimulatedExecutor(Scored(), lambda proposal: seconds(proposal.architecture), 1)
    with executor:
        return run_phase(study, "search", Runner(executor, Clock(now=executor.now)), limit)


def test_refits_are_events_and_a_reopened_study_predicts_the_same(tmp_path):
    with opened(store=str(tmp_path / "s.db")) as study:
        run(study, Limit(trials=25, seconds=1e6))
        marks = study.state.marks[COST]
        predicted = [study.setting.cost(study.trials[n].architecture) for n in range(10)]
    assert [mark["model"]["trials"] for mark in marks] == [3, 5, 10, 20]
    with opened(store=str(tmp_path / "s.db")) as again:
        assert [again.setting.cost(again.trials[n].architecture) for n in range(10)] == predicted
        for value, trial in zip(predicted, again.trials[:10], strict=True):
            assert value == pytest.approx(seconds(trial.architecture), rel=0.3)


def test_without_a_budget_of_time_the_journal_holds_no_model():
    study = opened()
    run(study, Limit(trials=12))
    assert COST not in study.state.marks


def test_no_trial_is_begun_that_cannot_end():
    """With the model a long trial is refused at the end, where the mean alone would have begun it."""
    study = opened(seed=3)
    assert run(study, Limit(seconds=200.0)) == "budget"
    used, failed = study.state.elapsed, [t for t in study.trials if t.state is TrialState.FAILED]
    assert failed == []
    assert used <= 200.0 + 0.5 * max(seconds(t.architecture) for t in study.trials)
    assert not study.state.running


def test_before_anything_is_learned_the_unit_is_flops_and_facts_are_needed():
    study = opened()
    assert isinstance(study.setting.cost, PredictedCost)
    small, large = (sa.Architecture.of(Sized(size, 0)) for size in (1, 64))
    assert study.setting.cost(large) == pytest.approx(64 * study.setting.cost(small))
    assert Study(Sized, strategy="random", objectives=["score"]).setting.cost is None


def test_a_refit_that_is_not_due_writes_nothing():
    study = opened()
    for _ in range(4):
        trial = study.ask()
        study.end(Outcome(trial.number, TrialState.COMPLETE, {"score": 1.0}, seconds=1.0), 0.0)
    note_cost(study)
    assert COST not in study.state.marks
