"""What goes wrong with workers and machines: planted causes, told by an executor that runs nothing."""

import dataclasses
import os
import signal
import time

import pytest

from searchitect.errors import ConfigError, EvaluationError
from searchitect.evaluation import Cause, Outcome
from searchitect.executors import ProcessExecutor
from searchitect.result import read_result
from searchitect.spaces.architecture import Architecture
from searchitect.study import Clock, Limit, Runner, run_phase
from searchitect.study.incidents import LEAST_FAILURES, TAUGHT, incident_lines
from searchitect.trial import TrialState
from tests.study.parts import FakeExecutor, journal, make_study, run


class Planted(FakeExecutor):
    """Ends some attempts with a cause: `script(job, attempt)` says with which, if any."""

    def __init__(self, script, **settings):
        super().__init__(**settings)
        self._script, self._attempts = script, {}

    def submit(self, job):
        self._attempts[job.number] = self._attempts.get(job.number, -1) + 1
        super().submit(job)

    def collect(self, timeout=None):
        jobs = dict(self._running)
        outcomes = super().collect(timeout)
        return [self._told(jobs[o.number], o) for o in outcomes]

    def _told(self, job, outcome):
        cause = self._script(job, self._attempts[job.number])
        if cause is None:
            return outcome
        return dataclasses.replace(
            outcome, state=TrialState.FAILED, measurements={}, reports=(), reason=f"{cause} of trial", cause=cause
        )


def search(study, script, **settings):
    executor = Planted(script, workers=settings.pop("workers", 1))
    run(study, executor, compare=False, confirm_seeds=0, search=Limit(trials=settings.pop("trials", 25)), **settings)
    return executor


def kinds(study, kind):
    return [event for event in journal(study) if event["kind"] == kind]


def test_a_trial_lost_with_its_machine_is_run_again_under_its_number_and_seed():
    study = make_study()
    executor = search(study, lambda job, attempt: Cause.LOST if job.number == 3 and attempt < 2 else None)
    assert executor.submitted.count(3) == 3
    assert [(e["number"], e["attempt"], e["cause"]) for e in kinds(study, "retried")] == [
        (3, 1, "lost"),
        (3, 2, "lost"),
    ]
    assert len(kinds(study, "start")) == len(kinds(study, "end")) == 25
    assert study.trials[3].is_complete


def test_without_the_retries_the_journal_is_that_of_an_undisturbed_study():
    calm, shaken = make_study(), make_study()
    search(calm, lambda job, attempt: None)
    search(shaken, lambda job, attempt: Cause.KILLED if job.number % 4 == 1 and attempt == 0 else None)
    assert [e for e in journal(shaken) if e["kind"] != "retried"] == journal(calm)


def test_what_kills_its_worker_every_time_fails_and_is_quarantined():
    study = make_study()
    executor = search(study, lambda job, attempt: Cause.KILLED if job.number == 2 else None)
    assert executor.submitted.count(2) == 3
    assert study.trials[2].state is TrialState.FAILED
    assert study.state.quarantined == {study.trials[2].key: 2}


@pytest.mark.parametrize("cause", [Cause.CRASH, Cause.HANG, Cause.MEMORY])
def test_the_candidates_own_fault_is_not_run_again(cause):
    study = make_study()
    executor = search(study, lambda job, attempt: cause if job.number == 2 else None)
    assert executor.submitted.count(2) == 1
    (end,) = (e for e in kinds(study, "end") if e["number"] == 2)
    assert (end["cause"], end["quarantined"]) == (cause, True)


def test_one_that_took_too_long_or_was_lost_is_not_quarantined():
    study = make_study()
    search(study, lambda job, attempt: {2: Cause.TIME, 3: Cause.LOST}.get(job.number))
    assert study.state.quarantined == {}
    assert study.state.causes == {2: "time", 3: "lost"}


def test_a_quarantined_architecture_is_never_begun_again_not_even_on_a_fresh_seed():
    study = make_study(strategy="random")
    search(study, lambda job, attempt: Cause.CRASH if job.proposal.architecture["depth"] == 2 else None, trials=60)
    crashed = [t.key for t in study.trials if study.state.causes.get(t.number) == "crash"]
    assert len(crashed) == len(set(crashed)) > 0
    again = next(t for t in study.trials if t.key == crashed[0])
    (why,) = study.check(again.architecture)
    assert why == f"it is quarantined: trial {again.number} crashed its worker"


def memory_facts(architecture, names):
    size = float(architecture["width"] * architecture["depth"])
    return {"peak_memory_bytes": size} if "peak_memory_bytes" in names else {}


def test_what_ran_out_of_memory_teaches_of_all_that_need_as_much():
    study = make_study(strategy="random", facts=memory_facts)
    small = {"width": 8, "depth": 2, "kernel": 3, "pool": "max"}

    def script(job, attempt):
        a = job.proposal.architecture
        return Cause.MEMORY if a["width"] * a["depth"] >= 96 else None

    search(study, script, trials=60)
    assert not study.check(Architecture(study.trials[0].architecture.space, small))
    (why,) = study.check(Architecture(study.trials[0].architecture.space, small | {"width": 64, "depth": 6}))
    assert "ran out" in why or "quarantined" in why
    # From the third on each failure lowers what is tried: the sizes of those that ran out fall.
    ran_out = [n for n, cause in study.state.causes.items() if cause == "memory"]
    sizes = [memory_facts(study.trials[n].architecture, {"peak_memory_bytes"})["peak_memory_bytes"] for n in ran_out]
    later = [min(sizes[:TAUGHT]), *sizes[TAUGHT:]]
    assert later == sorted(later, reverse=True)
    assert len(sizes) <= TAUGHT + 3
    assert not any(t.state is TrialState.INFEASIBLE for t in study.trials[: ran_out[TAUGHT - 1]])


def test_a_complete_trial_of_that_size_refutes_the_lesson():
    study = make_study(strategy="random", facts=memory_facts)
    search(study, lambda job, attempt: Cause.MEMORY if job.number in (5, 6, 7) else None, trials=60)
    largest = max(t.architecture["width"] * t.architecture["depth"] for t in study.trials if t.is_complete)
    failed = min((study.trials[n].architecture for n in (5, 6, 7)), key=lambda a: a["width"] * a["depth"])
    assert largest >= failed["width"] * failed["depth"]
    other = Architecture(failed.space, dict(failed.items()) | {"pool": "max" if failed["pool"] != "max" else "average"})
    assert not study.check(other)


def test_a_search_most_of_whose_trials_fail_stops_and_says_why_most_often():
    executor = FakeExecutor(fail=lambda job: f"step {job.number} diverged" if job.number % 10 else None)
    with pytest.raises(EvaluationError, match=r"(?s)9 of 1\d|most often \(\d+ times\): step … diverged") as caught:
        run(make_study(strategy="random"), executor, search=Limit(trials=60))
    assert "max_failures=0.8" in caught.value.message
    assert len(executor.submitted) <= LEAST_FAILURES + 3


def test_a_resumed_session_counts_its_own_failures_only(tmp_path):
    place = {"store": str(tmp_path / "s.db"), "strategy": "random"}
    with make_study(**place) as study, pytest.raises(EvaluationError, match="max_failures"):
        run(study, FakeExecutor(fail=lambda job: "broken driver" if job.number % 10 else None))
    with make_study(**place) as study:
        run(study, FakeExecutor(), compare=False, confirm_seeds=0)
        assert sum(t.is_complete for t in study.trials) > 10


def test_each_incident_is_one_line_of_the_result():
    study = make_study()
    causes = {2: Cause.CRASH, 4: Cause.TIME, 5: Cause.MEMORY}
    search(study, lambda job, attempt: causes.get(job.number, Cause.LOST if job.number == 7 and not attempt else None))
    result = read_result(event for _, event in study.store.journal(study.name).read())
    said = [line for line in result.warnings if line.startswith("trial ")]
    assert said == incident_lines(study.state)
    assert said == [
        "trial 7 lost its machine, and was run again (attempt 1): lost of trial",
        "trial 2 crashed its worker; its architecture is quarantined: crash of trial",
        "trial 4 took too long: time of trial",
        "trial 5 ran out of memory; its architecture is quarantined: memory of trial",
    ]


@pytest.mark.parametrize("workers", [1, 3])
def test_a_study_reopened_after_any_event_asks_what_the_uninterrupted_one_asked(tmp_path, workers):
    def script(job, attempt):
        return {1: Cause.CRASH, 4: Cause.MEMORY, 6: Cause.HANG}.get(job.number % 8)

    class StopError(BaseException):
        pass

    def settings(name):
        return {"store": str(tmp_path / f"{name}.db"), "facts": memory_facts}

    def go(study):
        executor = Planted(script, workers=workers, order=1)
        run(study, executor, deterministic=True, compare=False, confirm_seeds=0, search=Limit(trials=12))

    with make_study(**settings("whole")) as study:
        go(study)
        expected = journal(study)
    for stop in range(3, len(expected), 8):
        seen = []

        def watch(event, seen=seen, stop=stop):
            seen.append(event)
            if len(seen) == stop:
                raise StopError

        with pytest.raises(StopError), make_study(**settings(stop), on_event=watch) as study:
            go(study)
        with make_study(**settings(stop)) as study:
            go(study)
            assert journal(study) == expected


def test_an_outcome_without_a_cause_leaves_no_trace_of_one():
    study = make_study()
    study.ask()
    study.end(Outcome(0, TrialState.FAILED, reason="ValueError"), 0.0)
    assert "cause" not in journal(study)[-1]


class Sleepy:
    """Takes a moment, and says in which process."""

    def evaluate(self, proposal, context):
        time.sleep(0.05)
        return {"score": float(proposal.architecture["depth"]), "pid": float(os.getpid())}


def test_workers_killed_from_outside_cost_no_trial_and_each_is_one_line():
    wounded = []

    def watch(event):
        if event["kind"] == "end" and event["number"] in (2, 6) and event["number"] not in wounded:
            wounded.append(event["number"])
            os.kill(int(event["measurements"]["pid"]), signal.SIGKILL)

    with ProcessExecutor(Sleepy(), workers=2) as executor, make_study(strategy="random", on_event=watch) as study:
        run_phase(study, "search", Runner(executor, Clock()), Limit(trials=12))
    ends = [t for t in study.trials if t.reused is None]
    assert wounded == [2, 6]
    assert len(ends) == 12
    assert all(t.is_complete for t in ends)
    # A worker that was idle, or about to begin, is replaced without a word: no trial was lost with it.
    assert len(incident_lines(study.state)) == len(study.state.marks.get("retried", ())) <= 2


def test_in_your_own_loop_the_cause_is_told_with_the_failure():
    study = make_study()
    first, second = study.ask(), study.ask()
    study.tell(first, failed="CUDA out of memory", cause="memory")
    assert study.check(first.architecture) == (f"it is quarantined: trial {first.number} ran out of memory",)
    with pytest.raises(ConfigError, match=r"(?s)no cause 'memmory'.*did you mean 'memory'"):
        study.tell(second, failed="?", cause="memmory")
