"""The honest protocol on NAS-Bench-201: told validation after 12 epochs, judged by test accuracy after 200.

Figure = true value of the best *observed* after 50, 100, 150 and 300 evaluations; mean ± standard error over seeds;
below it, of what the strategy's model believed best, where it has one: what a study takes to the confirmation.
Below each data set: every strategy of ours against each of Optuna's samplers, seed by seed (searches of equal number),
with half of the 95 % interval of the difference; the best observed of both, then what each hands back.

Optuna's GP takes minutes per search, so what is finished is kept in a file, and a longer run goes on from there; remove
the rows of a strategy of ours when it has changed. `--until 100` ends searches early: the first 50 evaluations of
Optuna's GP take 3 s, all 300 a minute. Where a column rests on fewer searches, their number stands behind it.

    python benchmarks/honest_protocol.py [--seeds 100] [--strategies LIST] [--dataset cifar10] [--until 300] [--report]
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
OURS = ("random", "regularized_evolution", "local_search", "tpe", "predictor", "auto")

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
    opened, wanted = {}, tuple(n for n in AT if n <= options.until)
    for dataset in options.dataset or DATASETS:
        benchmark = open_benchmark(f"nasbench201/{dataset}", options.data)
        optimum, worst = extremes(benchmark)
        terms = Terms(
            benchmark.signals["valid12"], optimum, worst, trials=options.until, checkpoints=wanted,
            trained=benchmark.signal_fidelities["valid12"],
        )  # fmt: skip
        opened[dataset] = benchmark, terms, parse_entries(",".join(options.strategies))
    for seed in range(options.first, options.seeds):
        for dataset, (benchmark, terms, entries) in opened.items():
            for entry in entries:
                key = (dataset, entry.label, seed)
                if key in finished and not math.isnan(finished[key][len(wanted) - 1]):
                    continue
                begun = time.process_time()
                trace = run_search(benchmark, entry, terms, seed)
                observed = tuple(trace.truths[n - 1] if n in wanted else math.nan for n in AT)
                finished[key] = (*observed, *(trace.believed.get(n, math.nan) for n in AT))
                keep(options.kept, key, finished[key])
                print(
                    f"  {entry.label} {dataset} {seed}: {time.process_time() - begun:.0f} s",
                    file=sys.stderr,
                    flush=True,
                )


def spread(values: list[float]) -> tuple[float, float, int]:
    """Mean and its standard error, over those that are known; how many these are."""
    known = [value for value in values if not math.isnan(value)]
    if len(known) < 2:
        return statistics.fmean(known or [math.nan]), math.nan, len(known)
    return statistics.fmean(known), statistics.stdev(known) / math.sqrt(len(known)), len(known)


def report(finished: dict[Key, tuple[float, ...]]) -> None:
    strategies = list(dict.fromkeys(strategy for _, strategy, _ in finished))
    for dataset in DATASETS:
        print(f"\n{dataset:<36}{'seeds':>6}" + "".join(f"{n:>16}" for n in AT))
        for strategy in strategies:
            rows = [values for (d, s, _), values in finished.items() if (d, s) == (dataset, strategy)]
            if rows:
                row(strategy, [values[: len(AT)] for values in rows])
            if rows and modelled(rows[0]):
                row("    believed best", [handed_back(values) for values in rows])
        for peer in PEERS:
            for ours in (s for s in strategies if s not in PEERS):
                against(finished, dataset, ours, peer)


def row(label: str, rows: list[tuple[float, ...]]) -> None:
    """One line: how many, and mean ± standard error at each number of evaluations."""
    cells = (spread(list(column)) for column in zip(*rows, strict=True))
    shown = (f"{mean:>9.3f} ± {error:.3f}" + fewer(known, len(rows)) for mean, error, known in cells)
    print(f"{label:<36}{len(rows):>6}" + "".join(shown))


def fewer(known: int, all_of_them: int) -> str:
    return "" if known == all_of_them else f" ({known})"


def modelled(values: tuple[float, ...]) -> bool:
    return not all(map(math.isnan, values[len(AT) :]))


def handed_back(values: tuple[float, ...]) -> tuple[float, ...]:
    """What the model believed best, the best observed where there is none."""
    pairs = zip(values[: len(AT)], values[len(AT) :], strict=True)
    return tuple(observed if math.isnan(believed) else believed for observed, believed in pairs)


def against(finished: dict[Key, tuple[float, ...]], dataset: str, ours: str, peer: str) -> None:
    """Ours minus the peer over the seeds that both have, with half of the 95 % interval."""
    seeds = [n for d, s, n in finished if (d, s) == (dataset, peer) and (dataset, ours, n) in finished]
    if len(seeds) < 2:
        return
    pairs = [(finished[dataset, ours, n], finished[dataset, peer, n]) for n in seeds]
    label = f"  {ours} − {peer.removeprefix('optuna(sampler=')[:-1]}"
    compared(label, [(mine[: len(AT)], theirs[: len(AT)]) for mine, theirs in pairs])
    if modelled(pairs[0][0]):
        compared("    handed back", [(handed_back(mine), handed_back(theirs)) for mine, theirs in pairs])


def compared(label: str, pairs: list[tuple[tuple[float, ...], tuple[float, ...]]]) -> None:
    cells = []
    for place in range(len(AT)):
        mean, error, known = spread([mine[place] - theirs[place] for mine, theirs in pairs])
        cells.append(f"{mean:>+9.3f} ± {1.96 * error:.3f}" + fewer(known, len(pairs)))
    print(label[:36].ljust(36) + f"{len(pairs):>6}" + "".join(cells))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--first", type=int, default=0, help="number of the first search")
    parser.add_argument("--dataset", action="append", choices=DATASETS)
    parser.add_argument("--strategies", nargs="+", default=[*OURS, *PEERS])
    parser.add_argument("--kept", type=Path, default=KEPT, help="file of finished searches")
    parser.add_argument("--until", type=int, default=max(AT), choices=AT, help="evaluations of each search")
    parser.add_argument("--report", action="store_true", help="print what is finished and run nothing")
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("SEARCHITECT_DATA", SHARED)))
    options = parser.parse_args()
    finished = read(options.kept)
    if not options.report:
        measure(options, finished)
    report(finished)


if __name__ == "__main__":
    main()
