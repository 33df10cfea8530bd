"""Average ranks over many tables: published ones, planted problems, digits_bench. Signal and report as each table says.

What is finished is kept in a file, so that a run that was cut off, or one with more seeds, goes on from there; remove
the rows of a strategy that has changed. A table's rows are printed as soon as they are there. Strategies that take
minutes a search get fewer seeds (`SLOW`), hence a rank that does not need equal numbers: 1 + Σ over the others of the
probability that theirs ends better (half of it where both end equal), over all pairs of searches; 1 is best.

"regret": area under the regret curve, random search = 1. "beats random": probability to end better than random search.
The last lines average over the tables. "worse": tables where the mean at the end is worse than random search's beyond
the 95 % interval of the difference (Welch), at least `FEWEST` seeds each. One in forty is expected by chance of what is
neither better nor worse.

    python benchmarks/table_ranks.py [--seeds 10] [--trials 100] [--benchmarks a,b] [--strategies LIST] [--report]
"""

from __future__ import annotations

import argparse
import csv
import importlib.util
import math
import os
import statistics
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from searchitect.errors import SearchitectError
from searchitect.strategies import STRATEGIES
from searchitect.tabular import benchmarks, open_benchmark
from searchitect.tabular.benchmark import Benchmark
from searchitect.tabular.comparing import extremes
from searchitect.tabular.entries import Entry, chosen
from searchitect.tabular.searching import Terms, run_search, setting_of

SHARED = Path(__file__).parents[2] / "shared"
KEPT = Path(__file__).parents[1] / "runs" / "table_ranks.csv"
PEERS = ",optuna(sampler=TPESampler),optuna(sampler=GPSampler),optuna(sampler=NSGAIISampler)"
CHOSEN = ("digits_bench", "planted/", "transnas_", "nasbench_graph", "nasbench101")
"""By default: tables of accuracy other than NAS-Bench-201, which has benchmarks/nasbench201.py. The 101 pool is last:
it holds 7 % of its space, so that what draws without looking (Optuna's samplers, say) takes minutes there."""

SLOW = {
    "optuna(sampler=GPSampler)": 3,
    "gp_wl": 3,
    "lstm_controller": 3,
    "bohb": 3,
    "bop_elites_hb": 3,
    "bananas": 1,
    "nao": 1,
}
"""Most seeds of what takes ten times as long as `gp`, or more."""

HOPELESS = {(table, "optuna(sampler=NSGAIISampler)") for table in ("planted/infeasible", "nasbench101")}
"""Left out: what it draws is nearly always outside the table, and a search takes many minutes."""

FEWEST = 3

Key = tuple[str, str, int]
"""Table, strategy, seed."""


@dataclass
class Kept:
    """Finished searches: their regret at the end and the mean regret over all evaluations, on file as they end."""

    path: Path
    trials: int
    found: dict[Key, tuple[float, float]] = field(default_factory=dict)

    def read(self) -> None:
        if self.path.exists():
            with self.path.open(newline="") as file:
                for table, strategy, trials, seed, end, area, *_ in csv.reader(file):
                    if int(trials) == self.trials:
                        self.found[table, strategy, int(seed)] = float(end), float(area)

    def add(self, key: Key, end: float, area: float, seconds: float) -> None:
        self.found[key] = end, area
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", newline="") as file:
            csv.writer(file).writerow([*key[:2], self.trials, key[2], f"{end:.9g}", f"{area:.9g}", f"{seconds:.2f}"])

    def tables(self) -> list[str]:
        return list(dict.fromkeys(table for table, _, _ in self.found))

    def rows(self, table: str) -> dict[str, list[tuple[float, float]]]:
        rows: dict[str, list[tuple[float, float]]] = {}
        for (named, strategy, _), values in self.found.items():
            if named == table:
                rows.setdefault(strategy, []).append(values)
        return rows


def measure(name: str, options: argparse.Namespace, kept: Kept) -> None:
    """Run what is not finished on one table; what cannot be opened or fails is named on stderr."""
    try:
        benchmark = open_benchmark(name, options.data)
        terms = Terms(next(iter(benchmark.signals.values())), *extremes(benchmark), trials=options.trials)
        peers = "" if options.no_peers or importlib.util.find_spec("optuna") is None else PEERS
        entries = chosen(options.strategies + peers, setting_of(benchmark, terms), lambda note: None)
    except SearchitectError as error:
        print(f"  {name}: left out: {error.message}", file=sys.stderr, flush=True)
        return
    for entry in entries:
        if entry.label not in options.without and (name, entry.label) not in HOPELESS:
            repeat(name, benchmark, entry, terms, min(options.seeds, SLOW.get(entry.label, options.seeds)), kept)


def repeat(name: str, benchmark: Benchmark, entry: Entry, terms: Terms, seeds: int, kept: Kept) -> None:
    for seed in range(seeds):
        key = (name, entry.label, seed)
        if key in kept.found:
            continue
        begun = time.process_time()
        try:
            truths = run_search(benchmark, entry, terms, seed).truths
        except SearchitectError as error:
            print(f"  {name}, {entry.label}: failed: {error.message}", file=sys.stderr, flush=True)
            return
        regrets = [abs(value - terms.optimum) for value in truths]
        kept.add(key, regrets[-1], statistics.fmean(regrets), time.process_time() - begun)


def wins(ours: Iterable[float], theirs: Sequence[float]) -> float:
    """Probability that a search of ours ends better, plus half of the probability that both end equal."""
    return statistics.fmean(statistics.fmean((a < b) + 0.5 * (a == b) for b in theirs) for a in ours)


def is_worse(ours: list[float], random: list[float]) -> bool:
    """Whether our mean regret is larger than random's by more than the 95 % interval of the difference (Welch)."""
    from scipy.stats import t

    if min(len(ours), len(random)) < FEWEST:
        return False
    parts = [statistics.variance(values) / len(values) for values in (ours, random)]
    difference, variance = statistics.fmean(ours) - statistics.fmean(random), sum(parts)
    if not variance:
        return difference > 0
    freedom = variance**2 / sum(p**2 / (len(v) - 1) for p, v in zip(parts, (ours, random), strict=True))
    return difference > float(t.ppf(0.975, freedom)) * math.sqrt(variance)


@dataclass(frozen=True)
class Line:
    """One strategy on one table."""

    strategy: str
    seeds: int
    rank: float
    area: float
    beats: float
    end: float
    worse: bool


def lines(rows: dict[str, list[tuple[float, float]]]) -> list[Line]:
    """The strategies of one table, best first."""
    ends = {strategy: [end for end, _ in values] for strategy, values in rows.items()}
    base = statistics.fmean(area for _, area in rows["random"]) or 1.0
    found = [
        Line(
            strategy,
            len(own),
            1 + sum(1 - wins(own, theirs) for other, theirs in ends.items() if other != strategy),
            statistics.fmean(area for _, area in rows[strategy]) / base,
            wins(own, ends["random"]),
            statistics.fmean(own),
            strategy != "random" and is_worse(own, ends["random"]),
        )
        for strategy, own in ends.items()
    ]
    return sorted(found, key=lambda line: line.rank)


def show(name: str, rows: dict[str, list[tuple[float, float]]], trials: int) -> None:
    print(f"\n{name}, {trials} evaluations{'':<12}seeds    rank  regret  beats random  regret at the end")
    for one in lines(rows):
        print(
            f"  {one.strategy:<38}{one.seeds:>4}{one.rank:>8.2f}{one.area:>8.2f}{one.beats:>14.2f}  {one.end:<10.4g}"
            + ("  worse" if one.worse else ""),
            flush=True,
        )


def overall(kept: Kept, names: Sequence[str]) -> None:
    """Average over the tables; a strategy that some table leaves out has fewer."""
    by_strategy: dict[str, list[tuple[str, Line]]] = {}
    for name in names:
        for one in lines(kept.rows(name)):
            by_strategy.setdefault(one.strategy, []).append((name, one))
    print(f"\n{f'over {len(names)} tables':<40}tables seeds    rank  regret  beats random  worse")
    means = {s: [statistics.fmean(getattr(o, what) for _, o in found) for what in ("rank", "area", "beats", "seeds")]
             for s, found in by_strategy.items()}  # fmt: skip
    for strategy in sorted(means, key=lambda strategy: means[strategy][0]):
        rank, area, beats, seeds = means[strategy]
        worse = ", ".join(name for name, one in by_strategy[strategy] if one.worse) or "–"
        count = len(by_strategy[strategy])
        print(f"{strategy:<40}{count:>6}{seeds:>6.0f}{rank:>8.2f}{area:>8.2f}{beats:>14.2f}  {worse}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--benchmarks", help="names, with commas; by default tables of accuracy that are here")
    parser.add_argument("--strategies", default="all+neural", help="as for searchitect compare")
    parser.add_argument("--without", default="optuna", help="strategies that are not run, with commas (optuna is TPE)")
    parser.add_argument("--no-peers", action="store_true", help="without Optuna's samplers")
    parser.add_argument("--kept", type=Path, default=KEPT, help="file of finished searches")
    parser.add_argument("--report", action="store_true", help="print what is finished and run nothing")
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("SEARCHITECT_DATA", SHARED)))
    options = parser.parse_args()
    options.without = set(options.without.split(","))
    options.no_peers = options.no_peers or "optuna" not in STRATEGIES
    here = [listed.name for listed in benchmarks(options.data) if listed.available]
    listed = [name for kind in CHOSEN for name in here if name.startswith(kind)]
    names = options.benchmarks.split(",") if options.benchmarks else listed
    kept = Kept(options.kept, options.trials)
    kept.read()
    for name in names:
        if not options.report:
            measure(name, options, kept)
        if "random" in kept.rows(name):
            show(name, kept.rows(name), options.trials)
    overall(kept, [name for name in names if "random" in kept.rows(name)])


if __name__ == "__main__":
    main()
