"""Small tables and their descriptions, written into a folder."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from searchitect.tabular import open_benchmark
from searchitect.tabular.table_benchmark import TableBenchmark

BRIEF = """
table = "table.csv"
decisions = ["depth", "op"]
signal = "valid_accuracy"
truth = "test_accuracy"
cost = "train_seconds"
"""


def grid() -> dict[str, list[Any]]:
    """Six architectures: two depths, three operations."""
    return {
        "depth": [1, 1, 1, 2, 2, 2],
        "op": ["conv", "pool", "skip"] * 2,
        "valid_accuracy": [0.5, 0.4, 0.3, 0.7, 0.6, 0.2],
        "test_accuracy": [0.55, 0.45, 0.35, 0.65, 0.75, 0.25],
        "train_seconds": [10, 11, 12, 20, 21, 22],
    }


def opened(
    folder: Path, columns: Mapping[str, Sequence[Any]], description: str = BRIEF, variant: str = ""
) -> TableBenchmark:
    """Write both files and open the benchmark."""
    with (folder / "table.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
    (folder / "bench.toml").write_text(description, "utf-8")
    benchmark = open_benchmark(str(folder / "bench.toml") + variant)
    assert isinstance(benchmark, TableBenchmark)
    return benchmark


def at(benchmark: TableBenchmark, **decisions: Any) -> Any:
    """The member with these decisions."""
    [found] = [a for a in benchmark.members() if dict(a.items()) == decisions]
    return found
