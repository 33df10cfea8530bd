"""A search over a torch `Dataset` that is larger than the memory a trial may take, as whole trainings.

    python benchmarks/large_dataset.py [--rows 500000] [--features 1000] [--memory 1GB] [--trials 2]

The rows are made when they are asked for; as preprocessed floats they take rows x features x 4 bytes (2 GB). The same
search runs twice: within the limit, where they are read batch by batch, and without one, where they fit into the
default budget of 2 GiB and are held. Peak memory is that of the worker process (VmHWM) and of the driver.

Target: the limited search fails no trial, its worker stays below the size of the data, and it learns as well.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import nn

import searchitect as sa

CLASSES, POOL = 10, 1 << 20


class Rows:
    """Rows of noise around the centre of their class; any row is made anew, the same each time."""

    def __init__(self, count: int, features: int) -> None:
        rng = np.random.default_rng(0)
        self.features = features
        self.noise = rng.normal(size=POOL + features).astype(np.float32)
        self.centres = (0.12 * rng.normal(size=(CLASSES, features))).astype(np.float32)
        self.targets = rng.integers(0, CLASSES, count)

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, index: int) -> tuple[NDArray[np.float32], int]:
        start, label = index * 40_503 % POOL, int(self.targets[index])
        return self.noise[start : start + self.features] + self.centres[label], label


@sa.space
class Small:
    """One hidden layer."""

    hidden: int = sa.choice(32, 64)

    def build(self, task: sa.TaskSpec) -> nn.Module:
        return nn.Sequential(nn.Linear(task.inputs[0], self.hidden), nn.ReLU(), nn.Linear(self.hidden, task.outputs))


class Peaks:
    """The highest resident memory that this process and its children have had, in bytes."""

    def __init__(self) -> None:
        self.driver = self.workers = 0

    def look(self) -> None:
        self.driver = max(self.driver, _status("self", "VmRSS"))
        children = (path.read_text().split() for path in Path("/proc/self/task").glob("*/children"))
        for child in {pid for line in children for pid in line}:
            self.workers = max(self.workers, _status(child, "VmHWM"))


def _status(process: str, what: str) -> int:
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:  # it has just ended
        return 0
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith(f"{what}:")), 0)


@contextmanager
def watched() -> Iterator[Peaks]:
    """Look at the memory ten times a second."""
    peaks, done = Peaks(), threading.Event()

    def watch() -> None:
        while not done.wait(0.1):
            peaks.look()

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield peaks
    finally:
        done.set()
        thread.join()


def measured(name: str, memory: str | None, trials: int, data: Rows) -> str:
    """One search, as a line of the table."""
    begin = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder, watched() as peaks:
        result = sa.search(
            data, Small, strategy="grid", trials=trials, workers=1, memory=memory, confirm_seeds=1, random_search=False,
            recipe=sa.Recipe(epochs=1, batch_size=512), store=Path(folder) / "s.db", folder=Path(folder) / "out",
        )  # fmt: skip
        seconds = [t.measurements.get("train_seconds", t.clock.get("train_seconds", 0.0)) for t in result.trials]
        accuracy = result.test.get("accuracy", float("nan"))
    return (
        f"{name:<22}{len(result.trials):>7}{result.counts['failed']:>7}{np.median(seconds):>12.1f}"
        f"{peaks.workers / 1e9:>15.2f}{peaks.driver / 1e9:>15.2f}{accuracy:>10.4f}{time.perf_counter() - begin:>9.0f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=500_000)
    parser.add_argument("--features", type=int, default=1_000)
    parser.add_argument("--memory", default="1GB")
    parser.add_argument("--trials", type=int, default=2)
    given = parser.parse_args()
    data = Rows(given.rows, given.features)
    size = given.rows * given.features * 4 / 1e9
    print(f"{given.rows:,} rows of {given.features:,} numbers: {size:.2f} GB as floats; {os.cpu_count()} cores")
    print(
        f"{'limit':<22}{'trials':>7}{'failed':>7}{'s per epoch':>12}{'worker peak GB':>15}{'driver peak GB':>15}"
        f"{'test acc':>10}{'wall s':>9}"
    )
    print(measured(f"memory={given.memory!r}", given.memory, given.trials, data), flush=True)
    print(measured("none (held)", None, given.trials, data), flush=True)


if __name__ == "__main__":
    main()
