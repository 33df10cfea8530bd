from __future__ import annotations

from collections.abc import Mapping

import pytest

from searchitect.evaluation import Context, Evaluator, Executor, LiveExecutor
from searchitect.executors import SerialExecutor
from searchitect.testing.executors import ExecutorContract, LiveExecutorContract, Scripted, job, run_all
from searchitect.trial import Proposal


class TestSerialExecutor(ExecutorContract):
    @classmethod
    def make(cls, evaluator: Evaluator) -> Executor:
        return SerialExecutor(evaluator)


class TestSerialExecutorLive(LiveExecutorContract):
    @classmethod
    def make(cls, evaluator: Evaluator) -> LiveExecutor:
        return SerialExecutor(evaluator)


class Interrupted:
    def evaluate(self, proposal: Proposal, context: Context) -> Mapping[str, float]:
        raise KeyboardInterrupt


def test_ctrl_c_gets_out_and_the_executor_stays_usable() -> None:
    with SerialExecutor(Interrupted()) as executor:
        executor.submit(job(0))
        with pytest.raises(KeyboardInterrupt):
            executor.collect()
        assert executor.capacity == 1


def test_reports_can_be_watched_live() -> None:
    seen: list[tuple[int, int, Mapping[str, float]]] = []
    with SerialExecutor(Scripted(), on_report=lambda *report: seen.append(report)) as executor:
        run_all(executor, [job(3, "report", 2)])
    assert seen == [(3, 0, {"loss": 1.0}), (3, 1, {"loss": 0.5})]


def test_numbers_of_numpy_and_torch_are_measurements() -> None:
    import numpy as np
    import torch

    class Numbers:
        def evaluate(self, proposal: Proposal, context: Context) -> Mapping[str, float]:
            return {"a": np.float32(0.5), "b": torch.tensor(2.0), "c": True, "d": np.int64(3)}  # type: ignore[dict-item]

    with SerialExecutor(Numbers()) as executor:
        (outcome,) = run_all(executor, [job(0)])
    assert outcome.measurements == {"a": 0.5, "b": 2.0, "c": 1.0, "d": 3.0}
    assert all(type(value) is float for value in outcome.measurements.values())
