"""Measure how long ONNX models take on this machine. One file that needs numpy and onnxruntime, and nothing else.

Copy this file to another board and run it there; `searchitect measure` runs the same code:

    python measure_onnx.py MODELS... --out latencies.csv [--repeats 100] [--threads 1] [--device NAME]
    python -m searchitect.hardware.measure_onnx MODELS... --out latencies.csv

MODELS are files, or folders in which every `*.onnx` is taken (a run folder holds `model.onnx`). The table has one row
for each model, with these columns:

    model         the file as it was named, or its path within the folder that was named
    sha256        of the bytes of the file
    architecture  digest of the architecture, as a Searchitect file notes it; empty for other files
    device        name of the machine
    runtime       "onnxruntime VERSION PROVIDER"
    threads       threads within one operation
    repeats       timed passes
    median_ms     the median of the repeats; milliseconds of one pass at batch size 1, as are all that follow
    q1_ms, q3_ms  the quartiles
    iqr_ms        their distance: how much to trust the median
    date          when the measurement began, ISO 8601, UTC
    times_ms      every repeat in the order in which it was taken, separated by spaces

Models are measured in turn, a few passes each, round after round, so that a machine that grows warm slows all of them
alike. Nobody else of this user measures meanwhile: the file lock is the one that Searchitect takes. Runs on Python 3.9
or newer.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import datetime
import hashlib
import os
import platform
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

__all__ = [
    "COLUMNS",
    "LOCK_SECONDS",
    "REPEATS",
    "WARM_UP",
    "Measured",
    "MeasuringError",
    "device_name",
    "find_models",
    "interleaved",
    "lock_file",
    "main",
    "measure_models",
    "passes_of",
    "quartiles",
    "write_latencies",
]

COLUMNS = (
    *("model", "sha256", "architecture", "device", "runtime", "threads", "repeats"),
    *("median_ms", "q1_ms", "q3_ms", "iqr_ms", "date", "times_ms"),
)
REPEATS = 100
WARM_UP = 10
BURST = 5
"""Timed passes of one model in a row, after one that is not timed and brings its weights back into the cache."""

LOCK_SECONDS = 120.0
PROVIDER = "CPUExecutionProvider"
TOGETHER = 32
"""Models that are held in memory at the same time and measured in turn."""

_TYPES = {
    "tensor(float)": "float32",
    "tensor(double)": "float64",
    "tensor(float16)": "float16",
    "tensor(uint8)": "uint8",
    "tensor(int8)": "int8",
    "tensor(int32)": "int32",
    "tensor(int64)": "int64",
    "tensor(bool)": "bool",
}
_MOST_VALUES = 1 << 28

Pass = Callable[[], object]


class MeasuringError(Exception):
    """Nothing can be measured; the message says why, in one sentence."""


@dataclass(frozen=True)
class Measured:
    """The repeats of one model, milliseconds, in the order in which they were taken."""

    model: str
    sha256: str
    architecture: str
    runtime: str
    threads: int
    date: str
    times_ms: tuple[float, ...]

    @property
    def median_ms(self) -> float:
        """The median of the repeats."""
        return quartiles(self.times_ms)[1]

    def row(self, device: str) -> dict[str, object]:
        """One line of the table."""
        low, median, high = quartiles(self.times_ms)
        shown = {"median_ms": median, "q1_ms": low, "q3_ms": high, "iqr_ms": high - low}
        return {
            "model": self.model,
            "sha256": self.sha256,
            "architecture": self.architecture,
            "device": device,
            "runtime": self.runtime,
            "threads": self.threads,
            "repeats": len(self.times_ms),
            **{name: f"{value:.6g}" for name, value in shown.items()},
            "date": self.date,
            "times_ms": " ".join(f"{value:.6g}" for value in self.times_ms),
        }


def measure_models(
    models: Sequence[tuple[str, Path]],
    *,
    repeats: int = REPEATS,
    threads: int = 1,
    provider: str = PROVIDER,
    lock_seconds: float = LOCK_SECONDS,
) -> tuple[list[Measured], list[tuple[str, str]]]:
    """Measure each model, in turn with the others.

    Args:
        models: name and file, as `find_models` returns them.
        repeats: timed passes of each model.
        threads: within one operation.
        lock_seconds: how long to wait while another process measures.

    Returns:
        What was measured, and the models that cannot run here, each with the reason.

    Raises:
        MeasuringError: the numbers make no sense, onnxruntime is missing, or another process keeps on measuring.
    """
    if repeats < 1 or threads < 1:
        raise MeasuringError(f"at least one repeat and one thread are needed, got {repeats} and {threads}")
    runtime = f"onnxruntime {_onnxruntime().__version__} {provider}"
    measured: list[Measured] = []
    refused: list[tuple[str, str]] = []
    with _locked(lock_seconds):
        for start in range(0, len(models), TOGETHER):
            passes: list[Pass] = []
            facts: list[tuple[str, str, str]] = []
            for name, path in models[start : start + TOGETHER]:
                try:
                    data = path.read_bytes()
                    once, architecture = passes_of(data, threads=threads, provider=provider)
                    once()
                except Exception as error:  # noqa: BLE001 - the errors of the runtime have no public base
                    refused.append((name, _sentence(error)))
                    continue
                passes.append(once)
                facts.append((name, hashlib.sha256(data).hexdigest(), architecture))
            date = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")  # noqa: UP017 - 3.9
            times = interleaved(passes, repeats=repeats)
            measured += [Measured(*fact, runtime, threads, date, tuple(own)) for fact, own in zip(facts, times)]  # noqa: B905 - 3.9
    return measured, refused


def interleaved(passes: Sequence[Pass], *, repeats: int = REPEATS, warm_up: int = WARM_UP) -> list[list[float]]:
    """Time several functions in turn and return the milliseconds of every repeat of each.

    Every round runs each function once untimed and then up to `BURST` times; the order changes from round to round,
    so that none always follows the same other one.
    """
    for once in passes:
        for _ in range(warm_up):
            once()
    times: list[list[float]] = [[] for _ in passes]
    order, shuffle = list(range(len(passes))), random.Random(0).shuffle
    for taken in range(0, repeats, BURST):
        shuffle(order)
        for index in order:
            passes[index]()
            times[index] += [_timed(passes[index]) for _ in range(min(BURST, repeats - taken))]
    return times


def _timed(once: Pass) -> float:
    start = time.perf_counter_ns()
    once()
    return (time.perf_counter_ns() - start) / 1e6


def quartiles(times_ms: Sequence[float]) -> tuple[float, float, float]:
    """First quartile, median and third quartile, by linear interpolation."""
    if len(times_ms) == 1:
        return times_ms[0], times_ms[0], times_ms[0]
    low, median, high = statistics.quantiles(times_ms, n=4, method="inclusive")
    return low, median, high


def passes_of(data: bytes, *, threads: int = 1, provider: str = PROVIDER) -> tuple[Pass, str]:
    """A function that runs a model once on one example, and the digest of its architecture where the file notes one.

    Args:
        data: the bytes of an ONNX file.

    Raises:
        MeasuringError: an input has a type or a shape that no example can be made for.
    """
    runtime = _onnxruntime()
    options = runtime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 3
    session = runtime.InferenceSession(data, options, providers=[provider])
    feed = {entry.name: _example(entry.name, entry.type, entry.shape) for entry in session.get_inputs()}
    notes = session.get_modelmeta().custom_metadata_map
    return lambda: session.run(None, feed), notes.get("architecture", "")


def _example(name: str, kind: str, shape: Sequence[Any]) -> Any:
    """One example of random values; a dimension that is free, as that of the batch, becomes 1."""
    import numpy as np

    sides = [side if isinstance(side, int) and side > 0 else 1 for side in shape]
    if kind not in _TYPES:
        raise MeasuringError(f"the input {name!r} has the type {kind}, of which no example can be made")
    if int(np.prod(sides, dtype=np.float64)) > _MOST_VALUES:
        raise MeasuringError(f"the input {name!r} of shape {sides} is too large")
    rng, dtype = np.random.default_rng(0), np.dtype(_TYPES[kind])
    if dtype.kind == "f":
        return rng.standard_normal(sides).astype(dtype)
    # Codes of categories and tokens start at 0; pixels are any byte.
    return rng.integers(0, 256 if dtype == np.uint8 else 2, sides).astype(dtype)


def find_models(named: Sequence[str]) -> list[tuple[str, Path]]:
    """Name and file of every model, folders searched through, in order of their names.

    Raises:
        MeasuringError: something named does not exist, or holds no model.
    """
    found: list[tuple[str, Path]] = []
    for text in named:
        path = Path(text)
        if path.is_file():
            found.append((path.as_posix(), path))
            continue
        inside = sorted(path.rglob("*.onnx")) if path.is_dir() else []
        if not inside:
            what = "holds no .onnx file" if path.is_dir() else "does not exist"
            raise MeasuringError(f"{text!r} {what}; name ONNX files, or folders that hold some")
        found += [(file.relative_to(path).as_posix(), file) for file in inside]
    return found


def write_latencies(path: Path, measured: Sequence[Measured], device: str) -> None:
    """Write the table, whole or not at all.

    Raises:
        MeasuringError: the file cannot be written.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("w", newline="", encoding="utf-8") as stream:
            table = csv.DictWriter(stream, COLUMNS)
            table.writeheader()
            table.writerows(entry.row(device) for entry in measured)
        part.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink()
        raise MeasuringError(f"{path.name} cannot be written: {error.strerror or error}") from error


def device_name() -> str:
    """What this machine calls itself: the model of a board, otherwise the name of its processor."""
    for file, key in (("/proc/device-tree/model", None), ("/proc/cpuinfo", "model name")):
        with contextlib.suppress(OSError):
            text = Path(file).read_text("utf-8", errors="replace").strip("\0\n ")
            if key is None:
                return text
            for line in text.splitlines():
                if line.startswith(key):
                    return line.partition(":")[2].strip()
    return platform.processor() or platform.machine() or "unknown"


def lock_file() -> Path:
    """The file that is locked while latency is measured: one for each user of the machine.

    Another user's file in a shared temporary folder cannot be opened for writing.
    """
    user = os.getuid() if hasattr(os, "getuid") else "user"
    return Path(tempfile.gettempdir()) / f"searchitect-latency-{user}.lock"


@contextlib.contextmanager
def _locked(seconds: float) -> Iterator[None]:
    """Hold the lock; where the system has no such locks, measure without."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    descriptor, patience = os.open(lock_file(), os.O_RDWR | os.O_CREAT, 0o644), time.monotonic() + seconds
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError:
                if time.monotonic() >= patience:
                    raise MeasuringError(f"another process has measured latency for {seconds:g} s") from None
                time.sleep(0.05)
        yield
    finally:
        os.close(descriptor)  # gives the lock back


def _onnxruntime() -> Any:
    try:
        import onnxruntime
    except ImportError:
        raise MeasuringError("measuring needs ONNX Runtime and numpy: pip install onnxruntime numpy") from None
    return onnxruntime


def _sentence(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:200]}" if lines else type(error).__name__


def main(arguments: Optional[Sequence[str]] = None) -> int:  # noqa: UP045 - Python 3.9
    """The command line; returns 0, or 2 where nothing was measured."""
    parser = argparse.ArgumentParser(description="Measure how long ONNX models take on this machine.")
    parser.add_argument("models", nargs="+", metavar="MODELS", help="ONNX files, or folders that hold some")
    parser.add_argument("--out", default="latencies.csv", metavar="FILE", help="the table [latencies.csv]")
    parser.add_argument("--repeats", type=int, default=REPEATS, metavar="N", help="timed passes of each [100]")
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="within one operation [1]")
    parser.add_argument("--device", default=None, metavar="NAME", help="what to call this machine")
    given = parser.parse_args(arguments)
    try:
        measured, refused = measure_models(find_models(given.models), repeats=given.repeats, threads=given.threads)
        for name, reason in refused:
            sys.stderr.write(f"{name} was not measured: {reason}\n")
        if not measured:
            raise MeasuringError("no model could be measured")
        write_latencies(Path(given.out), measured, given.device or device_name())
    except MeasuringError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    for entry in measured:
        sys.stdout.write(f"{entry.median_ms:10.4g} ms  {entry.model}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
