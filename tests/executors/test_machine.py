"""Real worker processes at their worst, as a state machine: candidates that crash, hang, print and babble, workers that
are killed and frozen, a driver that stops, closes and opens again.

The model is the jobs in flight, each with the ends it may have. Whatever happens: every job ends once, for the right
reason, and ran at most once; there are as many workers as there should be; nothing is left when the executor is closed.
"""

from __future__ import annotations

import gc
import os
import shutil
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings, strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from searchitect.errors import ConfigError
from searchitect.evaluation import Cause, Outcome
from searchitect.executors import ProcessExecutor
from searchitect.executors.worker_process import WorkerProcess
from searchitect.testing.executors import job, run_all
from searchitect.trial import TrialState
from tests.executors.misbehaving import Misbehaving
from tests.executors.test_processes import alive, soon

COMPLETE, FAILED, PRUNED = TrialState.COMPLETE, TrialState.FAILED, TrialState.PRUNED
End = tuple[TrialState, Cause | None, str]
ENDS: dict[str, End] = {
    "sound": (COMPLETE, None, ""),
    "reporting": (COMPLETE, None, ""),
    "printing": (COMPLETE, None, ""),
    "multiplying": (COMPLETE, None, ""),
    "raising": (FAILED, None, "ValueError: planted"),
    "starving": (FAILED, Cause.MEMORY, "MemoryError"),
    "crashing": (FAILED, Cause.CRASH, "SIGSEGV"),
    "killed": (FAILED, Cause.KILLED, "SIGKILL"),
    "leaving": (FAILED, Cause.CRASH, "exit code 3): last words"),
    "babbling": (FAILED, Cause.CRASH, "is no message"),
    "babbling_in_frames": (FAILED, Cause.CRASH, "is no message"),
    "hanging": (FAILED, Cause.TIME, "took longer than 0.2 s"),
    "stopping": (FAILED, Cause.TIME, "took longer than 0.2 s"),
}
"""How a job ends that nobody disturbs: its state, its cause, and what its reason says."""
HUNG: End = (FAILED, Cause.HANG, "hung: for 1.5 s")
TIMED = ("hanging", "stopping")
REPORTS = {"reporting": 5, "printing": 1, "crashing": 1}
KILLED = {(FAILED, Cause.KILLED, "SIGKILL"), (FAILED, Cause.KILLED, "SIGTERM")}
PATIENCE = 30.0  # seconds: the machine may be busy


def children() -> set[int]:
    """Processes that this one started and that are still known to the system, the dead ones among them."""
    found = set()
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and (entry / "stat").read_text().rpartition(")")[2].split()[1] == str(os.getpid()):
                found.add(int(entry.name))
        except (OSError, IndexError):
            continue
    return found


def descriptors() -> int:
    """How many are open, but for what an earlier test of this process left to the garbage collector."""
    gc.collect()
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


class Workers(RuleBasedStateMachine):
    """One executor after another, over the same folder."""

    hang_seconds: float | None = None

    @initialize(workers=st.integers(1, 3))
    def begin(self, workers: int) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.place_of_files, tempfile.tempdir = tempfile.tempdir, str(self.folder)
        self.workers, self.number = workers, 0
        self.others, self.descriptors = children(), descriptors()
        self.flying: dict[int, tuple[str, set[End]]] = {}
        self.ended: dict[int, Outcome] = {}
        self.frozen: list[WorkerProcess] = []
        self.open()

    def open(self) -> None:
        self.executor = ProcessExecutor(
            Misbehaving(self.folder), self.workers, grace=0.1, hang_seconds=self.hang_seconds
        )

    @property
    def pool(self) -> list[WorkerProcess]:
        return self.executor._pool

    # ---- what a driver does. No preconditions: who is faster must not decide which rules there are

    @rule(do=st.sampled_from(sorted(ENDS)))
    def submit(self, do: str) -> None:
        self.give(do, ENDS[do], 0.2 if do in TIMED else None)

    def give(self, do: str, end: End, seconds: float | None) -> None:
        if not self.executor.capacity:
            with pytest.raises(ConfigError, match="the executor is full"):
                self.executor.submit(job(10_000, "sound"))
            return
        self.number += 1
        self.flying[self.number] = do, {end}
        self.executor.submit(job(self.number, do, seconds=seconds))

    @rule(timeout=st.sampled_from([0.0, 0.05, 0.3]))
    def wait_a_little(self, timeout: float) -> None:
        self.take(self.executor.collect(timeout))

    @rule()
    def wait_for_one(self) -> None:
        self.thaw()
        ended = self.executor.collect(PATIENCE)
        assert ended or not self.flying, "a job ends, whatever became of its worker"
        self.take(ended)

    @rule(which=st.integers(0, 2))
    def stop(self, which: int) -> None:
        """Of a job that may run, or of none."""
        number = self.number - which
        self.executor.stop(number, "enough of it")
        do, may = self.flying.get(number, ("", set()))
        if do in REPORTS:
            may.add((PRUNED, None, "enough of it"))

    @rule()
    def close_and_open_again(self) -> None:
        self.close()
        self.flying.clear()
        self.open()

    # ---- what happens to workers

    @rule(which=st.integers(0, 2), number=st.sampled_from([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM]))
    def kill(self, which: int, number: signal.Signals) -> None:
        worker = self.pool[which % self.workers]
        if worker.ready:  # while it starts, its death would be that of a worker that cannot
            worker.signal(number)
            if worker.job is not None:
                self.flying[worker.job.number][1].update(KILLED)

    @rule()
    def kill_all(self) -> None:
        for which in range(self.workers):
            self.kill(which, signal.SIGKILL)

    @rule(which=st.integers(0, 2))
    def freeze(self, which: int) -> None:
        worker = self.pool[which % self.workers]
        worker.signal(signal.SIGSTOP)
        self.frozen.append(worker)

    @rule()
    def thaw(self) -> None:
        for worker in self.frozen:
            if not worker.closed:
                worker.signal(signal.SIGCONT)
        self.frozen.clear()

    # ---- what must hold

    def take(self, ended: list[Outcome]) -> None:
        assert [outcome.number for outcome in ended] == sorted({outcome.number for outcome in ended})
        for outcome in ended:
            number = outcome.number
            assert number in self.flying, "what ends was begun, and ends once"
            do, may = self.flying.pop(number)
            told = outcome.state, outcome.cause
            assert any(told == end[:2] and end[2] in (outcome.reason or "") for end in may), (do, outcome, may)
            assert [step for step, _ in outcome.reports] == list(range(len(outcome.reports))) or do != "reporting"
            if outcome.state is COMPLETE:
                assert outcome.measurements["number"] == number, "it is its own result"
                assert len(outcome.reports) == REPORTS.get(do, 0)
            self.ended[number] = outcome

    @invariant()
    def the_number_of_workers_is_right(self) -> None:
        if not hasattr(self, "executor"):
            return
        assert len(self.pool) == self.workers
        assert self.executor.capacity == self.workers - len(self.flying) - len(self.executor._ended)
        mine = children() - self.others
        assert mine == {worker._process.pid for worker in self.pool} - {w._process.pid for w in self.pool if w.code}, (
            "no worker is forgotten, and none is left unburied"
        )

    @invariant()
    def nothing_runs_twice(self) -> None:
        if not hasattr(self, "executor") or not (self.folder / "begun").exists():
            return
        ran = Counter(map(int, (self.folder / "begun").read_text().split()))
        assert max(ran.values(), default=0) <= 1
        assert all(number in ran for number, outcome in self.ended.items() if outcome.state is COMPLETE)

    def close(self) -> None:
        self.executor.close()
        self.executor.close()
        self.frozen.clear()
        assert children() == self.others, "no worker is left, not even a dead one"
        assert descriptors() <= self.descriptors, "nor is a descriptor"
        assert {path.name for path in self.folder.iterdir()} <= {"begun"}, "nor is a file"
        left = [int(outcome.measurements.get("child", 0)) for outcome in self.ended.values()]
        assert soon(lambda: not any(pid and alive(pid) for pid in left)), "nor is what a candidate started"

    def teardown(self) -> None:
        if not hasattr(self, "executor"):
            return
        try:
            self.thaw()
            end = time.monotonic() + PATIENCE
            while self.flying and time.monotonic() < end:
                self.take(self.executor.collect(1.0))
            assert not self.flying, "every job ends"
            self.close()
        finally:
            self.executor.close()
            tempfile.tempdir = self.place_of_files
            shutil.rmtree(self.folder)


class WatchedWorkers(Workers):
    """The same where silence counts as a hang: frozen workers are given up, and so is who sleeps without a limit."""

    hang_seconds = 1.5

    @rule(do=st.sampled_from(TIMED))
    def submit_what_is_silent(self, do: str) -> None:
        self.give(do, HUNG, None)

    def take(self, ended: list[Outcome]) -> None:
        for outcome in ended:
            if outcome.number in self.flying and outcome.cause is Cause.HANG:  # frozen, or of those that are silent
                self.flying[outcome.number][1].add(HUNG)
        super().take(ended)


@pytest.fixture(scope="module")
def executor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProcessExecutor]:
    """Three workers."""
    with ProcessExecutor(Misbehaving(tmp_path_factory.mktemp("machine")), 3, grace=0.1) as executor:
        yield executor


@pytest.fixture
def ready(executor: ProcessExecutor) -> ProcessExecutor:
    """The same, once those that an earlier test killed have been replaced."""
    assert soon(lambda: all(o.state is COMPLETE for o in run_all(executor, [job(1, "sound")])) and _are_up(executor))
    return executor


def _are_up(executor: ProcessExecutor) -> bool:
    return all(worker.ready and not worker.has_exited for worker in executor._pool)


@pytest.mark.parametrize("do", ["babbling", "babbling_in_frames"])
def test_a_candidate_that_writes_into_the_connection_costs_its_trial_alone(ready: ProcessExecutor, do: str) -> None:
    babbled, sound = sorted(run_all(ready, [job(2, do), job(3, "sound")]), key=lambda outcome: outcome.number)
    assert (babbled.state, babbled.cause) == (FAILED, Cause.CRASH)
    assert babbled.reason == "the worker process died (it sent what is no message)"
    assert sound.state is COMPLETE


def test_idle_workers_may_all_be_killed(ready: ProcessExecutor) -> None:
    for worker in ready._pool:
        worker.signal(signal.SIGKILL)
    assert run_all(ready, [job(4, "sound")])[0].state is COMPLETE


def test_a_job_whose_workers_are_killed_one_after_the_other_before_it_begins_is_run(ready: ProcessExecutor) -> None:
    frozen = list(ready._pool)
    for worker in frozen:
        worker.signal(signal.SIGSTOP)
    ready.submit(job(5, "sound"))
    ended: list[Outcome] = []
    for _ in frozen:
        [busy] = [worker for worker in ready._pool if worker.job is not None]
        busy.signal(signal.SIGKILL)
        assert soon(lambda busy=busy: ended.extend(ready.collect(timeout=0.1)) or busy not in ready._pool)
    ended += ready.collect(timeout=60.0) if not ended else []
    assert [(outcome.number, outcome.state) for outcome in ended] == [(5, COMPLETE)]


def test_a_job_that_is_to_stop_does_so_although_its_first_worker_dies_before_it_begins(tmp_path: Path) -> None:
    with ProcessExecutor(Misbehaving(tmp_path), 1) as executor:
        run_all(executor, [job(1, "sound")])
        executor._pool[0].signal(signal.SIGSTOP)
        executor.submit(job(2, "reporting"))
        executor.stop(2, "enough of it")
        executor._pool[0].signal(signal.SIGKILL)
        (outcome,) = executor.collect(PATIENCE)
        assert (outcome.state, outcome.reason) == (PRUNED, "enough of it")


TestWorkers = Workers.TestCase
TestWorkers.settings = settings(
    max_examples=8, stateful_step_count=15, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)


@pytest.mark.slow
@pytest.mark.parametrize("machine", [Workers, WatchedWorkers])
def test_the_same_at_length(machine: type[Workers]) -> None:
    at_length = settings(TestWorkers.settings, max_examples=40, stateful_step_count=30, database=None)
    run_state_machine_as_test(machine, settings=at_length)
