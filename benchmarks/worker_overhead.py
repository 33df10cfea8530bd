"""How much worker processes cost: 200 evaluations that sleep 50 ms, after warm-up, against the ideal.

    python benchmarks/worker_overhead.py [--jobs 200] [--seconds 0.05]

Target: at most 1.15 times the ideal with two workers.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping

from searchitect.evaluation import Context, Executor, Job
from searchitect.executors import ProcessExecutor, SerialExecutor
from searchitect.spaces.architecture import Architecture
from searchitect.trial import Proposal

PROPOSAL = Proposal(Architecture("benchmark", {f"blocks.{i}.width": 32 for i in range(20)}))


class Sleeper:
    """Sleeps, and reports once."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def evaluate(self, proposal: Proposal, context: Context) -> Mapping[str, float]:
        time.sleep(self.seconds)
        context.report(1, accuracy=0.5)
        return {"accuracy": 0.5}


def seconds_for(executor: Executor, jobs: int) -> float:
    """Wall time of so many jobs, handed over as soon as there is room."""
    begin = time.perf_counter()
    submitted = ended = 0
    while ended < jobs:
        while submitted < jobs and executor.capacity:
            executor.submit(Job(submitted, PROPOSAL, seed=submitted))
            submitted += 1
        ended += len(executor.collect())
    return time.perf_counter() - begin


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=0.05)
    given = parser.parse_args()
    print(f"{given.jobs} jobs of {1000 * given.seconds:g} ms")
    print(f"{'executor':<14}{'start s':>9}{'wall s':>9}{'ideal s':>9}{'ratio':>8}{'null jobs/s':>13}")
    for workers in (0, 1, 2, 4):
        begin = time.perf_counter()
        sleeper = Sleeper(given.seconds)
        null = Sleeper(0.0)
        executor = ProcessExecutor(sleeper, workers) if workers else SerialExecutor(sleeper)
        with executor:
            seconds_for(executor, 4 * max(1, workers))
            start = time.perf_counter() - begin
            wall = seconds_for(executor, given.jobs)
        with ProcessExecutor(null, workers) if workers else SerialExecutor(null) as executor:
            seconds_for(executor, 20)
            rate = 2000 / seconds_for(executor, 2000)
        ideal = given.jobs * given.seconds / max(1, workers)
        name = f"{workers} processes" if workers else "serial"
        print(f"{name:<14}{start:>9.2f}{wall:>9.2f}{ideal:>9.2f}{wall / ideal:>8.3f}{rate:>13,.0f}")


if __name__ == "__main__":
    main()
