"""Limits carry their unit in the name: `latency_ms<=20`, never `latency<=20`."""

from __future__ import annotations

import contextlib
import re

from searchitect.errors import ConstraintError, SearchitectError
from searchitect.objectives import CONFIDENCE, Constraint, parse_constraint

__all__ = ["QUANTITIES", "explained", "limit_of", "written"]

QUANTITIES = {
    "latency": "latency_ms",
    "energy": "energy_joules",
    "memory": "peak_memory_bytes",
    "ram": "peak_memory_bytes",
    "sram": "peak_memory_bytes",
    "flash": "flash_bytes",
    "time": "train_seconds",
}
"""A quantity that has a unit, and the measurement that is usually meant by it."""

_UNIT_WORDS = {
    *("ns", "us", "ms", "s", "sec", "second", "seconds", "minutes", "hours", "j", "mj", "joule", "joules"),
    *("wh", "kwh", "w", "watts", "byte", "bytes", "kb", "mb", "gb", "kib", "mib", "percent", "share"),
}
_BYTES = {"b": 1.0, "kb": 1e3, "mb": 1e6, "gb": 1e9, "kib": 1024.0, "mib": 1024.0**2, "gib": 1024.0**3}
_SCALES = {
    "latency": {"us": 1e-3, "ms": 1.0, "s": 1e3},
    "energy": {"mj": 1e-3, "j": 1.0, "kj": 1e3, "wh": 3600.0},
    "time": {"ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0},
    **dict.fromkeys(("memory", "ram", "sram", "flash"), _BYTES),
}
_WITH_UNIT = re.compile(r"^\s*([A-Za-z_]\w*)\s*(<=|>=)\s*([0-9][0-9_.]*(?:[eE][+-]?[0-9]+)?)\s*([A-Za-z]+)\s*$")


def limit_of(text: str | Constraint) -> Constraint:
    """Read a limit such as "latency_ms<=20".

    Raises:
        ConstraintError: it cannot be read, or its quantity has a unit that the name does not say; the hint says what to
            type.
    """
    if isinstance(text, str):
        _refuse_unit_behind(text)
    try:
        limit = parse_constraint(text)
    except (TypeError, AttributeError):
        raise ConstraintError(f"a limit is a text, got {text!r}", hint='limits = ["latency_ms<=20"]') from None
    word = _bare_quantity(limit.name)
    if word is not None:
        meant = limit.name.replace(word, QUANTITIES[word], 1) if limit.name.startswith(word) else QUANTITIES[word]
        raise ConstraintError(
            f"the limit {str(limit)!r} has no unit: {limit.limit:g} what?",
            hint=f"the unit stands in the name: '{meant}{limit.relation}{limit.limit:g}'",
        )
    return limit


def written(limit: Constraint) -> str:
    """The limit as text, every digit of it; `limit_of` reads it."""
    sure = "" if limit.confidence == CONFIDENCE else f"@{limit.confidence!r}"
    number = int(limit.limit) if float(limit.limit).is_integer() and abs(limit.limit) < 1e15 else limit.limit
    return f"{limit.name}{limit.relation}{number!r}{sure}"


def _bare_quantity(name: str) -> str | None:
    """The quantity in a name that says no unit, or None."""
    words = name.lower().split("_")
    if _UNIT_WORDS & set(words):
        return None
    return next((word for word in words if word in QUANTITIES), None)


def _refuse_unit_behind(text: str) -> None:
    match = _WITH_UNIT.match(text)
    if match is None:
        return
    name, relation, number, unit = match.groups()
    quantity = next((word for word in name.lower().split("_") if word in QUANTITIES), None)
    scale = _SCALES.get(quantity or "", {}).get(unit.lower())
    hint = "the unit stands in the name, as in 'latency_ms<=20' or 'peak_memory_bytes<=256000'"
    if quantity is not None and scale is not None:
        with contextlib.suppress(ValueError):
            hint = f"the unit stands in the name: '{QUANTITIES[quantity]}{relation}{float(number) * scale:g}'"
    raise ConstraintError(f"the limit {text.strip()!r} has its unit behind the number", hint=hint) from None


def explained(error: SearchitectError, where: str) -> SearchitectError:
    """The error, saying where it arose."""
    return type(error)(f"{where}: {error.message}", hint=error.hint)
