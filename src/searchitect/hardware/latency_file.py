"""Read the table of latencies that `searchitect measure` writes; its columns are `measure_onnx.COLUMNS`."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from searchitect.errors import ConfigError, did_you_mean

__all__ = ["MeasuredModel", "read_latencies"]

MOST_BYTES = 100_000_000
MOST_ROWS = 100_000
NEEDED = ("model", "median_ms")
_SHA = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class MeasuredModel:
    """One row.

    Attributes:
        model: the file's name; sha256: of its bytes, or empty.
        architecture: digest, or empty where the file names none.
        device, runtime: as the file says; threads: 0 where it does not.
        median_ms: positive; log_sd: of the median's logarithm, from the quartiles; 0 without them.
        times_ms: every repetition; empty where the file holds none.
    """

    model: str
    median_ms: float
    sha256: str = ""
    architecture: str = ""
    device: str = ""
    runtime: str = ""
    threads: int = 0
    log_sd: float = 0.0
    times_ms: tuple[float, ...] = ()


def read_latencies(path: str | Path) -> tuple[MeasuredModel, ...]:
    """Return the rows of a table of latencies.

    Raises:
        ConfigError: it is missing, too large, no such table, empty, or holds a latency that is no positive number; the
            message names the line.
    """
    path = Path(path)
    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise ConfigError(f"{path} has {size:,} bytes; a table of latencies has at most {MOST_BYTES:,}")
        text = path.read_text("utf-8-sig")
    except OSError as error:
        raise ConfigError(
            f"the latencies {path} cannot be read: {error.strerror}", hint="searchitect measure MODELS --out FILE.csv"
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is no text in UTF-8") from error
    try:
        rows = tuple(_rows(text, path))
    except csv.Error as error:
        raise ConfigError(f"{path} is no CSV file: {error}") from error
    if not rows:
        raise ConfigError(f"{path} holds no measured model", hint="searchitect measure MODELS --out FILE.csv")
    return rows


def _rows(text: str, path: Path) -> Iterator[MeasuredModel]:
    reader = csv.DictReader(text.splitlines())
    columns = list(reader.fieldnames or ())
    for name in NEEDED:
        if name not in columns:
            hint = did_you_mean(name, columns) if columns else "searchitect measure writes such a file"
            raise ConfigError(f"{path} has no column {name!r}; it has: {', '.join(columns)[:200] or 'none'}", hint=hint)
    for row in reader:
        if reader.line_num > MOST_ROWS:
            raise ConfigError(f"{path} has more than {MOST_ROWS:,} lines")
        yield _row(row, f"{path}, line {reader.line_num}")


def _row(row: Mapping[str | None, str | None], where: str) -> MeasuredModel:
    def text(name: str) -> str:
        return (row.get(name) or "").strip()

    sha = text("sha256").lower()
    if sha and not _SHA.fullmatch(sha):
        raise ConfigError(f"{where}: sha256 must be 64 hexadecimal digits, got {sha[:80]!r}")
    median = _positive(text("median_ms"), "median_ms", where)
    low, high = (_positive(text(name), name, where) if text(name) else 0.0 for name in ("q1_ms", "q3_ms"))
    times = tuple(_positive(word, "times_ms", where) for word in text("times_ms").split())
    threads = text("threads")
    if threads and not threads.isdigit():
        raise ConfigError(f"{where}: threads must be a whole number, got {threads[:40]!r}")
    return MeasuredModel(
        text("model"),
        median,
        sha,
        text("architecture"),
        text("device"),
        text("runtime"),
        int(threads or 0),
        _log_sd(low, high, len(times)),
        times,
    )


def _log_sd(low: float, high: float, count: int) -> float:
    """Deviation of the median's logarithm: √(π/2n)·σ, σ from the distance of the quartiles (1.349 σ)."""
    if not 0 < low <= high:
        return 0.0
    return math.log(high / low) / 1.349 * math.sqrt(math.pi / 2 / max(1, count))


def _positive(word: str, name: str, where: str) -> float:
    try:
        value = float(word)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or value <= 0:
        raise ConfigError(
            f"{where}: {name} must be a positive number of milliseconds, got {word[:40]!r}",
            hint="measure that model again, or take its line out",
        )
    return value
