"""What a strategy's model believes: asked, with what it expects of its incumbent, and read back from the journal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from searchitect.objectives import cut_to_range
from searchitect.strategies import Belief
from searchitect.strategies.strategy import expected_by
from searchitect.trial import Trial

__all__ = ["FEW", "FEW_SHARE", "asked_belief", "noted_belief"]

FEW = 20
"""Complete trials from which on nine of ten new trainings were in an interval for nine of ten."""

FEW_SHARE = 0.8
"""How many were after fewer, between 6 and 10 of them, on five tables (docs/strategies.md)."""


def asked_belief(strategy: object, trials: Sequence[Trial], objective: str) -> Belief | None:
    """Return what a strategy believes now; None for one without a model."""
    ask = getattr(strategy, "belief", None)
    believed: Belief | None = ask() if callable(ask) else None
    if believed is None or believed.incumbent is None:
        return believed
    expected = expected_by(strategy, [trials[believed.incumbent].architecture])
    if expected is None:
        return believed
    many = sum(trial.is_complete and trial.phase == "search" for trial in trials) >= FEW
    return replace(believed, interval=cut_to_range(objective, expected[0]), share=believed.share if many else FEW_SHARE)


def noted_belief(marks: Mapping[str, Sequence[Mapping[str, Any]]]) -> Belief | None:
    """Return the belief that a study wrote down when its search ended; None where there is none."""
    noted = next(iter(marks.get("belief", ())), None)
    if noted is None:
        return None
    interval = noted.get("interval")  # older journals have none
    bounds = None if interval is None else (float(interval[0]), float(interval[1]))
    share = float(noted.get("share", 0.9))
    return Belief(noted["incumbent"], noted["rank_correlation"], noted["note"], bounds, share)
