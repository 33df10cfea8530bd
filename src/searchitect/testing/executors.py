"""What every executor must keep: inherit, say how to make yours, and pytest runs the contract on it.

::

    class TestMyExecutor(ExecutorContract):
        @classmethod
        def make(cls, evaluator):
            return MyExecutor(evaluator)

The evaluator is `Scripted`: the architecture says what it does. An executor that can stop running jobs inherits
`LiveExecutorContract` as well, and one that notices hangs `WatchfulExecutorContract`.
"""

from __future__ import annotations

import ctypes
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from searchitect.errors import ConfigError, EvaluationError, TrialStopped
from searchitect.evaluation import Cause, Context, Evaluator, Executor, Job, LiveExecutor, Outcome
from searchitect.spaces.architecture import Architecture, Value
from searchitect.trial import Proposal, TrialState

__all__ = [
    "ExecutorContract",
    "LiveExecutorContract",
    "Scripted",
    "Stuck",
    "WatchfulExecutorContract",
    "job",
    "run_all",
]


def job(number: int, do: str = "score", value: Value = 1, **settings: Any) -> Job:
    """A job for `Scripted`: what to do, and with which value. `settings` are further fields of `Job`."""
    proposal = Proposal(Architecture("contract", {"do": do, "value": value}))
    return Job(number, proposal, seed=1000 + number, **settings)


def run_all(executor: Executor, jobs: Iterable[Job]) -> list[Outcome]:
    """Submit whenever there is room, collect until every job has ended; outcomes in order of arrival."""
    waiting = list(jobs)
    wanted, ended = len(waiting), list[Outcome]()
    while len(ended) < wanted:
        while waiting and executor.capacity:
            executor.submit(waiting.pop(0))
        ended += executor.collect(timeout=60.0)
    return ended


class _Odd:
    """Not a number, and cannot even be shown."""

    def __repr__(self) -> str:
        raise ValueError("no repr")


class _Uncatchable(BaseException):
    pass


_NONSENSE: Mapping[str, object] = {
    "None": None,
    "text": "0.9",
    "empty": {},
    "list": [("score", 1.0)],
    "text value": {"score": "0.9"},
    "nan": {"score": float("nan")},
    "infinite": {"score": float("inf")},
    "number as name": {1: 1.0},
    "odd value": {"score": _Odd()},
    "none value": {"score": None},
    "complex value": {"score": 1j},
}


@dataclass(frozen=True)
class Scripted:
    """An evaluator that does what the architecture says; only what any executor survives."""

    factor: float = 2.0

    def evaluate(self, proposal: Proposal, context: Context) -> Mapping[str, float]:
        do, value = proposal.architecture["do"], proposal.architecture["value"]
        if do == "score":
            return {"score": self.factor * float(str(value)), "seed": float(context.seed)}
        if do == "sleep":
            time.sleep(float(str(value)))
            return {"score": 1.0}
        if do == "report":
            for step in range(int(str(value))):
                context.report(step, loss=1.0 / (1 + step), gone=float("nan"))
            raise EvaluationError("diverged", hint="a lower learning rate")
        if do == "train":
            return self.train(int(str(value)), context)
        if do == "give up":
            context.report(1, loss=4.0)
            raise TrialStopped("no use")
        if do == "print":
            print("x" * 10_000_000)  # noqa: T201 - the point of the test
            return {"score": 1.0}
        if do == "context":
            return self.context(context)
        if do == "nonsense":
            return _NONSENSE[str(value)]  # type: ignore[return-value]
        raise self.error(str(value))

    def train(self, epochs: int, context: Context) -> Mapping[str, float]:
        """Report every epoch; when stopped, return what was reached and leave a file in the folder."""
        done = 0
        try:
            for done in range(1, epochs + 1):
                context.report(done, score=float(done), progress=done / epochs)
        except TrialStopped:
            if context.folder is not None:
                (context.folder / "weights").write_text(str(done))
        return {"score": float(done), "epochs": float(done)}

    def context(self, context: Context) -> Mapping[str, float]:
        """Leave a file in the folder; return what else the context said."""
        assert context.folder is not None
        (context.folder / "weights").write_text(str(context.number))
        return {"deadline": context.deadline or -1.0, "cpu": float(context.device == "cpu")}

    def error(self, kind: str) -> BaseException:
        """Something to raise."""
        kinds: dict[str, BaseException] = {
            "ValueError": ValueError("expected 3, got 4\nsecond line"),
            "MemoryError": MemoryError(),
            "SystemExit": SystemExit(3),
            "_Uncatchable": _Uncatchable("out"),
            "RecursionError": RecursionError("too deep"),
        }
        return kinds[kind]


class ExecutorContract:
    """Laws of an executor. Inherit and define `make`."""

    @classmethod
    def make(cls, evaluator: Evaluator) -> Executor:
        """Return a new executor that owns this evaluator."""
        raise NotImplementedError

    @pytest.fixture(scope="class")
    @classmethod
    def executor(cls) -> Iterable[Executor]:
        """One for all tests: whatever a job did, the next one must not notice."""
        executor = cls.make(Scripted())
        yield executor
        executor.close()

    def test_every_job_gets_exactly_one_outcome(self, executor: Executor) -> None:
        outcomes = run_all(executor, (job(n, value=n) for n in range(20)))
        assert sorted(outcome.number for outcome in outcomes) == list(range(20))
        assert all(o.state is TrialState.COMPLETE and o.reason is None for o in outcomes)
        assert {o.number: o.measurements for o in outcomes} == {
            n: {"score": 2.0 * n, "seed": 1000.0 + n} for n in range(20)
        }
        assert executor.collect(timeout=0.0) == () or list(executor.collect(timeout=0.0)) == []

    def test_outcomes_do_not_depend_on_the_order_of_the_jobs(self, executor: Executor) -> None:
        jobs = [job(n, value=n) for n in range(5)] + [job(5, "raise", "ValueError"), job(6, "report", 3)]
        shuffled = random.Random(1).sample(jobs, len(jobs))

        def told(outcomes: list[Outcome]) -> dict[int, tuple[object, ...]]:
            return {o.number: (o.state, o.measurements, o.reason, o.reports) for o in outcomes}

        assert told(run_all(executor, jobs)) == told(run_all(executor, shuffled))

    def test_capacity_falls_with_each_submission_and_returns_with_each_outcome(self, executor: Executor) -> None:
        assert executor.capacity == executor.workers >= 1
        for n in range(executor.workers):
            executor.submit(job(n))
            assert executor.capacity == executor.workers - n - 1
        with pytest.raises(ConfigError, match="full"):
            executor.submit(job(99))
        ended = 0
        while ended < executor.workers:
            ended += len(executor.collect())
        assert executor.capacity == executor.workers

    def test_collect_without_jobs_returns_at_once(self, executor: Executor) -> None:
        assert list(executor.collect()) == []

    @pytest.mark.parametrize("kind", ["ValueError", "MemoryError", "SystemExit", "_Uncatchable", "RecursionError"])
    def test_whatever_is_raised_fails_that_job_alone(self, executor: Executor, kind: str) -> None:
        outcomes = run_all(executor, [job(0), job(1, "raise", kind), job(2)])
        states = {o.number: o.state for o in outcomes}
        assert states == {0: TrialState.COMPLETE, 1: TrialState.FAILED, 2: TrialState.COMPLETE}
        failed = next(o for o in outcomes if o.number == 1)
        assert failed.reason is not None
        assert failed.reason.startswith(kind)
        assert "\n" not in failed.reason
        assert failed.measurements == {}

    def test_an_exception_is_told_with_its_first_line_and_place(self, executor: Executor) -> None:
        (outcome,) = run_all(executor, [job(0, "raise", "ValueError")])
        assert outcome.reason is not None
        assert outcome.reason.startswith("ValueError: expected 3, got 4 (executors.py, line ")

    @pytest.mark.parametrize("what", list(_NONSENSE))
    def test_a_return_value_that_is_no_measurement_fails_the_job(self, executor: Executor, what: str) -> None:
        outcomes = run_all(executor, [job(0, "nonsense", what), job(1)])
        states = {o.number: o.state for o in outcomes}
        assert states == {0: TrialState.FAILED, 1: TrialState.COMPLETE}

    def test_reports_come_back_even_with_a_failure(self, executor: Executor) -> None:
        (outcome,) = run_all(executor, [job(0, "report", 3)])
        assert outcome.state is TrialState.FAILED
        assert outcome.reason == "diverged"
        assert outcome.reports == ((0, {"loss": 1.0}), (1, {"loss": 0.5}), (2, {"loss": 1.0 / 3}))

    def test_the_context_tells_deadline_device_and_an_existing_folder(self, executor: Executor, tmp_path: Path) -> None:
        folder = tmp_path / "trials" / "7"
        (outcome,) = run_all(executor, [job(7, "context", seconds=50.0, folder=folder)])
        assert outcome.measurements == {"deadline": 50.0, "cpu": 1.0}
        assert (folder / "weights").read_text() == "7"

    def test_a_folder_that_cannot_be_made_fails_the_job(self, executor: Executor, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        outcomes = run_all(executor, [job(0, "context", folder=tmp_path / "file" / "7"), job(1)])
        assert {o.number: o.state for o in outcomes} == {0: TrialState.FAILED, 1: TrialState.COMPLETE}

    def test_seconds_are_those_of_the_evaluation(self, executor: Executor) -> None:
        (outcome,) = run_all(executor, [job(0, "sleep", 0.1)])
        assert 0.1 <= outcome.seconds < 2.0

    def test_much_printing_does_no_harm(self, executor: Executor) -> None:
        outcomes = run_all(executor, [job(n, "print") for n in range(3)])
        assert [o.state for o in outcomes] == [TrialState.COMPLETE] * 3

    def test_close_may_be_called_twice_and_abandons_what_runs(self) -> None:
        executor = self.make(Scripted())
        executor.submit(job(0, "sleep", 30))
        begin = time.monotonic()
        executor.close()
        executor.close()
        assert time.monotonic() - begin < 10.0
        assert executor.capacity == 0
        assert list(executor.collect(timeout=0.0)) == []
        with pytest.raises(ConfigError, match="closed"):
            executor.submit(job(1))

    def test_a_null_job_is_handed_over_in_milliseconds(self, executor: Executor) -> None:
        run_all(executor, [job(n) for n in range(2 * executor.workers)])
        begin = time.perf_counter()
        run_all(executor, [job(n) for n in range(100)])
        assert (time.perf_counter() - begin) / 100 < (0.05 if "coverage" in sys.modules else 0.02)


class LiveExecutorContract:
    """Laws of an executor that hands over reports of running jobs and stops them. Inherit beside `ExecutorContract`."""

    @classmethod
    def make(cls, evaluator: Evaluator) -> LiveExecutor:
        """Return a new executor that owns this evaluator."""
        raise NotImplementedError

    @pytest.fixture(scope="class")
    @classmethod
    def live(cls) -> Iterable[LiveExecutor]:
        executor = cls.make(Scripted())
        yield executor
        executor.close()

    def test_reports_arrive_while_jobs_run_and_in_their_order(self, live: LiveExecutor) -> None:
        told: list[tuple[int, int, float]] = []
        live.follow(lambda number, step, measured: told.append((number, step, measured["score"])))
        run_all(live, [job(n, "train", 4) for n in range(3)])
        for number in range(3):
            assert [entry for entry in told if entry[0] == number] == [(number, s, float(s)) for s in (1, 2, 3, 4)]

    def test_a_job_that_is_stopped_ends_as_pruned_at_that_report(self, live: LiveExecutor) -> None:
        def listen(number: int, step: int, measured: Mapping[str, float]) -> None:
            if (number, step) == (1, 3):
                live.stop(1, "behind at step 3")

        live.follow(listen, exact=True)
        ended = {o.number: o for o in run_all(live, [job(n, "train", 50) for n in range(3)])}
        assert {n: o.state for n, o in ended.items()} == {
            0: TrialState.COMPLETE, 1: TrialState.PRUNED, 2: TrialState.COMPLETE,
        }  # fmt: skip
        assert ended[1].reason == "behind at step 3"
        assert [step for step, _ in ended[1].reports] == [1, 2, 3]
        assert ended[1].measurements["score"] == 3.0

    def test_what_is_stopped_without_exactness_ends_at_one_of_the_next_reports(self, live: LiveExecutor) -> None:
        live.follow(lambda number, step, measured: live.stop(number, "enough") if step >= 2 else None)
        (outcome,) = run_all(live, [job(0, "train", 200_000)])
        assert outcome.state is TrialState.PRUNED
        assert 2 <= len(outcome.reports) < 200_000

    def test_the_next_job_knows_nothing_of_the_stop(self, live: LiveExecutor) -> None:
        live.follow(lambda number, step, measured: live.stop(0, "enough"), exact=True)
        assert run_all(live, [job(0, "train", 3)])[0].state is TrialState.PRUNED
        assert [o.state for o in run_all(live, [job(n, "train", 3) for n in (1, 2)])] == [TrialState.COMPLETE] * 2

    def test_stopping_an_unknown_or_finished_job_does_nothing(self, live: LiveExecutor) -> None:
        live.follow(None)
        live.stop(99, "never was")
        run_all(live, [job(0, "train", 2)])
        live.stop(0, "too late")
        assert run_all(live, [job(0, "train", 2)])[0].state is TrialState.COMPLETE

    def test_a_candidate_may_give_itself_up(self, live: LiveExecutor) -> None:
        live.follow(None)
        (outcome,) = run_all(live, [job(0, "give up")])
        assert (outcome.state, outcome.reason, outcome.measurements) == (TrialState.PRUNED, "no use", {"loss": 4.0})

    def test_without_a_listener_again_nothing_is_told(self, live: LiveExecutor) -> None:
        told: list[int] = []
        live.follow(lambda number, step, measured: told.append(step), exact=True)
        live.follow(None)
        assert run_all(live, [job(0, "train", 5)])[0].state is TrialState.COMPLETE
        assert told == []


class Stuck:
    """An evaluator that lives, or gives no sign of life, for so many tenths of a second."""

    def evaluate(self, proposal: Proposal, context: Context) -> Mapping[str, float]:
        do, seconds = proposal.architecture["do"], int(str(proposal.architecture["value"])) / 10
        end = time.monotonic() + seconds
        if do == "sleep":
            time.sleep(seconds)
        elif do == "hold":  # a call in C that keeps the interpreter's lock: no other thread of the process runs
            ctypes.PyDLL(None).sleep(int(seconds))
        elif do == "stop":
            os.kill(os.getpid(), signal.SIGSTOP)
        elif do in ("wait", "leave"):  # for a program that works, or that sleeps as well
            work = f"import time\nend = time.monotonic() + {seconds}\nwhile time.monotonic() < end: pass"
            program = work if do == "wait" else f"import time; time.sleep({seconds})"
            with subprocess.Popen([sys.executable, "-S", "-c", program]) as started:
                if context.folder is not None:
                    (context.folder / "started").write_text(str(started.pid))
        while time.monotonic() < end:
            if do == "report":
                time.sleep(0.4)
                context.report(int(time.monotonic() * 10), loss=1.0)
        return {"score": 1.0}


class WatchfulExecutorContract:
    """Laws of an executor that notices a hang. Inherit beside `ExecutorContract`."""

    @classmethod
    def make_watchful(cls, evaluator: Evaluator, workers: int, hang_seconds: float) -> Executor:
        """Return a new executor that ends a job which neither reports nor uses 2 % of a processor for so long."""
        raise NotImplementedError

    def test_what_gives_no_sign_of_life_is_ended_and_nothing_else(self, tmp_path: Path) -> None:
        asked = [("sleep", 600), ("hold", 600), ("stop", 600), ("leave", 600), ("work", 30), ("report", 30)]
        jobs = [job(n, do, tenths, folder=tmp_path / str(n)) for n, (do, tenths) in enumerate(asked)]
        with closing(self.make_watchful(Stuck(), 3, 2.0)) as executor:
            ended = {o.number: o for o in run_all(executor, [*jobs, job(6, "wait", 30)])}
            assert executor.capacity == 3
            assert [o.state for o in run_all(executor, [job(7, "end", 0)])] == [TrialState.COMPLETE]
        assert {n: o.cause for n, o in ended.items()} == {n: Cause.HANG if n < 4 else None for n in range(7)}
        assert {ended[n].reason for n in range(4)} == {"hung: for 2 s it neither reported nor used the processor"}
        assert all(2.0 <= ended[n].seconds < 30.0 for n in range(4))
        assert _gone(int((tmp_path / "3" / "started").read_text()))


def _gone(process: int) -> bool:
    """Whether a process ends soon."""
    end = time.monotonic() + 10.0
    while time.monotonic() < end:
        try:
            state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    return False
