"""How a gradient search made up its mind: the probability of every option over time, and when a decision was settled.

Plain arrays in, plain arrays out: the epochs of one run of a `GradientSearch`, or of its `gradients.json`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from searchitect.errors import ConfigError
from searchitect.explain.searches.intervals import evenly_with

__all__ = ["Drift", "Settling", "drift", "drift_of_run"]

MOST_TIMES, MOST_DECISIONS = 60, 40


@dataclass(frozen=True, slots=True)
class Settling:
    """One decision over time.

    Attributes:
        options: in words.
        shares: per option its probability at each of `Drift.times`.
        chosen: the most probable option at the end; `margin` is how far it lies ahead of the next.
        settled: the time from which it led until the end.
        entropy: at the beginning and at the end, 1 undecided, 0 decided.
    """

    decision: str
    options: tuple[str, ...]
    shares: tuple[tuple[float, ...], ...]
    chosen: str
    margin: float
    settled: int
    entropy: tuple[float, float]

    @property
    def text(self) -> str:
        return (
            f"{self.decision} became {self.chosen} ({100 * max(share[-1] for share in self.shares):.0f} %), ahead by "
            f"{100 * self.margin:.0f} points since epoch {self.settled}"
        )

    def to_json(self) -> dict[str, Any]:
        told: dict[str, Any] = {name: getattr(self, name) for name in ("decision", "chosen", "margin", "settled")}
        told |= {"text": self.text, "options": list(self.options), "entropy": list(self.entropy)}
        return told | {"shares": [[round(share, 4) for share in shares] for shares in self.shares]}


@dataclass(frozen=True, slots=True)
class Drift:
    """All decisions over time, thinned; the least settled first to be looked at are those of small margin.

    Attributes:
        times: epochs that are shown.
        open: decisions whose two best options lie within a tenth of another at the end.
        left_out: decisions that are not shown because there are too many.
    """

    times: tuple[int, ...]
    decisions: tuple[Settling, ...]
    open: tuple[str, ...]
    left_out: int

    def to_json(self) -> dict[str, Any]:
        return {
            "times": list(self.times),
            "decisions": [one.to_json() for one in self.decisions],
            "open": list(self.open),
            "left_out": self.left_out,
        }


def drift(
    history: Sequence[Mapping[str, Sequence[float]]],
    options: Mapping[str, Sequence[Any]],
    *,
    times: Sequence[int] | None = None,
    most: int = MOST_DECISIONS,
) -> Drift:
    """Lay out the probabilities of a run.

    Args:
        history: per time, path to the probability of each option.
        options: path to the options; one without is numbered.
        times: what the times are called; by default 0, 1, …
        most: decisions that are shown, those with the smallest margins.

    Raises:
        ConfigError: nothing was recorded, or a decision is missing at some time.
    """
    if not history or not history[0]:
        raise ConfigError("this search recorded no probabilities", hint="only gradient searches over a supernet do")
    called = list(range(len(history))) if times is None else list(times)
    kept = evenly_with(len(history), MOST_TIMES, [0, len(history) - 1])
    found = []
    for path in history[0]:
        if not all(path in entry and len(entry[path]) == len(history[0][path]) for entry in history):
            raise ConfigError(f"the probabilities of {path!r} were not recorded at every time")
        found.append(_settling(path, [entry[path] for entry in history], options.get(path, ()), called, kept))
    shown = sorted(sorted(found, key=lambda one: one.margin)[:most], key=found.index)
    undecided = tuple(one.decision for one in found if one.margin < 0.1)
    return Drift(tuple(called[place] for place in kept), tuple(shown), undecided, len(found) - len(shown))


def drift_of_run(run: Mapping[str, Any], options: Mapping[str, Sequence[Any]]) -> Drift:
    """The same of one run as `SearchRun.to_json` or `gradients.json` writes it.

    Args:
        options: `gradients.json` holds them beside its runs.
    """
    progress = run.get("progress", ())
    return drift([entry["probabilities"] for entry in progress], options, times=[entry["epoch"] for entry in progress])


def _settling(
    path: str, rows: Sequence[Sequence[float]], options: Sequence[Any], times: Sequence[int], kept: Sequence[int]
) -> Settling:
    count = len(rows[0])
    labels = tuple(str(options[place]) if place < len(options) else f"#{place}" for place in range(count))
    leaders = [max(range(count), key=row.__getitem__) for row in rows]
    turn = next((t for t in range(len(rows) - 1, 0, -1) if leaders[t - 1] != leaders[-1]), 0)
    ordered = sorted(rows[-1], reverse=True)
    margin = float(ordered[0] - ordered[1]) if count > 1 else 1.0
    shares = tuple(tuple(float(rows[time][place]) for time in kept) for place in range(count))
    spread = _entropy(rows[0]), _entropy(rows[-1])
    return Settling(path, labels, shares, labels[leaders[-1]], margin, times[turn], spread)


def _entropy(shares: Sequence[float]) -> float:
    if len(shares) < 2:
        return 0.0
    return float(-sum(share * math.log(share) for share in shares if share > 0) / math.log(len(shares)))
