"""Average ranks over many tables: published ones, planted problems, digits_bench. Signal and report as each table says.

A strategy's rank on a table is its average over seeds (1 is best, among the rows of that table); the last columns
average ranks and areas under the regret curve relative to random search over the tables. "worse" counts the tables on
which a strategy's mean at the end is worse than random search beyond its 95 % interval.

    python benchmarks/table_ranks.py [--seeds 20] [--trials 100] [--benchmarks a,b] [--strategies LIST] [--peers]
"""

from __future__ import annotations

import argparse
import importlib.util
import math
import os
import sys
from pathlib import Path
from typing import Any

from searchitect.errors import SearchitectError
from searchitect.strategies import STRATEGIES
from searchitect.tabular import benchmarks
from searchitect.tabular.comparing import compare

SHARED = Path(__file__).parents[2] / "shared"
PEERS = ",optuna(sampler=TPESampler),optuna(sampler=GPSampler),optuna(sampler=NSGAIISampler)"
CHOSEN = ("nasbench101", "transnas_", "nasbench_graph", "digits_bench", "planted/")
"""By default: tables of accuracy other than NAS-Bench-201, which has benchmarks/nasbench201.py."""


def compared(name: str, options: argparse.Namespace) -> list[dict[str, Any]]:
    """Rows of one table; empty, with the reason on stderr, where it cannot be opened."""
    has_optuna = "optuna" in STRATEGIES and importlib.util.find_spec("optuna") is not None
    try:
        document = compare(
            name,
            options.strategies + (PEERS if options.peers and has_optuna else ""),
            trials=options.trials,
            seeds=options.seeds,
            jobs=options.jobs,
            data=options.data,
        ).document()
    except SearchitectError as error:
        print(f"  {name}: left out: {error.message}", file=sys.stderr, flush=True)
        return []
    rows: list[dict[str, Any]] = document["rows"]
    sign = 1 if document["direction"] == "maximize" else -1
    for row in rows:
        row["sign"], row["end"] = sign, str(document["trials"])
    print(f"  {name}: done", file=sys.stderr, flush=True)
    return rows


def is_worse(row: dict[str, Any], random: dict[str, Any], seeds: int) -> bool:
    """Whether the mean at the end is worse than random's by more than the 95 % interval of the difference."""
    ours, theirs = row["at"][row["end"]], random["at"][row["end"]]
    half = 1.96 * math.hypot(ours["std"], theirs["std"]) / math.sqrt(seeds)
    return bool(row["sign"] * (theirs["mean"] - ours["mean"]) > half)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--benchmarks", help="names, with commas; by default tables of accuracy that are here")
    parser.add_argument("--strategies", default="all", help="as for searchitect compare")
    parser.add_argument("--peers", action="store_true", help="Optuna's samplers as well")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("SEARCHITECT_DATA", SHARED)))
    options = parser.parse_args()
    names = (
        (options.benchmarks or "").split(",")
        if options.benchmarks
        else [listed.name for listed in benchmarks(options.data) if listed.available and listed.name.startswith(CHOSEN)]
    )
    found = {name: rows for name in names if (rows := compared(name, options))}
    ranks: dict[str, list[float]] = {}
    areas: dict[str, list[float]] = {}
    worse: dict[str, list[str]] = {}
    for name, rows in found.items():
        random = next(row for row in rows if row["strategy"] == "random")
        print(f"\n{name} ({options.trials} evaluations, {options.seeds} seeds)")
        for row in sorted(rows, key=lambda row: row.get("rank", math.inf)):
            if row["error"] is not None:
                print(f"  {row['strategy']:<36} failed: {row['error']}")
                continue
            end, area = row["at"][row["end"]], row["regret_area"]["mean"] / (random["regret_area"]["mean"] or 1.0)
            ranks.setdefault(row["strategy"], []).append(row["rank"])
            areas.setdefault(row["strategy"], []).append(area)
            if is_worse(row, random, options.seeds):
                worse.setdefault(row["strategy"], []).append(name)
            print(f"  {row['strategy']:<36}{row['rank']:>6.2f}{area:>8.2f}  {end['mean']:.6g} ± {end['std']:.3g}")
    print(f"\n{'over ' + str(len(found)) + ' tables':<38}{'rank':>6}{'regret':>8}  worse than random")
    for strategy in sorted(ranks, key=lambda strategy: sum(ranks[strategy]) / len(ranks[strategy])):
        rank = sum(ranks[strategy]) / len(ranks[strategy])
        area = sum(areas[strategy]) / len(areas[strategy])
        print(f"{strategy:<38}{rank:>6.2f}{area:>8.2f}  {', '.join(worse.get(strategy, ())) or '–'}")


if __name__ == "__main__":
    main()
