"""Every strategy on NAS-Bench-201, beside an independent simulation of the same strategies and beside Optuna's.

First table (one per data set): signal = 200-epoch test accuracy with noise of sd 0.2, unique evaluations, figure = true
value of the best observed; the second line of a strategy is the row of `reference`, from another implementation; "|Δ|"
is their distance at 150 evaluations (wanted: at most 0.08). "believed" lines: what the strategy's model held best.
Second table (`--honest`): signal = validation after 12 epochs, report = test after 200, with Optuna's samplers.

    python benchmarks/nasbench201.py [--seeds 100] [--dataset cifar10] [--strategies LIST] [--honest] [--jobs 2]
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from searchitect.strategies import STRATEGIES
from searchitect.tabular.comparing import compare

SHARED = Path(__file__).parents[2] / "shared"
AT = (20, 50, 100, 150, 200, 300)
REA = "regularized_evolution(population_size={}, tournament_size={})"
# Best-so-far true accuracy of another implementation: mean of 100 seeds at AT (CIFAR-10), at 50, 150, 300 (CIFAR-100).
REFERENCE: Mapping[str, Mapping[str, Mapping[int, float]]] = {
    "cifar10": {
        strategy: dict(zip(AT, values, strict=True))
        for strategy, values in {
            "random": (93.35, 93.60, 93.78, 93.83, 93.88, 93.91),
            "reinforce(learning_rate=0.01, ranked=false)": (93.34, 93.65, 93.78, 93.85, 93.89, 93.99),
            "reinforce(ranked=false)": (93.36, 93.77, 93.99, 94.11, 94.19, 94.27),
            REA.format(10, 3): (93.39, 93.86, 94.12, 94.16, 94.23, 94.27),
            REA.format(30, 10): (93.33, 93.82, 94.17, 94.24, 94.27, 94.28),
            "local_search": (93.52, 93.97, 94.14, 94.21, 94.24, 94.27),
            "predictor": (93.45, 94.08, 94.25, 94.27, 94.30, 94.30),
            "gp": (93.65, 94.17, 94.25, 94.27, 94.27, 94.27),
        }.items()
    },
    "cifar100": {
        strategy: dict(zip((50, 150, 300), values, strict=True))
        for strategy, values in {
            "random": (71.06, 71.79, 72.28),
            "reinforce(ranked=false)": (71.63, 72.96, 73.41),
            REA.format(30, 10): (71.80, 73.38, 73.41),
            "local_search": (72.79, 73.38, 73.44),
            "predictor": (72.75, 73.41, 73.42),
            "gp": (73.07, 73.44, 73.45),
        }.items()
    },
}
PEERS = ("TPESampler", "GPSampler", "NSGAIISampler")
OTHERS = (
    "reinforce",
    "greedy",
    "multi_greedy",
    "sobol",
    "genetic",
    "ppo",
    "lstm_controller",
    "tpe",
    "gp_wl",
    "generate",
    "auto",
)


def known(entry: str) -> bool:
    return entry.partition("(")[0] in STRATEGIES


def peers() -> list[str]:
    if "optuna" not in STRATEGIES or importlib.util.find_spec("optuna") is None:
        print('peers are left out: pip install "searchitect[bench]"', file=sys.stderr)
        return []
    return [f"optuna(sampler={sampler})" for sampler in PEERS]


def say(strategy: str, done: int, of: int) -> None:
    if done == of:
        print(f"  {strategy}: {of} searches", file=sys.stderr, flush=True)


def table(dataset: str, options: argparse.Namespace, signal: str, noise: float, with_peers: bool) -> None:
    reference = REFERENCE.get(dataset, {}) if noise else {}
    wanted = options.strategies or ",".join(
        entry for entry in [*REFERENCE["cifar10"], *OTHERS, *(peers() if with_peers else ())] if known(entry)
    )
    document = compare(
        f"nasbench201/{dataset}",
        wanted,
        trials=options.trials,
        seeds=options.seeds,
        signal=signal,
        noise=noise,
        jobs=options.jobs,
        data=options.data,
        on_progress=say,
    ).document()
    checkpoints = document["checkpoints"]
    told = document["signal_measurement"] + (f" with noise of sd {noise:g}" if noise else "")
    print(f"\n{dataset}: told {told}; optimum {document['optimum']:.2f}; {document['seeds']} seeds")
    print(f"{'strategy':<62}" + "".join(f"{n:>14}" for n in checkpoints) + f"{'rank':>7}{'|Δ|':>7}")
    for row in document["rows"]:
        if row["error"] is not None:
            print(f"{row['strategy']:<62} failed: {row['error']}")
            continue
        line(row["strategy"], {n: row["at"][str(n)] for n in checkpoints}, f"{row['rank']:>7.2f}")
        theirs = reference.get(row["strategy"], {})
        if theirs:
            cells = "".join(f"{theirs[n]:>7.2f}       " if n in theirs else " " * 14 for n in checkpoints)
            delta = abs(row["at"]["150"]["mean"] - theirs[150]) if "150" in row["at"] else None
            shown = "" if delta is None else f"{delta:>14.2f}{'' if delta <= 0.08 else ' !'}"
            print(f"{'    reference':<62}{cells}{shown}")
        if row["believed"]:
            line("    believed", {n: row["believed"][str(n)] for n in checkpoints}, "")


def line(name: str, values: Mapping[int, Mapping[str, float]], tail: str) -> None:
    print(f"{name:<62}" + "".join(f"{v['mean']:>7.2f} ± {v['std']:.2f}" for v in values.values()) + tail, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--trials", type=int, default=300)
    parser.add_argument("--dataset", action="append", help="cifar10 (default), cifar100, imagenet16_120; repeatable")
    parser.add_argument("--strategies", help="as for searchitect compare; by default all quick ones")
    parser.add_argument("--honest", action="store_true", help="12-epoch validation as signal, with Optuna's samplers")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("SEARCHITECT_DATA", SHARED)))
    options = parser.parse_args()
    for dataset in options.dataset or (("cifar10", "cifar100", "imagenet16_120") if options.honest else ("cifar10",)):
        signal, noise = ("valid12", 0.0) if options.honest else ("test", 0.2)
        table(dataset, options, signal, noise, with_peers=options.honest)


if __name__ == "__main__":
    main()
