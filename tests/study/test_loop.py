import pytest

from searchitect.errors import EvaluationError
from searchitect.objectives import parse_constraint
from searchitect.storage import MemoryStore
from searchitect.study import Clock, Limit, Runner, run_phase
from searchitect.trial import TrialState
from tests.study.parts import FakeExecutor, journal, make_study, run


def search(study, executor, limit, deterministic=False, now=None):
    clock = Clock(study.state.elapsed, now) if now else Clock(study.state.elapsed)
    return run_phase(study, "search", Runner(executor, clock, deterministic=deterministic), limit)


def test_a_limit_of_trials_is_exact_whatever_runs_at_the_same_time():
    study, executor = make_study(), FakeExecutor(workers=4)
    assert search(study, executor, Limit(trials=10)) == "trials"
    assert len(executor.submitted) == 10
    assert sum(t.is_complete for t in study.trials) == 10


def test_a_condition_ends_the_search_once_it_holds():
    study = make_study()
    assert search(study, FakeExecutor(), Limit(trials=500, until=(parse_constraint("score>=5"),))) == "until"
    assert study.trials[-1].measurements["score"] >= 5
    assert all(t.measurements["score"] < 5 for t in study.trials[:-1])


def test_a_space_that_is_used_up_ends_the_search():
    study = make_study(strategy="grid")
    assert search(study, FakeExecutor(workers=3), Limit()) == "exhausted"
    assert len(study.trials) == 4 * 6 * 3 * 2


def test_a_time_limit_ends_the_search_and_starts_nothing_that_would_be_cut():
    seconds = iter(range(10_000))
    study, executor = make_study(), FakeExecutor(seconds=8.0)
    assert search(study, executor, Limit(seconds=40.0), now=lambda: float(next(seconds))) == "budget"
    assert 3 <= len(executor.submitted) <= 40


def test_failed_trials_do_not_end_a_study():
    study = make_study()
    executor = FakeExecutor(fail=lambda job: "planted" if job.number % 2 else None)
    search(study, executor, Limit(trials=20))
    states = [t.state for t in study.trials]
    assert states.count(TrialState.FAILED) == states.count(TrialState.COMPLETE) == 10


def test_a_study_whose_first_trials_all_fail_stops_and_says_why():
    with pytest.raises(EvaluationError, match=r"the first trials all failed.*no such file: cats\.npz"):
        search(make_study(), FakeExecutor(fail=lambda job: "no such file: cats.npz"), Limit(trials=500))


def test_serially_the_same_seed_gives_the_same_journal():
    first, second = make_study(), make_study()
    search(first, FakeExecutor(), Limit(trials=30))
    search(second, FakeExecutor(), Limit(trials=30))
    assert journal(first) == journal(second)


@pytest.mark.parametrize("order", range(5))
def test_deterministic_the_journal_does_not_depend_on_who_is_faster(order):
    first, second = make_study(), make_study()
    search(first, FakeExecutor(workers=3, order=100), Limit(trials=30), deterministic=True)
    search(second, FakeExecutor(workers=3, order=order), Limit(trials=30), deterministic=True)
    assert journal(first) == journal(second)


def test_deterministic_a_proposal_sees_all_ends_but_those_of_the_running():
    study = make_study()
    search(study, FakeExecutor(workers=3, order=7), Limit(trials=12), deterministic=True)
    ended = []
    for event in journal(study):
        if event["kind"] == "end":
            ended.append(event["number"])
        if event["kind"] == "start":
            assert ended == list(range(max(0, event["number"] - 2)))


class KilledError(Exception):
    pass


class KillingStore(MemoryStore):
    """Dies after a number of appended events, as a SIGKILL between two writes would."""

    def __init__(self):
        super().__init__()
        self.left = None

    def journal(self, study, *, create=False):
        inner, store = super().journal(study, create=create), self

        class Journal:
            def append(self, event):
                if store.left is not None:
                    if store.left == 0:
                        raise KilledError
                    store.left -= 1
                return inner.append(event)

            def read(self, after=0):
                return inner.read(after)

        return Journal()


@pytest.mark.parametrize("strategy", ["random", "regularized_evolution"])
@pytest.mark.parametrize(("workers", "deterministic"), [(1, False), (3, True)])
def test_killed_at_any_write_and_run_again_the_journal_equals_the_uninterrupted_one(strategy, workers, deterministic):
    whole = make_study(strategy=strategy)
    run(whole, FakeExecutor(workers), deterministic)
    expected = journal(whole)
    for survived in range(1, len(expected), 7):
        store = KillingStore()
        store.left = survived
        with pytest.raises(KilledError), make_study(strategy=strategy, store=store) as study:
            run(study, FakeExecutor(workers, order=1), deterministic)
        store.left = None
        with make_study(strategy=strategy, store=store) as study:
            run(study, FakeExecutor(workers, order=2), deterministic)
            assert journal(study) == expected, f"killed after {survived} events"


def test_killed_again_and_again_no_finished_trial_is_lost_or_repeated():
    store, attempts = KillingStore(), 0
    while True:
        store.left, attempts = 5, attempts + 1
        try:
            with make_study(store=store) as study:
                run(study, FakeExecutor(workers=2, order=attempts))
                break
        except KilledError:
            continue
    events = [event for _, event in store.journal("study").read()]
    starts = [e["number"] for e in events if e["kind"] == "start"]
    ends = [e["number"] for e in events if e["kind"] == "end"]
    assert attempts > 5
    assert sorted(starts) == sorted(ends)
    assert len(set(ends)) == len(ends)


class CutOffError(BaseException):
    """As SIGKILL would be."""


def cut_off(store, now, limit, workers=2, seconds=4.0, at=6):
    """A study that is killed when trial `at` starts, and the numbers of the trials that were running then."""
    started = []

    def watch(event):
        started.append(event.get("number")) if event["kind"] == "start" else None
        if len(started) == at:
            raise CutOffError

    study = make_study(store=store, on_event=watch)
    with pytest.raises(CutOffError):
        search(study, FakeExecutor(workers, seconds=seconds), limit, now=now)
    study.close()
    return list(study.state.running)


@pytest.mark.parametrize(
    "limit", [Limit(seconds=1.0), Limit(cost=8.0), Limit(trials=1), Limit(until=(parse_constraint("score>=-9"),))]
)
def test_trials_that_were_running_are_run_to_their_end_though_the_limit_is_reached(limit):
    store, seconds = MemoryStore(), iter(range(10_000))
    running = cut_off(store, lambda: 0.0, Limit())
    assert len(running) >= 1
    study, executor = make_study(store=store), FakeExecutor(workers=2)
    assert search(study, executor, limit, now=lambda: float(next(seconds))) in ("budget", "trials", "until")
    assert executor.submitted == running, "those that had started, and none beside them"
    assert study.state.running == {}
    assert all(study.trials[number].is_complete for number in running)
    assert len(study.trials) == 6


def test_what_is_run_again_after_its_time_is_bounded_by_twice_the_usual():
    store, given = MemoryStore(), []
    running = cut_off(store, lambda: 0.0, Limit(), seconds=4.0)

    class Watching(FakeExecutor):
        def submit(self, job):
            given.append(job.seconds)
            super().submit(job)

    clock = iter(range(1_000, 10_000))
    search(make_study(store=store), Watching(workers=2), Limit(seconds=10.0), now=lambda: float(10 * next(clock)))
    assert given == [8.0] * len(running)


def test_a_trial_left_in_a_phase_that_is_over_is_ended_as_abandoned():
    """Journals of earlier versions hold such; it is too late to be of use, and must not count as running for ever."""
    store = MemoryStore()
    running = cut_off(store, lambda: 0.0, Limit())
    store.journal("study").append({"kind": "phase", "phase": "search", "ended_by": "budget", "clock": {"elapsed": 1.0}})
    study, executor = make_study(store=store), FakeExecutor()
    assert search(study, executor, Limit(seconds=1.0)) == "budget"
    assert executor.submitted == []
    assert study.state.running == {}
    assert {study.trials[n].reason.split(":")[0] for n in running} == {"abandoned"}
    assert {study.trials[n].state for n in running} == {TrialState.FAILED}
