"""Zero-cost scores of a search: which proxies, on what data, and how many architectures may be scored."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from searchitect.errors import ConfigError
from searchitect.spaces import Architecture, SearchSpace
from searchitect.storage.journal import Event

if TYPE_CHECKING:
    from searchitect.api.request import Parts, Request

__all__ = ["Scoring", "check_proxies", "pool_size", "scoring_of"]

SHARE = 0.1
"""Of the time of a search that scoring the pool may take."""

FEWEST, MOST, PER_TRIAL = 20, 1_000, 10
"""Bounds of the pool; and architectures for each trial, where the budget is no time."""

Score = Callable[[Architecture], Mapping[str, float | str]]


@dataclass(frozen=True, slots=True)
class Scoring:
    """What a study is given.

    Attributes:
        names: proxies; part of what a resumed study must repeat.
        score: architecture to scores; a text where a proxy failed.
        pool: architectures that are scored before the first trial.
        seconds: one took; None where it was not measured.
    """

    names: tuple[str, ...]
    score: Score
    pool: int
    seconds: float | None = None

    def line(self) -> str:
        """One line of a plan."""
        each = "" if self.seconds is None else f", about {self.pool * self.seconds:.0f} s"
        return f"scored first: {self.pool} architectures by {', '.join(self.names)}{each}"


def check_proxies(request: Request) -> None:
    """Refuse names that no proxy has before anything is read.

    Raises:
        ConfigError: names the nearest; or there are no data to score models on.
    """
    if request.proxies is None:
        return
    from searchitect.evaluators.proxies import proxy_names

    proxy_names(request.proxies)
    if request.data is None and request.supernet is None and not _has_scores(request.evaluate):
        raise ConfigError("proxies score models on data, and there are none", hint="sa.search(data, …, proxies=…)")


def scoring_of(request: Request, parts: Parts, known: Event | None, seconds: float | None) -> Scoring | None:
    """Return how architectures are scored; None for a search without proxies.

    Args:
        known: the manifest of a study that goes on: it keeps its pool.
        seconds: of the search; None where its budget is no time.
    """
    if request.proxies is None:
        return None
    names, score = _of_table(request) if _has_scores(request.evaluate) else _of_models(request, parts)
    if known is not None:
        return Scoring(names, score, known["settings"].get("proxy_pool", MOST))
    if _has_scores(request.evaluate):
        return Scoring(names, score, MOST)
    default = SearchSpace.of(parts.space).default()
    score(default)  # the first one pays for imports and kernels
    before = time.perf_counter()
    score(default)
    each = max(1e-6, time.perf_counter() - before)
    return Scoring(names, score, pool_size(each, seconds, request.trials), each)


def pool_size(each: float, seconds: float | None, trials: int | None) -> int:
    """Return how many architectures are worth scoring.

    Args:
        each: seconds of one.
        seconds: of the search; None where its budget is no time.
        trials: of the search, where they are bounded.
    """
    wanted = MOST if trials is None else PER_TRIAL * trials
    affordable = MOST if seconds is None else int(SHARE * seconds / each)
    return min(MOST, max(FEWEST, min(wanted, affordable)))


def _has_scores(evaluate: Any) -> bool:
    return callable(getattr(evaluate, "scores", None))


def _of_table(request: Request) -> tuple[tuple[str, ...], Score]:
    from searchitect.evaluators.proxies import proxy_names

    held: Score = getattr(request.evaluate, "scores")  # noqa: B009 - a function need not have it
    names = proxy_names(request.proxies or ())

    def score(architecture: Architecture) -> Mapping[str, float | str]:
        found = held(architecture)
        return {name: found[name] for name in names if name in found}

    return names, score


def _of_models(request: Request, parts: Parts) -> tuple[tuple[str, ...], Score]:
    from searchitect.evaluators.proxies import ProxyScorer, fitting_names, probe_of
    from searchitect.seeding import derive

    assert parts.task is not None
    probe = probe_of(parts.task, seed=derive(request.seed, "proxy probe"))
    names = fitting_names(request.proxies or (), parts.space, probe)
    scorer = ProxyScorer(parts.space, probe, names, derive(request.seed, "proxy weights"))

    def score(architecture: Architecture) -> Mapping[str, float | str]:
        found = scorer(architecture)
        return {**found.values, **found.failures}

    return names, score
