"""`digits` with default settings: mean test accuracy over five splits, beside random search and the best baseline.

python benchmarks/digits_default.py [--budget 90s] [--splits 5]
"""

from __future__ import annotations

import argparse
import statistics
import time

import searchitect as sa


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--budget", default="90s")
    parser.add_argument("--splits", type=int, default=5)
    options = parser.parse_args()
    head = " ".join(f"{name:>8}" for name in ("search", "random", "rbf svm"))
    print(f"{'split':<6} {'handed over':>12} {head} {'trials':>7} {'seconds':>8}  verdict")
    rows = []
    for split in range(options.splits):
        task = sa.task("digits", seed=split)
        start = time.perf_counter()
        result = sa.search(task, budget=options.budget, seed=split, store="memory:")
        seconds = time.perf_counter() - start
        models = {name: model["metrics"]["accuracy"] for name, model in result.test_models.items()}
        row = (result.test["accuracy"], models["search"], models.get("random", float("nan")), models["rbf_svm"])
        rows.append(row)
        shown = " ".join(f"{value:>8.4f}" for value in row[1:])
        kind = result.verdict.kind
        print(f"{split:<6} {row[0]:>12.4f} {shown} {len(result.trials):>7} {seconds:>8.1f}  {kind}", flush=True)
    means = [statistics.fmean(column) for column in zip(*rows, strict=True)]
    print(f"{'mean':<6} {means[0]:>12.4f} " + " ".join(f"{value:>8.4f}" for value in means[1:]))


if __name__ == "__main__":
    main()
