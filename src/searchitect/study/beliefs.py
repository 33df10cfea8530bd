"""What a strategy's model believes: asked, with what it expects of its incumbent, and read back from the journal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from searchitect.objectives import cut_to_range
from searchitect.strategies import Belief
from searchitect.strategies.strategy import expected_by
from searchitect.trial import Trial

__all__ = ["asked_belief", "noted_belief"]


def asked_belief(strategy: object, trials: Sequence[Trial], objective: str) -> Belief | None:
    """Return what a strategy believes now; None for one without a model."""
    ask = getattr(strategy, "belief", None)
    believed: Belief | None = ask() if callable(ask) else None
    if believed is None or believed.incumbent is None:
        return believed
    expected = expected_by(strategy, [trials[believed.incumbent].architecture])
    return believed if expected is None else replace(believed, interval=cut_to_range(objective, expected[0]))


def noted_belief(marks: Mapping[str, Sequence[Mapping[str, Any]]]) -> Belief | None:
    """Return the belief that a study wrote down when its search ended; None where there is none."""
    noted = next(iter(marks.get("belief", ())), None)
    if noted is None:
        return None
    interval = noted.get("interval")  # older journals have none
    bounds = None if interval is None else (float(interval[0]), float(interval[1]))
    return Belief(noted["incumbent"], noted["rank_correlation"], noted["note"], bounds)
