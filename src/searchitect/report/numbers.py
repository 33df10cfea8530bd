"""How numbers are written: digits, thousands, units taken from the name of a measurement."""

from __future__ import annotations

import math

__all__ = ["duration", "measured", "number", "shortened", "six", "title", "unit"]

_BYTES = ("B", "KiB", "MiB", "GiB", "TiB")
_COUNTS = ("parameters", "flops", "count", "epochs", "epoch", "examples")
_UNITS = {"ms": "ms", "seconds": "s", "bytes": "bytes", "joules": "J", "watts": "W", "percent": "%"}
_SCORES = ("accuracy", "precision", "recall", "f1", "auroc", "r2", "calibration")
_TITLES = {"flops": "FLOPs", "mse": "MSE", "mae": "MAE", "r2": "R²", "auroc": "AUROC"}


def number(value: float | None, name: str = "") -> str:
    """A value as a person reads it: counts with thousands, scores with four decimals, the rest four digits."""
    if value is None or not math.isfinite(value):
        return "–"
    if _is_count(name) or (value == int(value) and 10 <= abs(value) < 1e15 and not _is_score(name)):
        return f"{value:,.0f}"
    if _is_score(name) and abs(value) < 1000:
        return f"{value:.4f}"
    if value != 0 and not 1e-3 <= abs(value) < 1e6:
        return f"{value:.3e}"
    return f"{value:,.4g}" if abs(value) < 1e4 else f"{value:,.0f}"


def measured(name: str, value: float | None) -> str:
    """The value with its unit: `latency_ms` 0.412 ms, `peak_memory_bytes` 1.2 MiB, `train_seconds` 3.4 s."""
    if value is None or not math.isfinite(value):
        return "–"
    if unit(name) == "bytes":
        return _bytes(value)
    if unit(name) == "s":
        return duration(value)
    if unit(name) == "J":  # known within 5 to 40 %: never a digit too many
        return f"≈ {float(f'{value:.2g}'):g} J"
    text = number(value, name)
    return f"{text} {unit(name)}" if unit(name) else text


def unit(name: str) -> str:
    """The unit that the name of a measurement carries; empty for scores and counts."""
    return _UNITS.get(name.rpartition("_")[2], "") if "_" in name else ""


def title(name: str) -> str:
    """The name of a measurement for an axis or a column: `latency_ms` is "latency (ms)"."""
    stem = name.rpartition("_")[0] if unit(name) else name
    words = _TITLES.get(stem, stem.replace("_", " "))
    words = words.replace("f1", "F1", 1) if words.startswith("f1") else words
    return f"{words} ({unit(name)})" if unit(name) else words


def six(value: float) -> float:
    """The value with six digits: what a figure needs, and half the bytes."""
    return float(f"{float(value):.6g}")


def duration(seconds: float) -> str:
    """Seconds as "0.42 s", "38 s", "4 min 05 s" or "2 h 07 min"."""
    if seconds < 10:
        return f"{seconds:.2g} s" if seconds < 1 else f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def shortened(text: object, limit: int = 300) -> str:
    """The text, its middle left out where it is longer than `limit` characters."""
    whole = str(text)
    if len(whole) <= limit:
        return whole
    head = limit * 2 // 3
    return f"{whole[:head]} … ({len(whole) - limit:,} characters left out) … {whole[head - limit :]}"


def _bytes(value: float) -> str:
    power = 0
    while abs(value) >= 1024 and power < len(_BYTES) - 1:
        value, power = value / 1024, power + 1
    return f"{value:.0f} B" if power == 0 else f"{value:.3g} {_BYTES[power]}"


def _is_count(name: str) -> bool:
    return name.lower().rpartition("_")[2] in _COUNTS or name.lower() in _COUNTS


def _is_score(name: str) -> bool:
    return any(word in name.lower() for word in _SCORES)
