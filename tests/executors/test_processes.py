from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from searchitect.errors import ConfigError
from searchitect.evaluation import Cause, Context, Evaluator, Executor, LiveExecutor
from searchitect.executors import ProcessExecutor
from searchitect.executors.worker import MAX_LOG_BYTES
from searchitect.testing.executors import (
    ExecutorContract,
    LiveExecutorContract,
    Scripted,
    WatchfulExecutorContract,
    job,
    run_all,
)
from searchitect.trial import Proposal, TrialState


class TestProcessExecutor(ExecutorContract):
    @classmethod
    def make(cls, evaluator: Evaluator) -> Executor:
        return ProcessExecutor(evaluator, workers=2, grace=0.1)


class TestProcessExecutorLive(LiveExecutorContract):
    @classmethod
    def make(cls, evaluator: Evaluator) -> LiveExecutor:
        return ProcessExecutor(evaluator, workers=2, grace=0.1)


class TestProcessExecutorWatchful(WatchfulExecutorContract):
    @classmethod
    def make_watchful(cls, evaluator: Evaluator, workers: int, hang_seconds: float) -> Executor:
        return ProcessExecutor(evaluator, workers, hang_seconds=hang_seconds)


class Wild:
    """Does what only another process survives."""

    def evaluate(self, proposal: Proposal, context: Context) -> Mapping[str, float]:
        do, value = str(proposal.architecture["do"]), int(str(proposal.architecture["value"]))
        result = getattr(self, do, lambda value: None)(value)
        return {"pid": float(os.getpid()), "result": float(result or 0)}

    def segfault(self, value: int) -> None:
        ctypes.string_at(0)

    def exit(self, value: int) -> None:
        sys.stdout.write("one\ntwo\nthree\nlast words\n")
        os._exit(value)

    def kill(self, value: int) -> None:
        os.kill(os.getpid(), value)

    def hang(self, value: int) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        while True:
            pass

    def interrupt(self, value: int) -> None:
        raise KeyboardInterrupt

    def close_output(self, value: int) -> None:
        os.write(1, b"\x00\x00\x00\x00\x00\x00\x00\x01garbage on descriptor 1")
        sys.stdout.close()
        sys.stderr.close()
        os.close(1)

    def close_everything(self, value: int) -> None:
        os.closerange(3, 1000)

    def allocate(self, value: int) -> int:
        return len(bytearray(value))

    def threads(self, value: int) -> int:
        import torch

        return torch.get_num_threads()

    def child(self, value: int) -> int:
        """Start a process that outlives the evaluation and holds every descriptor it can."""
        return subprocess.Popen(["sleep", "60"], close_fds=False).pid

    def child_and_die(self, value: int) -> None:
        if os.fork() == 0:
            time.sleep(60)
        os._exit(7)

    def die_later(self, value: int) -> None:
        threading.Timer(0.2, lambda: os._exit(9)).start()

    def read_input(self, value: int) -> int:
        return len(sys.stdin.read())

    def spam(self, value: int) -> int:
        for _ in range(value):
            sys.stdout.write("x" * 1_000_000)
        time.sleep(2.2)  # the log is looked at every second
        return os.fstat(1).st_size

    def environment(self, value: int) -> int:
        return int(os.environ["OMP_NUM_THREADS"]) + int(os.getpgrp() == os.getpid())


@pytest.fixture(scope="module")
def wild() -> Iterator[ProcessExecutor]:
    """One for all tests: whatever a job did, the next one must not notice."""
    with ProcessExecutor(Wild(), workers=1, grace=0.1) as executor:
        yield executor


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def soon(condition: Callable[[], bool], seconds: float = 10.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return False


def test_workers_persist_between_jobs(wild: ProcessExecutor) -> None:
    pids = {outcome.measurements["pid"] for outcome in run_all(wild, [job(n, "nothing") for n in range(5)])}
    assert len(pids) == 1
    assert pids != {os.getpid()}


@pytest.mark.parametrize(
    ("do", "value", "reason"),
    [
        ("segfault", 0, "died (signal 11, SIGSEGV): Fatal Python error: Segmentation fault"),
        ("exit", 3, "died (exit code 3): two | three | last words"),
        ("exit", 0, "died (exit code 0)"),
        ("kill", 9, "died (signal 9, SIGKILL, perhaps for lack of memory)"),
        ("kill", 15, "died (signal 15, SIGTERM)"),
        ("close_everything", 0, "died"),
        ("interrupt", 0, "KeyboardInterrupt"),
        ("child_and_die", 0, "died (exit code 7)"),
    ],
)
def test_a_death_fails_its_job_alone_and_the_worker_is_replaced(
    wild: ProcessExecutor, do: str, value: int, reason: str
) -> None:
    first, dead, after = run_all(wild, [job(0, "nothing"), job(1, do, value), job(2, "nothing")])
    assert (first.state, dead.state, after.state) == (TrialState.COMPLETE, TrialState.FAILED, TrialState.COMPLETE)
    assert dead.reason is not None
    assert reason in dead.reason
    assert wild.capacity == 1


def test_a_segmentation_fault_tells_the_place(wild: ProcessExecutor) -> None:
    (outcome,) = run_all(wild, [job(0, "segfault")])
    assert outcome.reason is not None
    assert "in string_at" in outcome.reason


def test_a_hang_is_killed_when_its_time_is_over(wild: ProcessExecutor) -> None:
    run_all(wild, [job(0, "nothing")])
    begin = time.monotonic()
    hung, after = run_all(wild, [job(1, "hang", seconds=0.3), job(2, "nothing")])
    assert hung.state is TrialState.FAILED
    assert hung.reason == "took longer than 0.3 s"
    assert 0.3 <= hung.seconds < 5.0
    assert after.state is TrialState.COMPLETE
    assert time.monotonic() - begin < 10.0


def test_a_hang_does_not_hold_up_the_other_worker() -> None:
    with ProcessExecutor(Wild(), workers=2, grace=0.0) as executor:
        outcomes = run_all(executor, [job(0, "hang", seconds=2.0), *(job(n, "nothing") for n in range(1, 6))])
    assert [outcome.number for outcome in outcomes] == [1, 2, 3, 4, 5, 0]


def test_collect_returns_after_its_timeout(wild: ProcessExecutor) -> None:
    run_all(wild, [job(0, "nothing")])
    wild.submit(job(1, "hang", seconds=1.0))
    begin = time.monotonic()
    assert list(wild.collect(timeout=0.1)) == []
    assert time.monotonic() - begin < 0.9
    assert wild.capacity == 0
    assert [outcome.number for outcome in wild.collect()] == [1]


def test_the_time_of_a_job_starts_when_the_worker_does() -> None:
    with ProcessExecutor(SlowToLoad(1.5), workers=1, grace=0.0) as executor:
        (outcome,) = run_all(executor, [job(0, seconds=1.0)])
    assert outcome.state is TrialState.COMPLETE


class SlowToLoad(Scripted):
    def __init__(self, seconds: float) -> None:
        super().__init__()
        object.__setattr__(self, "seconds", seconds)

    def __setstate__(self, state: Mapping[str, float]) -> None:
        self.__dict__.update(state)
        time.sleep(state["seconds"])


def test_output_closed_or_abused_does_no_harm(wild: ProcessExecutor) -> None:
    outcomes = run_all(wild, [job(0, "close_output"), job(1, "nothing"), job(2, "read_input")])
    assert [outcome.state for outcome in outcomes] == [TrialState.COMPLETE] * 3


def test_what_a_worker_prints_is_bounded() -> None:
    with ProcessExecutor(Wild(), workers=1) as executor:
        (outcome,) = run_all(executor, [job(0, "spam", 20)])
    assert outcome.measurements["result"] < MAX_LOG_BYTES


def test_memory_can_be_limited() -> None:
    with ProcessExecutor(Wild(), workers=1, memory_bytes=300_000_000) as executor:
        greedy, modest = run_all(executor, [job(0, "allocate", 2_000_000_000), job(1, "allocate", 1_000_000)])
    assert greedy.reason is not None
    assert greedy.reason.startswith("memory: needed more than the 0.3 GB that one evaluation may take; MemoryError")
    assert modest.measurements["result"] == 1_000_000


def test_a_worker_uses_one_thread_and_leads_its_own_group(wild: ProcessExecutor) -> None:
    one, both = run_all(wild, [job(0, "threads"), job(1, "environment")])
    assert (one.measurements["result"], both.measurements["result"]) == (1.0, 2.0)


def test_what_a_worker_started_ends_with_it() -> None:
    with ProcessExecutor(Wild(), workers=1) as executor:
        (outcome,) = run_all(executor, [job(0, "child")])
        pids = [int(outcome.measurements[name]) for name in ("pid", "result")]
        assert all(alive(pid) for pid in pids)
    assert soon(lambda: not any(alive(pid) for pid in pids))


def test_a_worker_that_dies_between_jobs_costs_no_job(wild: ProcessExecutor) -> None:
    (before,) = run_all(wild, [job(0, "die_later")])
    assert soon(lambda: not alive(int(before.measurements["pid"])))
    (after,) = run_all(wild, [job(1, "nothing")])
    assert after.state is TrialState.COMPLETE
    assert after.measurements["pid"] != before.measurements["pid"]


def test_reports_can_be_watched_live() -> None:
    seen: list[tuple[int, int, Mapping[str, float]]] = []
    with ProcessExecutor(Scripted(), 1, on_report=lambda *report: seen.append(report)) as executor:
        run_all(executor, [job(3, "report", 2)])
    assert seen == [(3, 0, {"loss": 1.0}), (3, 1, {"loss": 0.5})]


class Unloadable(Scripted):
    def __reduce__(self) -> tuple[object, ...]:
        return (fail_to_load, ())


def fail_to_load() -> None:
    raise ImportError("no module named left_pad")


class DiesWhileLoading(Scripted):
    def __reduce__(self) -> tuple[object, ...]:
        return (os._exit, (4,))


@pytest.mark.parametrize(
    ("evaluator", "reason"),
    [
        (Unloadable(), "could not load the evaluator: ImportError: no module named left_pad"),
        (DiesWhileLoading(), r"workers cannot start: the worker process died \(exit code 4\)"),
        (SlowToLoad(30.0), "did not start within 0.5 s"),
    ],
)
def test_a_worker_that_cannot_start_is_one_error_and_no_loop(evaluator: Evaluator, reason: str) -> None:
    timeout = 0.5 if isinstance(evaluator, SlowToLoad) else 60.0
    executor = ProcessExecutor(evaluator, workers=2, start_timeout=timeout)
    executor.submit(job(0))
    with pytest.raises(ConfigError, match=reason):
        executor.collect()
    assert executor.capacity == 0
    assert list(executor.collect()) == []


@pytest.mark.parametrize(
    ("workers", "settings"),
    [(0, {}), (2.0, {}), (1, {"grace": -1}), (1, {"start_timeout": 0}), (1, {"memory_bytes": 0})],
)
def test_wrong_arguments_are_refused(workers: int, settings: dict[str, float]) -> None:
    with pytest.raises(ConfigError):
        ProcessExecutor(Scripted(), workers, **settings)  # type: ignore[arg-type]


def test_an_evaluator_of_many_megabytes_travels() -> None:
    class Large:
        data = bytes(30_000_000)

        def evaluate(self, proposal: Proposal, context: Context) -> Mapping[str, float]:
            return {"size": float(len(self.data))}

    with ProcessExecutor(Large(), workers=2) as executor:
        outcomes = run_all(executor, [job(n) for n in range(4)])
    assert [outcome.measurements for outcome in outcomes] == [{"size": 30_000_000.0}] * 4


SCRIPT = """
import os, sys, time
from searchitect.executors import ProcessExecutor
from searchitect.testing.executors import job, run_all
class Mine:
    def evaluate(self, proposal, context):
        if proposal.architecture["do"] == "sleep":
            time.sleep(60)
        return {"answer": helper(), "pid": os.getpid()}
def helper():
    return 42
executor = ProcessExecutor(Mine(), workers=1)
(outcome,) = run_all(executor, [job(0)])
print(outcome.state, outcome.measurements["answer"], int(outcome.measurements["pid"]), outcome.reason, flush=True)
"""


@pytest.mark.parametrize("how", ["file", "stdin", "-c"])
def test_it_works_without_a_main_guard_from_anywhere(how: str, tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    (tmp_path / "types.py").write_text("raise RuntimeError('a file here must not hide the standard library')")
    arguments = {"file": ["-P", "script.py"], "stdin": ["-P", "-"], "-c": ["-P", "-c", SCRIPT]}[how]
    done = subprocess.run(
        [sys.executable, *arguments],
        check=False,
        input=SCRIPT if how == "stdin" else None,
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.stdout.startswith("complete 42"), done.stderr
    assert done.stderr == ""
    pid = int(done.stdout.split()[2])
    assert not alive(pid)  # ended with the interpreter, though nobody called close


def test_a_module_beside_the_script_can_be_imported_by_the_worker(tmp_path: Path) -> None:
    (tmp_path / "beside.py").write_text(
        "class Mine:\n    def evaluate(self, proposal, context):\n        return {'answer': 42}\n"
    )
    (tmp_path / "script.py").write_text(
        textwrap.dedent("""
        from beside import Mine
        from searchitect.executors import ProcessExecutor
        from searchitect.testing.executors import job, run_all
        with ProcessExecutor(Mine(), workers=1) as executor:
            print(run_all(executor, [job(0)])[0].measurements)
        """)
    )
    command = [sys.executable, tmp_path / "script.py"]
    done = subprocess.run(command, cwd="/", capture_output=True, text=True, check=False)
    assert done.stdout == "{'answer': 42.0}\n", done.stderr


def running_script() -> tuple[subprocess.Popen[str], int]:
    program = SCRIPT + 'executor.submit(job(1, "sleep"))\nexecutor.collect()\n'
    driver = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert driver.stdout is not None
    return driver, int(driver.stdout.readline().split()[2])


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_workers_end_with_a_driver_that_is_killed_even_in_the_middle_of_a_job(number: signal.Signals) -> None:
    driver, worker = running_script()
    with driver:
        time.sleep(0.3)
        assert alive(worker)
        driver.send_signal(number)
        driver.wait(timeout=60)
    assert soon(lambda: not alive(worker))


def test_ctrl_c_does_not_reach_the_workers(wild: ProcessExecutor) -> None:
    (first,) = run_all(wild, [job(0, "nothing")])
    os.kill(int(first.measurements["pid"]), signal.SIGINT)
    (second,) = run_all(wild, [job(1, "nothing")])
    assert second.measurements["pid"] == first.measurements["pid"]


def test_the_cause_of_a_death_comes_with_the_outcome() -> None:
    with ProcessExecutor(Wild(), workers=1, grace=0.1, memory_bytes=300_000_000) as executor:
        asked = [("kill", 9), ("segfault", 0), ("exit", 3), ("hang", 0), ("allocate", 3_000_000_000), ("score", 1)]
        jobs = [job(n, do, value, seconds=0.3 if do == "hang" else None) for n, (do, value) in enumerate(asked)]
        ended = sorted(run_all(executor, jobs), key=lambda outcome: outcome.number)
    assert [o.cause for o in ended] == [Cause.KILLED, Cause.CRASH, Cause.CRASH, Cause.TIME, Cause.MEMORY, None]
