from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from searchitect.errors import ConfigError
from searchitect.executors import SerialExecutor, SimulatedExecutor
from searchitect.result import result_of
from searchitect.storage import open_store
from searchitect.study.state import StudyState
from searchitect.study.stopping import median_rule, peers_of, stopping_rule
from searchitect.trial import TrialState
from tests.study.curves import EPOCHS, Straight, end, epochs_of, journal, make_study, run
from tests.study.parts import FakeExecutor

ROOT = Path(__file__).parents[2]


def test_the_median_rule_saves_epochs_and_never_stops_the_best():
    plain, evaluator = make_study(None), Straight()
    run(plain, SerialExecutor(Straight()), trials=40)
    stopping = make_study()
    run(stopping, SerialExecutor(evaluator), trials=40)
    assert [t.key for t in plain.trials] == [t.key for t in stopping.trials]
    assert stopping.best.number == plain.best.number == max(plain.trials, key=lambda t: end(t.architecture)).number
    # Lines of which everything is known: after five complete trials one ends at the first step of 2 or more at which
    # it is below the median of their running averages.
    expected, complete = 0, []
    for t in plain.trials:
        own, middle = end(t.architecture), sorted(complete)
        at = EPOCHS
        if len(middle) >= 5:
            half = len(middle) // 2
            median = middle[half] if len(middle) % 2 else (middle[half - 1] + middle[half]) / 2
            at = next((s for s in range(2, EPOCHS) if own * s < median * (s + 1) / 2), EPOCHS)
        expected += at
        if at == EPOCHS:
            complete.append(own)
    assert evaluator.spent == expected < 0.8 * 40 * EPOCHS


def test_a_stopped_trial_is_pruned_with_its_reason_and_what_it_reached():
    study = run(make_study(), SerialExecutor(Straight()))
    stopped = [t for t in study.trials if t.state is TrialState.PRUNED]
    assert stopped
    for one in stopped:
        step, _ = study.state.stops[one.number]
        assert one.reason.startswith("median rule at step ")
        assert [s for s, _ in one.reports] == list(range(1, step + 1))
        assert one.measurements["epochs"] == step
    assert result_of(study.state).counts["pruned"] == len(stopped)


def test_every_verdict_follows_from_the_journal_before_it():
    study = run(make_study(), SimulatedExecutor(Straight(noise=0.05), epochs_of, workers=4), trials=40)
    state, verdicts = StudyState(), 0
    for _, event in study.store.journal(study.name).read():
        state.apply(event)
        if event["kind"] == "report":
            trial = state.trials[event["number"]]
            ended = [state.trials[n] for n in state.ended]
            assert median_rule(trial, peers_of(trial, ended), study.objectives) == event.get("stop")
            verdicts += "stop" in event
    assert verdicts > 5


@pytest.mark.parametrize("workers", [1, 3])
def test_deterministic_verdicts_compare_with_what_had_ended_at_the_start(workers):
    executor = SimulatedExecutor(Straight(noise=0.05), epochs_of, workers=workers)
    study = run(make_study(), executor, trials=40, deterministic=True)
    state = StudyState()
    for _, event in study.store.journal(study.name).read():
        state.apply(event)
        if event["kind"] == "report":
            trial = state.trials[event["number"]]
            ended = [state.trials[n] for n in state.ended[: state.seen[trial.number]]]
            assert median_rule(trial, peers_of(trial, ended), study.objectives) == event.get("stop")
    assert study.state.stops


def slow(proposal):
    return 1.0 + proposal.architecture["b"] % 7


def quick(proposal):
    return 9.0 - proposal.architecture["b"] % 7


def test_a_deterministic_journal_does_not_depend_on_who_is_faster():
    journals = [
        journal(run(make_study(), SimulatedExecutor(Straight(0.05), cost, workers=3), deterministic=True))
        for cost in (slow, quick, epochs_of)
    ]
    assert journals[0] == journals[1] == journals[2]


@settings(max_examples=25, deadline=None)
@given(number=st.integers(0, 19), step=st.integers(1, EPOCHS), deterministic=st.booleans())
def test_a_study_that_is_cut_off_anywhere_goes_on_to_the_same_journal(number, step, deterministic):
    whole = run(make_study(), SerialExecutor(Straight(0.05)), trials=20, deterministic=deterministic)
    store = open_store("memory:")
    study = make_study(store=store)
    with contextlib.suppress(KeyboardInterrupt):
        run(study, SerialExecutor(Straight(0.05, crash=(number, step))), trials=20, deterministic=deterministic)
    study.close()
    again = make_study(store=store)
    run(again, SerialExecutor(Straight(0.05)), trials=20, deterministic=deterministic)
    assert journal(again) == journal(whole)


@settings(max_examples=25, deadline=None)
@given(cut=st.integers(2, 150))
def test_a_journal_that_ends_anywhere_goes_on_to_the_same_one(cut):
    whole = run(make_study(), SerialExecutor(Straight(0.05)), trials=20)
    store = open_store("memory:")
    copy = store.journal("study", create=True)
    for position, event in whole.store.journal("study").read():
        if position <= cut:
            copy.append(event)
    again = run(make_study(store=store), SerialExecutor(Straight(0.05)), trials=20)
    assert journal(again) == journal(whole)


def test_replicates_and_other_phases_are_left_alone():
    study = run(make_study(), SerialExecutor(Straight()), trials=20)
    study.enter("random", _Random(study))
    run_other(study)
    assert all(t.is_complete for t in study.trials if t.phase == "random")
    assert not [e for e in journal(study) if e["kind"] == "report" and study.trials[e["number"]].phase == "random"]


class _Random:
    def __init__(self, study):
        self._space, self._asked = study.space, 0

    def ask(self, number):
        from searchitect.seeding import stream
        from searchitect.trial import Proposal

        return Proposal(self._space.sample(stream(1, number)), replicate=1)

    def tell(self, trial):
        self._asked += 1


def run_other(study):
    from searchitect.study import Clock, Limit, Runner, run_phase

    run_phase(study, "random", Runner(SerialExecutor(Straight()), Clock()), Limit(trials=10))


def test_your_own_loop_reports_and_follows_the_advice():
    study = make_study()
    spent = 0
    for _ in range(30):
        trial = study.ask()
        for epoch in range(1, EPOCHS + 1):
            spent += 1
            if study.report(trial, epoch, score=end(trial.architecture) * epoch / EPOCHS, progress=epoch / EPOCHS):
                ended = study.tell(trial, pruned=True)
                assert ended.reason.startswith("median rule")
                assert ended.measurements["score"] == pytest.approx(end(trial.architecture) * epoch / EPOCHS)
                break
        else:
            study.tell(trial, score=end(trial.architecture))
    assert spent < 30 * EPOCHS
    assert study.best.number == max(study.trials, key=lambda t: end(t.architecture)).number
    with pytest.raises(ConfigError, match="is not running"):
        study.report(trial, 1, score=0.0)


def test_a_trial_may_be_given_up_for_a_reason_of_its_own():
    study = make_study(None)
    trial = study.ask()
    assert study.report(trial, 1, score=0.5) is None
    ended = study.tell(trial, pruned="it smelled of smoke")
    assert (ended.state, ended.reason, ended.measurements) == (TrialState.PRUNED, "it smelled of smoke", {"score": 0.5})


def test_a_report_is_written_once_and_what_is_not_finite_left_out():
    study = make_study(None)
    trial = study.ask()
    for _ in range(2):
        study.report(trial, 1, score=0.5, loss=float("nan"))
    study.tell(trial, score=0.7, reports=((1, {"score": 0.5}), (2, {"score": 0.6})))
    assert [e["measurements"] for e in journal(study) if e["kind"] == "report"] == [{"score": 0.5}]
    assert study.trials[0].reports == ((1, {"score": 0.5}), (2, {"score": 0.6}))


def test_two_objectives_read_what_is_known_without_training():
    study = make_study(objectives=["maximize score", "minimize parameters"], facts=Straight().check)
    run(study, SerialExecutor(Straight()), trials=40)
    stopped = [t for t in study.trials if t.state is TrialState.PRUNED]
    assert stopped
    front = {t.number for t in result_of(study.state).front}
    plain = make_study(None, objectives=["maximize score", "minimize parameters"], facts=Straight().check)
    run(plain, SerialExecutor(Straight()), trials=40)
    assert all("parameters" in told for t in stopped for _, told in t.reports)
    assert {t.number for t in result_of(plain.state).front} == front


def test_a_resumed_study_with_another_rule_is_refused():
    store = open_store("memory:")
    make_study("median", store=store).close()
    with pytest.raises(ConfigError, match="another settings.stopping: 'median', now 'curve'"):
        make_study("curve", store=store)
    with pytest.raises(ConfigError, match="another settings.stopping: 'median', now None"):
        make_study(None, store=store)


def test_an_executor_that_cannot_stop_works_without_a_rule_and_is_refused_with_one():
    with pytest.raises(ConfigError, match="FakeExecutor hands none over"):
        run(make_study(objectives=["score"]), FakeExecutor())


def test_a_rule_of_your_own_is_a_function():
    def two_steps(trial, peers, objectives):
        return "two steps are enough" if trial.reports[-1][0] == 2 and trial.number % 2 else None

    study = run(make_study(two_steps), SerialExecutor(Straight()), trials=10)
    assert [t.state is TrialState.PRUNED for t in study.trials] == [n % 2 == 1 for n in range(10)]
    assert stopping_rule(two_steps) is two_steps


KILLED = """
import sys, time
sys.path.insert(0, {root!r})
from tests.study.curves import *
from searchitect.executors import ProcessExecutor
class Slow(Straight):
    def evaluate(self, proposal, context):
        time.sleep(0.02)
        return super().evaluate(proposal, context)
if __name__ == "__main__":
    study = make_study(store={store!r})
    with ProcessExecutor(Slow(0.05), workers=2) as executor:
        run(study, executor, trials=25, deterministic=True)
    print("done")
"""


@pytest.mark.slow
def test_worker_processes_killed_in_the_middle_end_in_the_same_journal(tmp_path):
    def start(store):
        text = textwrap.dedent(KILLED.format(root=str(ROOT), store=str(tmp_path / store)))
        return subprocess.Popen([sys.executable, "-c", text], stdout=subprocess.PIPE, cwd=ROOT)

    assert b"done" in start("whole.db").communicate(timeout=120)[0]
    for wait in (2.5, 3.0, 3.5):
        process = start("cut.db")
        try:
            process.wait(wait)
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
        process.communicate()
    assert b"done" in start("cut.db").communicate(timeout=120)[0]
    whole, cut = (make_study(store=str(tmp_path / name)) for name in ("whole.db", "cut.db"))
    assert whole.state.stops
    assert journal(cut) == journal(whole)
