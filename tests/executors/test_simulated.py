from __future__ import annotations

from collections.abc import Mapping

import pytest

from searchitect.errors import ConfigError, EvaluationError
from searchitect.evaluation import Context, Evaluator, Executor, LiveExecutor
from searchitect.executors import SimulatedExecutor
from searchitect.study.loop import Clock
from searchitect.testing.executors import ExecutorContract, LiveExecutorContract, Scripted, job, run_all
from searchitect.trial import Proposal, TrialState


def slept(proposal: Proposal) -> float:
    """What `Scripted` would take."""
    do, value = proposal.architecture["do"], proposal.architecture["value"]
    return float(str(value)) if do == "sleep" else 1e-3


class TestSimulatedExecutor(ExecutorContract):
    @classmethod
    def make(cls, evaluator: Evaluator) -> Executor:
        return SimulatedExecutor(evaluator, slept, workers=3)


class TestSimulatedExecutorLive(LiveExecutorContract):
    @classmethod
    def make(cls, evaluator: Evaluator) -> LiveExecutor:
        return SimulatedExecutor(evaluator, slept, workers=3)


class Instant:
    def evaluate(self, proposal: Proposal, context: Context) -> Mapping[str, float]:
        return {"score": 1.0}


def naps(executor: SimulatedExecutor, *seconds: float) -> list[tuple[int, float]]:
    """Run jobs that take so long; (number, virtual time of its end) in order of arrival."""
    waiting, ended = [job(n, "sleep", s) for n, s in enumerate(seconds)], list[tuple[int, float]]()
    while len(ended) < len(seconds):
        while waiting and executor.capacity:
            executor.submit(waiting.pop(0))
        ended += [(outcome.number, executor.now()) for outcome in executor.collect()]
    return ended


def test_jobs_end_in_order_of_virtual_time() -> None:
    # Two workers: 0 runs 0-5, 1 runs 0-1, 2 runs 1-3, 3 runs 3-4, 4 runs 4-9.
    executor = SimulatedExecutor(Instant(), slept, workers=2)
    assert naps(executor, 5, 1, 2, 1, 5) == [(1, 1.0), (2, 3.0), (3, 4.0), (0, 5.0), (4, 9.0)]


def test_one_worker_takes_the_sum_and_many_the_longest() -> None:
    assert naps(SimulatedExecutor(Instant(), slept), 5, 1, 2)[-1] == (2, 8.0)
    assert naps(SimulatedExecutor(Instant(), slept, workers=9), 5, 1, 2)[-1] == (0, 5.0)


def test_equal_ends_arrive_together_in_order_of_submission() -> None:
    executor = SimulatedExecutor(Instant(), workers=3)
    for number in (7, 3, 5):
        executor.submit(job(number))
    assert [outcome.number for outcome in executor.collect()] == [7, 3, 5]
    assert executor.now() == 1.0


def test_days_pass_at_once() -> None:
    executor = SimulatedExecutor(Instant(), slept, workers=4)
    assert naps(executor, *[86_400.0] * 8)[-1][1] == 2 * 86_400.0


def test_a_job_over_its_time_fails_then_and_is_not_evaluated() -> None:
    executor = SimulatedExecutor(Instant(), slept)
    (outcome,) = run_all(executor, [job(0, "sleep", 100.0, seconds=30.0)])
    assert (outcome.state, outcome.seconds, executor.now()) == (TrialState.FAILED, 30.0, 30.0)
    assert outcome.measurements == {}
    assert outcome.reason == "stopped after 30 s (simulated); it would have taken 100 s"


def test_a_proposal_without_a_cost_fails_with_the_reason_of_the_evaluation() -> None:
    class Empty:
        def evaluate(self, proposal: Proposal, context: Context) -> Mapping[str, float]:
            raise EvaluationError("the table does not hold it")

    def unknown(proposal: Proposal) -> float:
        raise EvaluationError("no cost")

    executor = SimulatedExecutor(Empty(), unknown)
    (outcome,) = run_all(executor, [job(0)])
    assert (outcome.state, outcome.reason) == (TrialState.FAILED, "the table does not hold it")
    assert executor.now() == 0.0


@pytest.mark.parametrize("cost", [-1.0, float("nan"), float("inf")])
def test_a_cost_that_is_none_is_refused(cost: float) -> None:
    with pytest.raises(ConfigError, match="trial 4 costs"):
        SimulatedExecutor(Instant(), lambda proposal: cost).submit(job(4))


@pytest.mark.parametrize("workers", [0, -1, 1.5, True])
def test_another_number_of_workers_is_refused(workers: object) -> None:
    with pytest.raises(ConfigError, match="whole number"):
        SimulatedExecutor(Instant(), workers=workers)  # type: ignore[arg-type]


def test_the_clock_of_a_study_can_be_virtual() -> None:
    executor = SimulatedExecutor(Instant(), slept)
    clock = Clock(now=executor.now)
    naps(executor, 60.0, 60.0)
    assert clock.elapsed() == 120.0


def test_the_evaluator_is_the_one_that_was_given() -> None:
    assert run_all(SimulatedExecutor(Scripted(factor=3.0)), [job(0, value=2)])[0].measurements["score"] == 6.0


class Curve:
    """Reports ten steps, at once."""

    def evaluate(self, proposal: Proposal, context: Context) -> Mapping[str, float]:
        for step in range(1, 11):
            context.report(step, score=step / 10)
        return {"score": 1.0}


def test_a_stopped_job_costs_the_share_that_it_ran() -> None:
    executor = SimulatedExecutor(Curve(), slept, workers=2)
    heard: list[tuple[int, int, float]] = []

    def listen(number: int, step: int, measured: Mapping[str, float]) -> None:
        heard.append((number, step, executor.now()))
        if (number, step) == (1, 3):
            executor.stop(1, "behind")

    executor.follow(listen)
    executor.submit(job(0, "sleep", 10))
    executor.submit(job(1, "sleep", 20))
    (stopped,) = executor.collect()
    assert (stopped.number, stopped.state, stopped.seconds, executor.now()) == (1, TrialState.PRUNED, 6.0, 6.0)
    assert stopped.measurements == {"score": 0.3}
    executor.submit(job(2, "sleep", 3))
    assert [o.number for o in executor.collect()] == [2]
    assert [o.number for o in executor.collect()] == [0]
    assert executor.now() == 10.0
    assert [time for number, _, time in heard if number == 0] == [float(n) for n in range(1, 11)]
    assert [time for _, _, time in heard] == sorted(time for _, _, time in heard)
