"""A head and two worker nodes on this machine; one node is killed in the middle."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping

import pytest

import searchitect as sa
from searchitect.evaluation import Cause, Context
from searchitect.result import read_result
from searchitect.study import Clock, Limit, Runner, Study, run_phase
from searchitect.testing.executors import Stuck, job, run_all
from searchitect.trial import Proposal

pytest.importorskip("ray", reason="the extra 'ray' is not installed")

pytestmark = pytest.mark.slow

FAST = {"health_check_initial_delay_ms": 0, "health_check_period_ms": 500, "health_check_failure_threshold": 3}


@sa.space
class Net:
    width: int = sa.integer(1, 1000)


class Sleeper:
    def evaluate(self, proposal: Proposal, context: Context) -> Mapping[str, float]:
        time.sleep(1.0)
        return {"score": float(str(proposal.architecture["width"])), "pid": float(os.getpid())}


@pytest.fixture
def cluster():
    from ray.cluster_utils import Cluster

    made = Cluster(
        initialize_head=True,
        head_node_args={
            "num_cpus": 0,
            "include_dashboard": False,
            "object_store_memory": 10**8,
            "_system_config": FAST,
        },
    )
    nodes = [made.add_node(num_cpus=2, object_store_memory=10**8) for _ in range(2)]
    made.wait_for_nodes()
    yield made, nodes
    made.shutdown()


def test_a_study_outlives_a_node_and_a_killed_worker(cluster, tmp_path):
    made, nodes = cluster
    from searchitect.executors.on_ray import RayExecutor

    wounds = []

    def watch(event):
        ended = event["kind"] == "end"
        if ended and not wounds:
            wounds.append("worker")
            os.kill(int(event["measurements"]["pid"]), signal.SIGKILL)  # its next trial, or its next place
        elif ended and event["number"] >= 5 and len(wounds) == 1:
            wounds.append("node")
            made.remove_node(nodes[1], allow_graceful=False)

    with (
        RayExecutor(Sleeper(), 4, address=made.address) as executor,
        Study(Net, strategy="random", store=str(tmp_path / "s.db"), workers=4, on_event=watch) as study,
    ):
        run_phase(study, "search", Runner(executor, Clock()), Limit(trials=16))
        events = [event for _, event in study.store.journal(study.name).read()]
    numbers = [event["number"] for event in events if event["kind"] == "end"]
    assert sorted(numbers) == list(range(16))
    assert all(event["state"] == "complete" for event in events if event["kind"] == "end")
    retried = [event for event in events if event["kind"] == "retried"]
    assert wounds == ["worker", "node"]
    assert "lost" in {event["cause"] for event in retried}
    lines = [line for line in read_result(events).warnings if "was run again" in line]
    assert len(lines) == len(retried)


def test_hangs_are_noticed_on_every_node(cluster):
    made, _ = cluster
    from searchitect.executors.on_ray import RayExecutor

    with RayExecutor(Stuck(), 4, address=made.address, hang_seconds=2.0) as executor:
        ended = run_all(executor, [*(job(n, "sleep", 600) for n in range(4)), *(job(n, "report", 30) for n in (4, 5))])
    assert {o.number: o.cause for o in ended} == {n: Cause.HANG if n < 4 else None for n in range(6)}
