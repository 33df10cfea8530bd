from __future__ import annotations

import os
import time
from collections.abc import Mapping

import pytest

import searchitect as sa
from searchitect.errors import ConfigError
from searchitect.evaluation import Cause, Context, Evaluator, Executor, LiveExecutor
from searchitect.testing.executors import (
    ExecutorContract,
    LiveExecutorContract,
    Scripted,
    Stuck,
    WatchfulExecutorContract,
    job,
    run_all,
)
from searchitect.trial import Proposal, TrialState

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


class TestRayExecutorWatchful(WatchfulExecutorContract):
    @classmethod
    def make_watchful(cls, evaluator: Evaluator, workers: int, hang_seconds: float) -> Executor:
        from searchitect.executors.on_ray import RayExecutor

        return RayExecutor(evaluator, workers, hang_seconds=hang_seconds)


class Wild(Scripted):
    """Does what only another process survives."""

    def evaluate(self, proposal: Proposal, context: Context) -> Mapping[str, float]:
        do = proposal.architecture["do"]
        if do == "exit":
            os._exit(3)
        if do == "allocate":
            return {"bytes": float(len(bytearray(3_000_000_000)))}
        return super().evaluate(proposal, context)


def test_a_death_and_a_job_without_end_cost_their_actor_and_nothing_else() -> None:
    from searchitect.executors.on_ray import RayExecutor

    with RayExecutor(Wild(), workers=2, grace=0.1, memory_bytes=1_000_000_000) as executor:
        jobs = [job(0, "exit"), job(1, "sleep", 60, seconds=0.5), job(2, "allocate"), *(job(n) for n in range(3, 8))]
        ended = {o.number: o for o in run_all(executor, jobs)}
        assert executor.capacity == 2
    assert [ended[n].cause for n in range(4)] == [Cause.KILLED, Cause.TIME, Cause.MEMORY, None]
    assert ended[1].reason == "took longer than 0.5 s"
    assert all(ended[n].state is TrialState.COMPLETE for n in range(3, 8))


def test_a_watcher_that_is_killed_is_replaced() -> None:
    import ray

    from searchitect.executors.on_ray import RayExecutor

    with RayExecutor(Stuck(), 1, hang_seconds=2.0) as executor:
        assert [o.cause for o in run_all(executor, [job(0, "work", 25)])] == [None]
        (watcher,) = executor._watch._watchers.values()
        ray.kill(watcher)
        assert [o.cause for o in run_all(executor, [job(1, "sleep", 600), job(2, "work", 30)])] == [Cause.HANG, None]
        assert watcher not in executor._watch._watchers.values()


def test_what_no_node_can_hold_is_refused_before_anything_runs() -> None:
    from searchitect.executors.on_ray import RayExecutor
    from searchitect.executors.ray_cluster import Needs

    with pytest.raises(ConfigError, match="one trial needs 1 CPUs, 0.5 GPUs, and the largest node"):
        RayExecutor(Scripted(), 2, needs=Needs(gpus=0.5))


class Unloadable(Scripted):
    def __reduce__(self) -> tuple[object, ...]:
        return _broken, ()


def _broken() -> None:
    raise ImportError("no module named 'theirs'")


def test_an_evaluator_that_cannot_be_loaded_is_one_error() -> None:
    executor = make(Unloadable())
    executor.submit(job(0))
    with pytest.raises(ConfigError, match="could not load the evaluator: ImportError: no module named 'theirs'"):
        executor.collect()
    assert executor.capacity == 0


def test_a_search_runs_on_it_through_the_front_door(tmp_path, capfd) -> None:
    @sa.space
    class Net:
        width: int = sa.integer(1, 50)

    def score(net, context):
        for step in (1, 2, 3):
            context.report(step, score=net.width * step / 3)
            time.sleep(0.2)  # a stop takes its way through two processes
        return float(net.width)

    place = {"store": tmp_path / "s.db", "folder": tmp_path / "out", "name": "ray"}
    result = sa.search(space=Net, evaluate=score, trials=20, executor="ray", workers=2, stopping="median", **place)
    assert result.best is not None
    assert sum(t.phase == "search" and t.reused is None for t in result.trials) == 20
    assert {t.state for t in result.trials if t.phase == "search"} >= {TrialState.COMPLETE, TrialState.PRUNED}
    assert capfd.readouterr().out == ""


def test_the_journal_of_a_hang_is_the_same_wherever_it_ran(tmp_path) -> None:
    from searchitect.storage import open_store

    @sa.space
    class Net:
        width: int = sa.integer(1, 4)

    def score(net):
        time.sleep(600 if net.width == 2 else 0)
        return float(net.width)

    def journal(kind: str) -> list[dict[str, object]]:
        place = {"store": tmp_path / f"{kind}.db", "name": "s", "executor": kind, "workers": 1}
        bounds = {"strategy": "grid", "random_search": False, "confirm_seeds": 0, "hang_seconds": 2.0}
        sa.search(space=Net, evaluate=score, trials=4, **place, **bounds)
        events = [event for _, event in open_store(str(tmp_path / f"{kind}.db")).journal("s").read()]
        return [{name: value for name, value in event.items() if name != "clock"} for event in events[1:]]

    journals = {kind: journal(kind) for kind in ("processes", "ray")}
    assert journals["ray"] == journals["processes"]
    (hung,) = (event for event in journals["ray"] if event.get("state") == "failed")
    assert (hung["cause"], hung["quarantined"]) == ("hang", True)


@sa.space
class Trained:
    width: int = sa.choice(4, 8, 16)

    def recipe(self):
        return sa.Recipe(schedule="constant", epochs=4, batch_size=64)

    def build(self, task):
        import torch

        return torch.nn.Sequential(
            torch.nn.Linear(task.inputs[0], self.width), torch.nn.Linear(self.width, task.outputs)
        )


def test_weights_travel_by_a_url_where_no_folder_is_shared(tmp_path) -> None:
    """Actors work in folders of their own, elsewhere; the driver's holds only what it fetched."""
    pytest.importorskip("fsspec", reason="the extra 'artifacts' is not installed")
    place = {"store": tmp_path / "s.db", "folder": tmp_path / "out", "name": "ray"}
    where = {"executor": "ray", "workers": 2, "artifacts": f"file://{tmp_path}/bucket"}
    result = sa.search(
        "iris", Trained, strategy="asha", trials=9, confirm_seeds=2, random_search=False, **place, **where
    )
    assert any(t.measurements.get("continued_epochs") for t in result.trials)
    assert all(t.state is TrialState.COMPLETE for t in result.trials)
    confirmed = {f"trial-{n:05d}" for finalist in result.finalists for n in finalist.trials}
    kept = {path.parent.parent.name for path in (tmp_path / "bucket").rglob("model.safetensors")}
    assert confirmed <= kept
    assert {path.name for path in (tmp_path / "out" / "weights").iterdir()} <= confirmed
    assert not list((tmp_path / "bucket").rglob("checkpoint.safetensors"))
    assert result.best is not None
    assert result.best.model is not None
