from __future__ import annotations

import pytest

from searchitect.evaluation import Evaluator, Executor, LiveExecutor
from searchitect.testing.executors import ExecutorContract, LiveExecutorContract

pytest.importorskip("ray", reason="the extra 'ray' is not installed")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", autouse=True)
def cluster():
    """One for the whole file: the executors join it and leave it running."""
    from searchitect.executors.ray_cluster import Needs, join, leave

    joined = join(None, 4, Needs())
    yield
    leave(joined)


def make(evaluator: Evaluator):
    from searchitect.executors.on_ray import RayExecutor

    return RayExecutor(evaluator, workers=2, grace=0.1)


class TestRayExecutor(ExecutorContract):
    @classmethod
    def make(cls, evaluator: Evaluator) -> Executor:
        return make(evaluator)


class TestRayExecutorLive(LiveExecutorContract):
    @classmethod
    def make(cls, evaluator: Evaluator) -> LiveExecutor:
        return make(evaluator)
