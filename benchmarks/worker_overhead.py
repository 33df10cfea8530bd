"""How much worker processes cost: 200 evaluations that sleep 50 ms, after warm-up, against the ideal.

    python benchmarks/worker_overhead.py [--jobs 200] [--seconds 0.05]

Target: at most 1.15 times the ideal with two workers.

    python benchmarks/worker_overhead.py --busy [--jobs 20] [--seconds 1.0] [--rounds 3]

One worker against two on evaluations that keep a processor busy, one after the other in each round, median of the
ratios. Target: two are at least 1.85 times as fast, on two cores that nobody else uses: the load is printed, and how
fast two bare processes are, which is what the machine itself gives.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
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


LOOP = "x = 0\nfor i in range({steps}):\n    x = (x * 31 + i) % 1000003"


class Worker:
    """Counts: always the same work, whoever else uses the machine."""

    def __init__(self, steps: int) -> None:
        self.steps = steps

    def evaluate(self, proposal: Proposal, context: Context) -> Mapping[str, float]:
        x = 0
        for i in range(self.steps):
            x = (x * 31 + i) % 1_000_003
        return {"accuracy": float(x)}


def steps_for(seconds: float) -> int:
    """How far one counts in so much processor time."""
    begin = time.process_time()
    Worker(1_000_000).evaluate(PROPOSAL, Context(0))
    return round(1_000_000 * seconds / (time.process_time() - begin))


def bare(processes: int, steps: int, jobs: int) -> float:
    """Wall time of the same work in bare interpreters."""
    program = LOOP.format(steps=steps * jobs // processes)
    begin = time.perf_counter()
    running = [subprocess.Popen([sys.executable, "-c", "def f():\n    " + program.replace("\n", "\n    ") + "\nf()"])
               for _ in range(processes)]  # fmt: skip
    for process in running:
        process.wait()
    return time.perf_counter() - begin


def busy(jobs: int, seconds: float, rounds: int) -> None:
    """Print how much faster two workers are than one."""
    steps = steps_for(seconds)
    ratios, bares = [], []
    with ProcessExecutor(Worker(steps), 1) as one, ProcessExecutor(Worker(steps), 2) as two:
        for executor in (one, two):
            seconds_for(executor, 2)
        for _ in range(rounds):
            ratios.append(seconds_for(one, jobs) / seconds_for(two, jobs))
            bares.append(bare(1, steps, jobs) / bare(2, steps, jobs))
    print(f"{jobs} jobs of {seconds:g} s of processor time, {rounds} rounds, load {os.getloadavg()[0]:.1f}")
    print(
        f"two workers are {statistics.median(ratios):.2f} times as fast as one ({min(ratios):.2f} to {max(ratios):.2f})"
    )
    print(f"two bare processes {statistics.median(bares):.2f} ({min(bares):.2f} to {max(bares):.2f})")


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
    parser.add_argument("--jobs", type=int)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--busy", action="store_true", help="one worker against two, on work that needs a processor")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    if given.busy:
        busy(given.jobs or 20, given.seconds or 1.0, given.rounds)
        return
    given.jobs, given.seconds = given.jobs or 200, given.seconds or 0.05
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
