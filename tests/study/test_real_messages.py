"""A study over real worker processes: its messages are held, doubled and shuffled, workers and drivers are killed, and
the clock jumps. The journal has every trial once, its replay is what the driver saw, and no finished trial runs again.
"""

from __future__ import annotations

import random
import shutil
import signal
import tempfile
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from searchitect.evaluation import Cause, Job, Outcome
from searchitect.executors import ProcessExecutor
from searchitect.storage.memory import MemoryStore
from searchitect.study import Clock, Limit, Runner
from searchitect.study.loop import run_phase
from searchitect.study.state import StudyState
from searchitect.trial import TrialState
from tests.study.parts import FakeExecutor, make_study
from tests.study.real_parts import Counted
from tests.study.test_messages import TRIALS, KilledError, checked, jumping


class Messenger:
    """Between a study and its workers: ends come late, twice, in any order; jobs set out late; workers are killed.

    Args:
        kills: whether workers are killed, at random.
        calls: after so many calls the driver dies; None for never.
    """

    def __init__(self, inner: ProcessExecutor, seed: int, kills: bool, calls: int | None) -> None:
        self._inner, self._rng, self._kills, self._calls = inner, random.Random(seed), kills, calls
        self._held: list[Outcome] = []
        self._old: list[Outcome] = []
        self._flying: set[int] = set()
        self.killed = 0

    @property
    def workers(self) -> int:
        return self._inner.workers

    @property
    def capacity(self) -> int:
        return self._inner.workers - len(self._flying)

    def submit(self, job: Job) -> None:
        self._call()
        assert job.number not in self._flying, "no trial runs twice at the same time"
        assert self._inner.capacity, "no more run than there are workers"
        self._flying.add(job.number)
        self._inner.submit(job)

    def collect(self, timeout: float | None = None) -> Sequence[Outcome]:
        self._call()
        busy = [worker for worker in self._inner._pool if worker.ready and worker.job is not None]
        if busy and self._kills and self._rng.random() < 0.3:
            self._rng.choice(busy).signal(signal.SIGKILL)
            self.killed += 1
        self._held += self._inner.collect(0.05)
        self._rng.shuffle(self._held)
        told = [self._held.pop() for _ in range(self._rng.randint(0, len(self._held)))]
        self._flying -= {outcome.number for outcome in told}
        self._old += told
        again = self._rng.choices(self._old[-4:], k=self._rng.randint(0, 2)) if self._old else []
        foreign = [Outcome(self._rng.choice((-1, 10_000)), TrialState.COMPLETE, {"score": 99.0})]
        told += again + foreign * (self._rng.random() < 0.2)
        self._rng.shuffle(told)
        return told

    def _call(self) -> None:
        if self._calls is not None:
            self._calls -= 1
            if self._calls < 0:
                raise KilledError

    def drain(self) -> None:
        """The workers of a driver that died finish with it: nobody hears of what they still do."""
        while self._inner.capacity < self._inner.workers:
            self._inner.collect(30.0)

    def close(self) -> None:
        pass


class RealSessions(RuleBasedStateMachine):
    """Drivers of one study, one after another, over workers that live on."""

    @initialize(workers=st.integers(1, 3), deterministic=st.booleans())
    def begin(self, workers: int, deterministic: bool) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.store, self.deterministic = MemoryStore(), deterministic
        self.inner = ProcessExecutor(Counted(self.folder), workers)
        self.finished: set[int] = set()
        self.runs_then: Counter[int] = Counter()
        self.killed = 0

    @rule(seed=st.integers(0, 999), kills=st.booleans(), calls=st.integers(0, 40))
    def drive_and_kill(self, seed: int, kills: bool, calls: int) -> None:
        self.drive(seed, kills, calls)

    def drive(self, seed: int, kills: bool, calls: int | None) -> str | None:
        ended = None
        with make_study(store=self.store) as study:
            messenger = Messenger(self.inner, seed, kills, calls)
            runner = Runner(
                messenger,
                Clock(study.state.elapsed, jumping(seed)),
                deterministic=self.deterministic,
                retries=1_000,
            )
            with suppress(KilledError):
                ended = run_phase(study, "search", runner, Limit(trials=TRIALS))
            messenger.drain()
            self.killed += messenger.killed
            self.compare(study.state)
        return ended

    def compare(self, live: StudyState) -> None:
        """What the driver saw, with what is read back; and with what ran."""
        replayed = checked(self.store)
        assert replayed.trials == live.trials
        assert replayed.attempts == live.attempts
        assert list(replayed.running) == list(live.running)
        runs = self.runs()
        again = {number for number in self.finished if runs[number] > self.runs_then[number]}
        assert not again, "what had finished is not run again"
        self.finished = {trial.number for trial in live.trials if trial.state.is_finished and trial.reused is None}
        self.runs_then = runs

    def runs(self) -> Counter[int]:
        file = self.folder / "ran"
        return Counter(map(int, file.read_text().split())) if file.exists() else Counter()

    def teardown(self) -> None:
        if not hasattr(self, "inner"):
            return
        try:
            assert self.drive(5, False, None) == "trials"
            state = checked(self.store)
            assert not state.running
            valid = [t for t in state.trials if t.reused is None and t.state is not TrialState.INFEASIBLE]
            assert len(valid) == TRIALS
            assert all(trial.is_complete for trial in valid), "a killed worker costs no trial"
            assert sum(state.attempts.values()) <= self.killed, "nor is one run again for news that came twice"
        finally:
            self.inner.close()
            shutil.rmtree(self.folder)


class Echo(FakeExecutor):
    """Loses every trial once, and says so twice."""

    def submit(self, job: Job) -> None:
        super().submit(job)
        self.attempts = {**getattr(self, "attempts", {}), job.number: job.attempt}

    def collect(self, timeout: float | None = None) -> Sequence[Outcome]:
        known = [self.lost(number) for number, attempt in self.attempts.items() if attempt == 1]
        (outcome,) = super().collect(timeout)
        return [*known, outcome if self.attempts[outcome.number] else self.lost(outcome.number)]

    def lost(self, number: int) -> Outcome:
        return Outcome(number, TrialState.FAILED, {}, "its worker was killed", cause=Cause.KILLED, attempt=0)


def test_that_a_trial_was_lost_may_be_told_twice() -> None:
    executor = Echo(workers=2)
    with make_study() as study:
        assert run_phase(study, "search", Runner(executor, Clock()), Limit(trials=6)) == "trials"
        assert all(trial.is_complete for trial in study.state.trials if trial.state is not TrialState.INFEASIBLE)
        assert set(study.state.attempts.values()) == {1}
    assert set(Counter(executor.submitted).values()) == {2}, "each is run again, once"


TestRealSessions = RealSessions.TestCase
TestRealSessions.settings = settings(
    max_examples=3, stateful_step_count=3, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)


@pytest.mark.slow
def test_the_same_at_length() -> None:
    at_length = settings(TestRealSessions.settings, max_examples=40, stateful_step_count=8, database=None)
    run_state_machine_as_test(RealSessions, settings=at_length)
