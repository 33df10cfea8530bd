"""Executors and drivers at their worst, as state machines: kills, lost, doubled, late and reordered messages, clocks
that jump. Whatever happens, no finished trial is lost or run twice, and the journal tells one consistent story."""

from __future__ import annotations

import random
from contextlib import suppress

import pytest
from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from searchitect.errors import ConfigError, SearchitectError
from searchitect.evaluation import Outcome
from searchitect.storage.memory import MemoryStore
from searchitect.study import Clock, Limit, Runner
from searchitect.study.loop import run_phase
from searchitect.study.state import StudyState
from searchitect.trial import TrialState
from tests.study.parts import FakeExecutor, journal, make_study, score

TRIALS = 12


class KilledError(BaseException):
    """As SIGKILL would be: nothing is written after it."""


class MessyExecutor(FakeExecutor):
    """Delivers outcomes late, in any order, twice, after their end, and of jobs that nobody gave; may be killed."""

    def __init__(self, workers: int, seed: int, kill_after: int | None = None) -> None:
        super().__init__(workers, seed)
        self._messy, self._old, self._calls, self._kill_after = random.Random(seed), [], 0, kill_after

    def submit(self, job):
        self._step()
        super().submit(job)

    def collect(self, timeout=None):
        self._step()
        if self._messy.random() < 0.3:
            return []  # late
        found = list(super().collect(timeout))
        if self._messy.random() < 0.3:
            found += super().collect(timeout)
        if self._messy.random() < 0.3:
            found += [self._messy.choice([*found, *self._old])] if found or self._old else []
        if self._messy.random() < 0.2:
            found.append(Outcome(self._messy.choice((-1, 10_000)), TrialState.COMPLETE, {"score": 99.0}))
        self._messy.shuffle(found)
        self._old += found
        return found

    def _step(self):
        self._calls += 1
        if self._kill_after is not None and self._calls > self._kill_after:
            raise KilledError


def jumping(seed: int):
    """A clock that jumps, also backwards, by up to a day."""
    rng, now = random.Random(seed), 0.0

    def read() -> float:
        nonlocal now
        now += rng.choice((0.0, 0.1, 1.0, 86_400.0, -86_400.0, -3.0))
        return now

    return read


def checked(store: MemoryStore) -> StudyState:
    """The state of the journal, after looking at every rule that it must keep."""
    state, started, ended = StudyState(), set(), set()
    for _, event in store.journal("study").read():
        state.apply(event)
        if event["kind"] == "start":
            assert event["number"] not in started, "a trial starts once"
            started.add(event["number"])
        if event["kind"] == "end":
            assert event["number"] in started - ended, "a trial ends once, after its start"
            ended.add(event["number"])
            trial = state.trials[event["number"]]
            if trial.is_complete:
                assert trial.measurements["score"] == score(trial.architecture, trial.seed), "its own result"
    assert [trial.number for trial in state.trials] == list(range(len(state.trials)))
    assert set(state.running) == started - ended
    return state


def driven(store: MemoryStore, workers: int, seed: int, kill_after: int | None, deterministic: bool) -> str | None:
    """One session of a driver; None where it was killed."""
    with make_study(store=store) as study:
        executor = MessyExecutor(workers, seed, kill_after)
        runner = Runner(executor, Clock(study.state.elapsed, jumping(seed)), deterministic=deterministic)
        with suppress(KilledError):
            return run_phase(study, "search", runner, Limit(trials=TRIALS))
    return None


class Sessions(RuleBasedStateMachine):
    """Drivers of one study, one after another, each killed somewhere."""

    @initialize(workers=st.integers(1, 4), deterministic=st.booleans())
    def begin(self, workers: int, deterministic: bool) -> None:
        self.store, self.workers, self.deterministic, self.ended = MemoryStore(), workers, deterministic, None
        self.finished: dict[int, object] = {}

    @precondition(lambda self: self.ended is None)
    @rule(seed=st.integers(0, 999), kill_after=st.integers(0, 40))
    def drive_and_kill(self, seed: int, kill_after: int) -> None:
        self.ended = driven(self.store, self.workers, seed, kill_after, self.deterministic)

    @precondition(lambda self: self.ended is not None)
    @rule(seed=st.integers(0, 999))
    def drive_once_more(self, seed: int) -> None:
        before = list(self.store.journal("study").read())
        assert driven(self.store, self.workers, seed, None, self.deterministic) == self.ended
        assert list(self.store.journal("study").read()) == before, "a phase that is over is not run again"

    @invariant()
    def nothing_is_lost_or_run_twice(self) -> None:
        if not self.store.studies():
            return
        state = checked(self.store)
        for trial in self.finished.values():
            assert state.trials[trial.number] == trial, "what had finished stays as it was"
        self.finished = {t.number: t for t in state.trials if t.state.is_finished}

    def teardown(self) -> None:
        if getattr(self, "store", None) is None:
            return
        if self.ended is None:
            driven(self.store, self.workers, 5, None, self.deterministic)
        state = checked(self.store)
        assert not state.running
        assert sum(t.reused is None and t.state is not TrialState.INFEASIBLE for t in state.trials) == TRIALS
        if self.deterministic or self.workers == 1:
            whole = make_study()
            runner = Runner(FakeExecutor(self.workers), Clock(), deterministic=True)
            run_phase(whole, "search", runner, Limit(trials=TRIALS))
            told = [event for _, event in self.store.journal("study").read()]
            mine = [{k: v for k, v in event.items() if k != "clock"} for event in told]
            assert mine == journal(whole), "the resumed journal equals the uninterrupted one"


class OwnLoop(RuleBasedStateMachine):
    """Somebody's own loop: tells in any order, twice, late, wrong; other drivers; a process that ends anywhere."""

    @initialize()
    def begin(self) -> None:
        self.store = MemoryStore()
        self.study = make_study(store=self.store)
        self.open, self.ended = {}, {}

    @rule()
    def ask(self) -> None:
        trial = self.study.ask()
        if trial is not None:
            assert trial.number not in self.ended, "a finished trial is never handed out again"
            self.open[trial.number] = trial

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def tell_any(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(sorted(self.open)))
        trial = self.open.pop(number)
        self.ended[number] = self.study.tell(trial, score(trial.architecture, trial.seed))

    @precondition(lambda self: self.open)
    @rule(data=st.data(), value=st.sampled_from([float("nan"), float("inf"), None, "good", True]))
    def tell_nonsense(self, data: st.DataObject, value: object) -> None:
        trial = self.open.pop(data.draw(st.sampled_from(sorted(self.open))))
        told = self.study.tell(trial, value)
        assert told.state is TrialState.FAILED
        self.ended[trial.number] = told

    @precondition(lambda self: self.open)
    @rule(data=st.data(), step=st.integers(1, 3))
    def report(self, data: st.DataObject, step: int) -> None:
        number = data.draw(st.sampled_from(sorted(self.open)))
        assert self.study.report(number, step, score=0.5) is None, "no rule, no stop"

    @precondition(lambda self: self.ended)
    @rule(data=st.data(), failed=st.sampled_from([None, "late news"]))
    def tell_again(self, data: st.DataObject, failed: str | None) -> None:
        number = data.draw(st.sampled_from(sorted(self.ended)))
        with pytest.raises(ConfigError, match="is not running"):
            self.study.tell(number, 1.0, failed=failed)

    @rule(number=st.sampled_from([-1, 10_000]))
    def tell_of_nobody(self, number: int) -> None:
        with pytest.raises(ConfigError, match="is not running"):
            self.study.tell(number, 1.0)

    @rule()
    def another_driver_comes(self) -> None:
        with pytest.raises(SearchitectError, match="already"):
            make_study(store=self.store)

    @rule()
    def the_process_ends_and_another_goes_on(self) -> None:
        self.study.close()
        self.study = make_study(store=self.store)
        again = []
        while self.study.again:
            again.append(self.study.ask().number)
        assert sorted(again) == sorted(self.open), "exactly what had not ended is handed out again"

    @invariant()
    def the_journal_tells_what_happened(self) -> None:
        state = checked(self.store)
        assert set(state.running) == set(self.open)
        for number, trial in self.ended.items():
            assert state.trials[number].state is trial.state
            assert state.trials[number].measurements == trial.measurements

    def teardown(self) -> None:
        if hasattr(self, "study"):
            self.study.close()


TestSessions = Sessions.TestCase
TestSessions.settings = settings(max_examples=5, stateful_step_count=4, deadline=None)
TestOwnLoop = OwnLoop.TestCase
TestOwnLoop.settings = settings(max_examples=5, stateful_step_count=15, deadline=None)


@pytest.mark.parametrize("workers", [1, 2, 4])
@pytest.mark.parametrize("seed", [1, 2])
def test_deterministically_ask_n_sees_the_starts_below_n_and_the_ends_up_to_n_minus_workers(
    workers: int, seed: int
) -> None:
    store = MemoryStore()
    assert driven(store, workers, seed, None, deterministic=True) == "trials"
    starts, ends = [], []
    for _, event in store.journal("study").read():
        if event["kind"] == "start":
            assert ends == starts[: max(0, len(starts) + 1 - workers)]
            starts.append(event["number"])
        elif event["kind"] == "end":
            ends.append(event["number"])
    assert len(starts) == TRIALS
    assert ends == starts


@pytest.mark.slow
@pytest.mark.parametrize("machine", [Sessions, OwnLoop])
def test_the_same_at_length(machine: type[RuleBasedStateMachine]) -> None:
    from hypothesis.stateful import run_state_machine_as_test

    run_state_machine_as_test(
        machine, settings=settings(max_examples=60, stateful_step_count=30, deadline=None, database=None)
    )
