"""Warm starts on TransNAS-Bench-101 (micro space): each task searched after the other six, and cold.

    python benchmarks/transfer.py [--seeds 30] [--trials 50] [--past 200] [--share 0.01]

Leave one task out: the other six were searched before, for `--past` trials each; their ranks start the search of the
seventh. Signal: the validation column; the strategies see no other. A query is one evaluation, and the figures are
medians of the queries until an architecture of the best `--share` of the table is found, ">N" where half of the
searches never find one (it counts as N). `below random`: the largest amount by which the mean of the warm search lies
under that of random search, at any number of evaluations, in standard deviations of random search at that number.
"""

from __future__ import annotations

import argparse
import os
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import process_time

import searchitect as sa
from searchitect.objectives import Objective
from searchitect.seeding import derive
from searchitect.strategies import PriorTrial, Setting, make_strategy
from searchitect.strategies.prior import ranked
from searchitect.trial import Trial, TrialState

TASKS = {
    "class_scene": "top1_accuracy_percent",
    "class_object": "top1_accuracy_percent",
    "jigsaw": "top1_accuracy_percent",
    "room_layout": "neg_l2_loss",
    "segmentsemantic": "miou_percent",
    "autoencoder": "ssim",
    "normal": "ssim",
}
SCORE = (Objective("score", "maximize"),)
DIGITS = ("0", "1", "2", "3")


@sa.space
class Micro:
    """Six edges: none, skip, 1×1 and 3×3 convolution."""

    a: str = sa.choice(*DIGITS)
    b: str = sa.choice(*DIGITS)
    c: str = sa.choice(*DIGITS)
    d: str = sa.choice(*DIGITS)
    e: str = sa.choice(*DIGITS)
    f: str = sa.choice(*DIGITS)


SPACE = sa.SearchSpace.of(Micro)
Table = Mapping[tuple[str, ...], float]


def read(path: Path, split: str) -> dict[str, Table]:
    """Return edges → value for each task."""
    import pyarrow.parquet as parquet

    columns = {task: f"{task}_{split}_{metric}" for task, metric in TASKS.items()}
    rows = parquet.read_table(path, columns=["arch", "space", *columns.values()]).to_pylist()
    micro = [row for row in rows if row["space"] == "micro"]
    edges = [tuple(row["arch"].split("-")[2].replace("_", "")) for row in micro]
    return {
        task: {edge: float(row[name]) for edge, row in zip(edges, micro, strict=True)} for task, name in columns.items()
    }


def search(name: str, table: Table, seed: int, trials: int, prior: Sequence[PriorTrial] = ()) -> list[Trial]:
    """Run one search and return its trials."""
    setting = Setting(SPACE, SCORE, seed, budget=trials, prior=tuple(prior))
    strategy = make_strategy(name, setting)
    done: list[Trial] = []
    for number in range(trials):
        proposal = strategy.ask(number)
        if proposal is None:
            break
        trial = Trial(number, proposal, TrialState.RUNNING, SPACE.key(proposal.architecture), number)
        strategy.tell(trial)
        value = table[tuple(str(value) for _, value in proposal.architecture.items())]
        ended = Trial(number, proposal, TrialState.COMPLETE, trial.key, number, measurements={"score": value})
        strategy.tell(ended)
        done.append(ended)
    return done


def best_so_far(trials: Sequence[Trial]) -> list[float]:
    """The best score after each evaluation."""
    best, found = float("-inf"), []
    for trial in trials:
        best = max(best, trial.measurements["score"])
        found.append(best)
    return found


def past(task: str, table: Table, seed: int, trials: int, history: str) -> tuple[PriorTrial, ...]:
    """What a study of another task leaves behind."""
    done = search(history, table, derive(seed, "past", task), trials)
    return ranked([(t.architecture, -t.measurements["score"]) for t in done], task)


def queries(curves: Sequence[Sequence[float]], target: float) -> float:
    """Median number of evaluations until the target is reached; infinite where half of the searches never do."""
    first = [next((n + 1 for n, value in enumerate(c) if value >= target), float("inf")) for c in curves]
    return statistics.median_low(first)


def shown(count: float, trials: int) -> str:
    """A number of queries, or that there were not enough."""
    return f"{count:g}" if count <= trials else f">{trials}"


def below_random(warm: Sequence[Sequence[float]], random: Sequence[Sequence[float]]) -> float:
    """How far the mean of warm searches ever lies under that of random ones, in standard deviations of the latter."""
    worst = -float("inf")
    for ours, theirs in zip(zip(*warm, strict=True), zip(*random, strict=True), strict=True):
        deviation = statistics.stdev(theirs)
        if deviation > 0:
            worst = max(worst, (statistics.fmean(theirs) - statistics.fmean(ours)) / deviation)
    return worst


def main() -> None:
    """Print one row for each task."""
    data = Path(os.environ.get("SEARCHITECT_DATA", "../shared")) / "benchmarks"
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--table", type=Path, default=data / "transnas_bench_101" / "table.parquet")
    parser.add_argument("--seeds", type=int, default=30)
    parser.add_argument("--trials", type=int, default=50)
    parser.add_argument("--share", type=float, default=0.01)
    parser.add_argument("--past", type=int, default=200)
    parser.add_argument("--history", choices=("regularized_evolution", "random"), default="regularized_evolution")
    parser.add_argument("--strategy", default="regularized_evolution")
    asked = parser.parse_args()
    if not asked.table.is_file():
        print(f"skipped: there is no file {asked.table}")
        return
    if asked.seeds < 2:
        parser.error(f"--seeds: expected at least 2, for deviations, got {asked.seeds}")
    tables = read(asked.table, "valid")
    began = process_time()
    print(f"{asked.strategy}, {asked.seeds} seeds, after {asked.past} trials of {asked.history} on each other task;")
    print(f"median queries until one of the best {asked.share:.1%} of {len(next(iter(tables.values()))):,} is found")
    print(
        f"{'task':<16} {'cold':>6} {'warm':>6} {'random':>6} {'ratio':>6}  below random   "
        "gap to the optimum: cold, warm"
    )
    ratios, worst = [], []
    earlier = {
        (task, seed): past(task, table, seed, asked.past, asked.history)
        for task, table in tables.items()
        for seed in range(asked.seeds)
    }
    for task, table in tables.items():
        curves: dict[str, list[list[float]]] = {"cold": [], "warm": [], "random": []}
        for seed in range(asked.seeds):
            prior = [record for other in TASKS if other != task for record in earlier[other, seed]]
            curves["cold"].append(best_so_far(search(asked.strategy, table, seed, asked.trials)))
            curves["warm"].append(best_so_far(search(asked.strategy, table, seed, asked.trials, prior)))
            curves["random"].append(best_so_far(search("random", table, seed, asked.trials)))
        target = sorted(table.values(), reverse=True)[int(asked.share * len(table))]
        counts = {arm: queries(found, target) for arm, found in curves.items()}
        optimum = max(table.values())
        gaps = [optimum - statistics.fmean(c[-1] for c in curves[arm]) for arm in ("cold", "warm")]
        ratios.append(min(counts["cold"], asked.trials) / min(counts["warm"], asked.trials))
        worst.append(below_random(curves["warm"], curves["random"]))
        print(
            f"{task:<16} {' '.join(f'{shown(counts[arm], asked.trials):>6}' for arm in counts)} {ratios[-1]:>6.1f}"
            f"  {worst[-1]:>12.2f}   {gaps[0]:.4f}, {gaps[1]:.4f}",
            flush=True,
        )
    print(f"at least 2× fewer queries on {sum(r >= 2 for r in ratios)} of {len(ratios)} tasks; ", end="")
    print(f"never more than {max(worst):.2f} deviations below random; {process_time() - began:.0f} s of processor time")


if __name__ == "__main__":
    main()
