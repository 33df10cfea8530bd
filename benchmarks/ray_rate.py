"""How much a Ray cluster of 64 slots on this machine costs per trial: sleeping trials against the ideal, empty ones.

    python benchmarks/ray_rate.py [--trials 10000] [--slots 64] [--empty 5000]

Whole studies: random search asks, every start and end is an event in SQLite, trials run in warm Ray actors. Starting
the cluster and its workers is not counted: the study begins once every slot has run one trial. Ideal is
trials / slots seconds; Ray Tune publishes 14 % over it for 10,000 trials of one second on 64 slots.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import searchitect as sa
from searchitect.evaluation import Context
from searchitect.executors.on_ray import RayExecutor
from searchitect.study import Clock, Limit, Runner, Study, run_phase
from searchitect.testing.executors import Scripted, job, run_all
from searchitect.trial import Proposal


@sa.space
class Wide:
    a: float = sa.real(0.0, 1.0)
    b: float = sa.real(0.0, 1.0)


class Sleeper(Scripted):
    """Sleeps for `factor` seconds; a job of the contract tests is answered at once."""

    def evaluate(self, proposal: Proposal, context: Context) -> Mapping[str, float]:
        if "do" in proposal.architecture:
            return super().evaluate(proposal, context)
        time.sleep(self.factor)
        return {"score": float(str(proposal.architecture["a"]))}


def study_of(executor: RayExecutor, trials: int, folder: Path) -> tuple[float, float]:
    """Wall seconds and processor seconds of the driver for one study."""
    store = str(folder / f"{trials}-{time.time_ns()}.db")
    with Study(Wide, strategy="random", store=store, workers=executor.workers) as study:
        wall, used = time.perf_counter(), time.process_time()
        run_phase(study, "search", Runner(executor, Clock()), Limit(trials=trials))
        taken = time.perf_counter() - wall, time.process_time() - used
        assert sum(trial.is_complete for trial in study.trials) == trials
    return taken


def warm(executor: RayExecutor) -> float:
    """Seconds until every slot has run a job."""
    begin = time.perf_counter()
    run_all(executor, [job(n) for n in range(executor.workers)])
    while not all(actor.ready for actor in executor._pool):
        run_all(executor, [job(n, "sleep", 0.2) for n in range(executor.workers)])
    return time.perf_counter() - begin


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=10_000, help="sleeping trials, one second each")
    parser.add_argument("--slots", type=int, default=64)
    parser.add_argument("--empty", type=int, default=5_000, help="empty trials; 0 for none")
    given = parser.parse_args()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {given.slots} slots")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for seconds, trials in ((0.0, given.empty), (1.0, given.trials)):
            if not trials:
                continue
            with RayExecutor(Sleeper(seconds), given.slots) as executor:
                started = warm(executor)
                wall, used = study_of(executor, trials, folder)
            rate, ideal = trials / wall, seconds * trials / given.slots
            over = f"; {wall:.1f} s, {100 * (wall / ideal - 1):+.1f} % over {ideal:.1f} s" if ideal else ""
            print(
                f"{trials:,} trials of {seconds:g} s: {rate:.0f} trials/s{over}; "
                f"driver {1e3 * used / trials:.2f} ms of processor time per trial; "
                f"workers were up after {started:.0f} s"
            )


if __name__ == "__main__":
    main()
