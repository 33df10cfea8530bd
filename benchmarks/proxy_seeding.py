"""`auto` started from zero-cost proxies, beside `auto` and random search, on NAS-Bench-201.

The protocol of benchmarks/nasbench201.py: signal = 200-epoch test accuracy with noise of sd 0.2, unique evaluations,
figure = true value of the best observed, mean of all seeds; "believed": true value of what the strategy's model holds
best, which is what a study takes to the confirmation where the model can rank. A pool of 1,000 cells is scored by the
default proxies (nwot, synflow, FLOPs, jacov; of the table, one initialisation each; CIFAR-10's stand in for
CIFAR-100's); the 6,180 cells without scores are never seeded. Constants were chosen on TransNAS-Bench-101.

    python benchmarks/proxy_seeding.py [--seeds 100] [--trials 100] [--dataset cifar10] [--strategies LIST] [--jobs 2]
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

from searchitect.tabular.comparing import compare

SHARED = Path(__file__).parents[2] / "shared"
STRATEGIES = "auto,auto(proxies=default),random(proxies=default),local_search,local_search(proxies=default)"
WANTED = {"cifar10": {50: 94.25, 100: 94.30}, "cifar100": {50: 73.35}}


def say(strategy: str, done: int, of: int) -> None:
    """Tell on stderr that a row is done."""
    if done == of:
        print(f"  {strategy}: {of} searches", file=sys.stderr, flush=True)


def table(dataset: str, options: argparse.Namespace) -> None:
    """Print one row for each strategy, and one for what its model believed."""
    began = time.process_time()
    document = compare(
        f"nasbench201_proxies/{dataset}",
        options.strategies,
        trials=options.trials,
        seeds=options.seeds,
        signal="test",
        noise=0.2,
        jobs=options.jobs,
        data=options.data,
        on_progress=say,
    ).document()
    checkpoints = document["checkpoints"]
    print(f"\n{dataset}: optimum {document['optimum']:.2f}; {document['seeds']} seeds; mean ± sd")
    print(f"{'strategy':<36}" + "".join(f"{n:>15}" for n in checkpoints))
    for row in document["rows"]:
        if row["error"] is not None:
            print(f"{row['strategy']:<36} failed: {row['error']}")
            continue
        for label, values in ((row["strategy"], row["at"]), ("    believed", row["believed"])):
            if values:
                cells = (values[str(n)] for n in checkpoints)
                print(f"{label:<36}" + "".join(f"{c['mean']:>8.2f} ± {c['std']:.2f}" for c in cells), flush=True)
    wanted = ", ".join(f"{value:.2f} at {n}" for n, value in WANTED.get(dataset, {}).items())
    if wanted:
        print(f"wanted of auto(proxies=default): {wanted}")
    print(f"{time.process_time() - began:.0f} s of processor time in this process", file=sys.stderr)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--dataset", action="append", help="cifar10, cifar100 (default: both), imagenet16_120")
    parser.add_argument("--strategies", default=STRATEGIES, help="as for searchitect compare")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("SEARCHITECT_DATA", SHARED)))
    options = parser.parse_args()
    for dataset in options.dataset or ("cifar10", "cifar100"):
        table(dataset, options)


if __name__ == "__main__":
    main()
