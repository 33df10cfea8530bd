"""What the page says of a result, read from it with care: every entry may be missing in an unfinished study."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from searchitect.objectives import is_maximized

if TYPE_CHECKING:
    from searchitect.result import Result

__all__ = ["Headline", "Standing", "entry", "finite", "hardware_of", "headline", "task_of", "versions_of"]

MAX_ENVIRONMENT = 1_000_000
"""Bytes of an `environment.json` that are read at most."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How one model did on the headline metric.

    Attributes:
        name: "search", "random", or the name of a classical baseline.
        std: over seeds; None with one seed.
        seeds: how many trained models the mean is of.
    """

    name: str
    mean: float
    std: float | None = None
    seeds: int = 1


@dataclass(frozen=True, slots=True)
class Headline:
    """The metric the verdict is about and how every compared model did on it.

    Attributes:
        split: "test" or "validation".
        own: value of the very model that is handed over; None where there is none.
        standings: search first, then random search, then baselines, best first.
    """

    metric: str
    split: str
    maximize: bool
    own: float | None
    standings: tuple[Standing, ...]

    def of(self, name: str) -> Standing | None:
        """The standing of this name, if it was compared."""
        return next((s for s in self.standings if s.name == name), None)

    @property
    def best_baseline(self) -> Standing | None:
        """The classical baseline with the best mean."""
        return next((s for s in self.standings if s.name not in ("search", "random")), None)


def headline(result: Result) -> Headline | None:
    """The figures for the top of the page: from the test split where it was opened, else from validation data.

    None where the study has no objective, which no finished study lacks.
    """
    if not result.objectives:
        return None
    first = result.objectives[0]
    tested = bool(result.test)
    metric = _metric(result) if tested else first.name
    maximize = first.direction == "maximize" if metric == first.name else is_maximized(metric)
    if tested:
        own = finite(result.test.get(metric))
        found = [s for n, m in result.test_models.items() if (s := _tested(n, m, metric)) is not None]
    else:
        own = None if result.best is None else finite(result.best.measurements.get(metric))
        found = _validated(result, metric, maximize)
    sign = -1.0 if maximize else 1.0
    place = {"search": 0, "random": 1}
    found.sort(key=lambda s: (place.get(s.name, 2), sign * s.mean))
    return Headline(metric, "test" if tested else "validation", maximize, own, tuple(found))


def _metric(result: Result) -> str:
    wanted = [o.name for o in result.objectives[:1]] + list(task_of(result).get("metrics", ()))
    return next((name for name in wanted if name in result.test), next(iter(result.test)))


def _tested(name: str, model: Mapping[str, Any], metric: str) -> Standing | None:
    mean = finite((model.get("metrics") or {}).get(metric))
    seeds = model.get("seeds", 1)
    if mean is None:
        return None
    count = seeds if isinstance(seeds, int) else len(seeds or ())
    return Standing(name, mean, finite((model.get("std") or {}).get(metric)) if count > 1 else None, count)


def _validated(result: Result, metric: str, maximize: bool) -> list[Standing]:
    found: dict[str, Standing] = {}
    for finalist in result.finalists:
        mean, best = finite(finalist.mean.get(metric)), found.get(finalist.arm)
        if mean is not None and (best is None or (mean > best.mean) == maximize):
            std = finite(finalist.std.get(metric))
            found[finalist.arm] = Standing(finalist.arm, mean, std, len(finalist.trials))
    for name, values in result.baselines.items():
        if (mean := finite(values.get(metric))) is not None:
            found[name] = Standing(name, mean)
    return list(found.values())


def finite(value: Any) -> float | None:
    """The number, or None where it is missing, not a number or infinite."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return None
    return float(value)


def entry(document: Mapping[str, Any], *path: str) -> Any:
    """The value at a path of nested mappings; None where it is missing."""
    value: Any = document
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def task_of(result: Result) -> Mapping[str, Any]:
    """What the manifest says of the task; empty for a study of the user's own function."""
    return entry(result.manifest, "details", "task") or entry(result.manifest, "task") or {}


def versions_of(result: Result) -> Mapping[str, Any]:
    """Versions of Python and packages under which the study was started."""
    return entry(result.manifest, "clock", "versions") or entry(result.manifest, "versions") or {}


def hardware_of(result: Result) -> Mapping[str, Any]:
    """What is recorded of the machine, in the manifest or in the run's `environment.json`; else empty."""
    places = (("clock", "hardware"), ("recorded", "hardware"), ("clock", "environment"), ("clock", "machine"))
    recorded = next((found for place in places if isinstance(found := entry(result.manifest, *place), Mapping)), None)
    if recorded is not None or result.folder is None:
        return recorded or {}
    document = _environment(result.folder / "environment.json")
    platform = document.get("platform")
    words = " ".join(str(v) for v in platform.values()) if isinstance(platform, Mapping) else platform
    found = {"platform": words, **{name: document.get(name) for name in ("processor", "cores", "threads", "gpu")}}
    return {name: value for name, value in found.items() if value is not None}


def _environment(path: Path) -> Mapping[str, Any]:
    try:
        if path.stat().st_size > MAX_ENVIRONMENT:
            return {}
        document = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, Mapping) else {}
