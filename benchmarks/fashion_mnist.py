"""Fashion-MNIST from its IDX files: 20 minutes on two cores, random search included, at most 200,000 parameters.

python benchmarks/fashion_mnist.py FOLDER [--budget 20min] [--seed 0]
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

import searchitect as sa


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "folder", nargs="?", default=os.environ.get("SEARCHITECT_DATA", "../shared") + "/datasets/fashion_mnist"
    )
    parser.add_argument("--budget", default="20min")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if not Path(options.folder).is_dir():
        print(f"skipped: there is no folder {options.folder}")
        return
    start = time.perf_counter()
    result = sa.search(
        options.folder,
        budget=options.budget,
        constraints=["parameters<=200000"],
        seed=options.seed,
        store="memory:",
        name="fashion_mnist",
    )
    seconds = time.perf_counter() - start
    print(f"{'model':<24} {'test accuracy':>14} {'std':>8} {'seeds':>6}")
    for name, model in result.test_models.items():
        spread = model["std"].get("accuracy", float("nan"))
        print(f"{name:<24} {model['metrics']['accuracy']:>14.4f} {spread:>8.4f} {model['seeds']:>6}")
    print(f"{'handed over':<24} {result.test['accuracy']:>14.4f}")
    assert result.best is not None
    print(f"parameters {result.best.measurements['parameters']:,.0f}; {seconds:.0f} s; {dict(result.counts)}")
    print(result.best.architecture.text)
    print(result.verdict.sentence)


if __name__ == "__main__":
    main()
