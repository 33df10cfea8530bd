"""The honest protocol on NAS-Bench-201: told validation after 12 epochs, judged by test accuracy after 200.

Figure = true value of the best *observed* after 50, 100, 150 and 300 evaluations; mean ± standard error over seeds.
Below each data set: every strategy of ours against each of Optuna's samplers, seed by seed (searches of equal number),
with half of the 95 % interval of the difference.

Optuna's GP takes minutes per search, so what is finished is kept in a file, and a longer run goes on from there; remove
the rows of a strategy of ours when it has changed.

    python benchmarks/honest_protocol.py [--seeds 100] [--strategies LIST] [--dataset cifar10] [--report]
"""

from __future__ import annotations

import argparse
import csv
import math
import os
import statistics
import sys
import time
from pathlib import Path

from searchitect.tabular import open_benchmark
from searchitect.tabular.comparing import extremes
from searchitect.tabular.entries import parse_entries
from searchitect.tabular.searching import Terms, run_search

SHARED = Path(__file__).parents[2] / "shared"
KEPT = Path(__file__).parents[1] / "runs" / "honest_protocol.csv"
DATASETS = ("cifar10", "cifar100", "imagenet16_120")
AT = (50, 100, 150, 300)
PEERS = ("optuna(sampler=TPESampler)", "optuna(sampler=NSGAIISampler)", "optuna(sampler=GPSampler)")
OURS = ("random", "regularized_evolution", "local_search", "tpe", "gp", "predictor", "auto")

Key = tuple[str, str, int]
"""Data set, strategy, seed."""


def read(path: Path) -> dict[Key, tuple[float, ...]]:
    if not path.exists():
        return {}
    with path.open(newline="") as file:
        return {(row[0], row[1], int(row[2])): tuple(map(float, row[3:])) for row in csv.reader(file)}


def keep(path: Path, key: Key, values: tuple[float, ...]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", newline="") as file:
        csv.writer(file).writerow([*key, *values])


def measure(options: argparse.Namespace, finished: dict[Key, tuple[float, ...]]) -> None:
    """Run what is not finished: all strategies of a seed, then the next seed, so that a cut leaves whole pairs."""
    opened = {}
    for dataset in options.dataset or DATASETS:
        benchmark = open_benchmark(f"nasbench201/{dataset}", options.data)
        optimum, worst = extremes(benchmark)
        terms = Terms(
            benchmark.signals["valid12"], optimum, worst, trials=max(AT), checkpoints=AT,
            trained=benchmark.signal_fidelities["valid12"],
        )  # fmt: skip
        opened[dataset] = benchmark, terms, parse_entries(",".join(options.strategies))
    for seed in range(options.first, options.seeds):
        for dataset, (benchmark, terms, entries) in opened.items():
            for entry in entries:
                key = (dataset, entry.label, seed)
                if key in finished:
                    continue
                begun = time.process_time()
                truths = run_search(benchmark, entry, terms, seed).truths
                finished[key] = tuple(truths[n - 1] for n in AT)
                keep(options.kept, key, finished[key])
                print(
                    f"  {entry.label} {dataset} {seed}: {time.process_time() - begun:.0f} s",
                    file=sys.stderr,
                    flush=True,
                )


def spread(values: list[float]) -> tuple[float, float]:
    """Mean and its standard error."""
    return statistics.fmean(values), statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else math.nan


def report(finished: dict[Key, tuple[float, ...]]) -> None:
    strategies = list(dict.fromkeys(strategy for _, strategy, _ in finished))
    for dataset in DATASETS:
        print(f"\n{dataset:<36}{'seeds':>6}" + "".join(f"{n:>16}" for n in AT))
        for strategy in strategies:
            rows = [values for (d, s, _), values in finished.items() if (d, s) == (dataset, strategy)]
            if rows:
                cells = (spread(list(column)) for column in zip(*rows, strict=True))
                print(f"{strategy:<36}{len(rows):>6}" + "".join(f"{mean:>9.3f} ± {error:.3f}" for mean, error in cells))
        for peer in PEERS:
            for ours in (s for s in strategies if s not in PEERS):
                against(finished, dataset, ours, peer)


def against(finished: dict[Key, tuple[float, ...]], dataset: str, ours: str, peer: str) -> None:
    """One line: ours minus the peer over the seeds that both have, with half of the 95 % interval."""
    seeds = [n for d, s, n in finished if (d, s) == (dataset, peer) and (dataset, ours, n) in finished]
    if len(seeds) < 2:
        return
    cells = []
    for place in range(len(AT)):
        differences = [finished[dataset, ours, n][place] - finished[dataset, peer, n][place] for n in seeds]
        mean, error = spread(differences)
        cells.append(f"{mean:>+9.3f} ± {1.96 * error:.3f}")
    print(
        f"  {ours} − {peer.removeprefix('optuna(sampler=')[:-1]:<20}"[:36].ljust(36)
        + f"{len(seeds):>6}"
        + "".join(cells)
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--first", type=int, default=0, help="number of the first search")
    parser.add_argument("--dataset", action="append", choices=DATASETS)
    parser.add_argument("--strategies", nargs="+", default=[*OURS, *PEERS])
    parser.add_argument("--kept", type=Path, default=KEPT, help="file of finished searches")
    parser.add_argument("--report", action="store_true", help="print what is finished and run nothing")
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("SEARCHITECT_DATA", SHARED)))
    options = parser.parse_args()
    finished = read(options.kept)
    if not options.report:
        measure(options, finished)
    report(finished)


if __name__ == "__main__":
    main()
