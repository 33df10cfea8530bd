"""What zero-cost proxies can say of a space and a task, before a search is started from them."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from searchitect.errors import EvaluationError
from searchitect.spaces import Architecture, SearchSpace, TaskSpec

if TYPE_CHECKING:
    from searchitect.evaluators.proxies.scoring import ProxyScores

__all__ = ["MODELS", "proxies_of", "proxy_lines"]

MODELS = 12
"""Architectures that are scored."""

SIZE = "parameters"
"""What every other proxy must beat."""


def proxies_of(space: SearchSpace, task: Any, drawn: Sequence[Architecture], names: str | Sequence[str]) -> Any:
    """Score some architectures: time of one, and per proxy its range, its agreement with size, and failures.

    Args:
        task: its training examples are the batch; a `TaskSpec` has none, so normal noise stands in.
        names: as for `sa.search(proxies=)`.

    Raises:
        ConfigError: there is no such proxy.
    """
    from searchitect.evaluators.proxies import ProxyScorer, fitting_names, probe_of
    from searchitect.evaluators.proxies.probe import random_probe

    probe = random_probe(task) if isinstance(task, TaskSpec) else probe_of(task)
    try:
        wanted = fitting_names(names, space, probe)
    except EvaluationError as error:
        return {"models": 0, "seconds": None, "scores": {}, "error": error.message}
    scorer = ProxyScorer(space, probe, tuple(dict.fromkeys((*wanted, SIZE))))
    begun = time.perf_counter()
    scored = [scorer(architecture) for architecture in dict.fromkeys(drawn[:MODELS])]
    seconds = (time.perf_counter() - begun) / max(1, len(scored))
    return {
        "models": len(scored),
        "seconds": round(seconds, 4),
        "scores": {name: _described(name, scored) for name in wanted},
        "error": None,
    }


def _described(name: str, scored: Sequence[ProxyScores]) -> dict[str, Any]:
    import numpy as np

    from searchitect.predictors.targets import rank_correlation

    found = [one.values[name] for one in scored if name in one.values]
    both = [(one.values[name], one.values[SIZE]) for one in scored if {name, SIZE} <= set(one.values)]
    pairs = np.array(both, dtype=np.float64).reshape(-1, 2)
    like_size = rank_correlation(pairs[:, 0], pairs[:, 1])
    why = next((one.failures[name] for one in scored if name in one.failures), None)
    return {
        "min": min(found, default=None),
        "median": statistics.median(found) if found else None,
        "max": max(found, default=None),
        "correlation_with_parameters": None if like_size is None else round(like_size, 3),
        "failed": len(scored) - len(found),
        "first_failure": why,
    }


def proxy_lines(found: dict[str, Any]) -> Iterator[str]:
    """The same for a person."""
    if found["error"] is not None:
        yield f"zero-cost proxies: none, since the default architecture cannot be built: {found['error']}"
        return
    yield f"zero-cost proxies on {found['models']} models, {found['seconds']:.2g} s each:"
    width = max([9, *map(len, found["scores"])])
    for name, one in found["scores"].items():
        if one["median"] is None:
            yield f"    {name:<{width}} no score: {one['first_failure']}"
            continue
        marks = " … ".join(f"{one[q]:.3g}" for q in ("min", "median", "max"))
        like = one["correlation_with_parameters"]
        said = "" if like is None or name == SIZE else f"   ρ with size {like:+.2f}"
        said += "   the same for all: it ranks nothing" if math.isclose(one["min"], one["max"]) else ""
        failed = f"   no score for {one['failed']}: {one['first_failure']}" if one["failed"] else ""
        yield f"    {name:<{width}} {marks}{said}{failed}"
