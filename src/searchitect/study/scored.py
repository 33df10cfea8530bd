"""Zero-cost scores within a study: each architecture is scored once, and the journal remembers.

Scores are reproducible on one machine and not across machines, so a strategy reads them from the journal: what it asks
is the same after a resume elsewhere. The trust card is written at the end of the search.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from searchitect.spaces.architecture import Architecture
from searchitect.storage.journal import Event
from searchitect.study.events import shortened

if TYPE_CHECKING:
    from searchitect.study.study import Study

__all__ = ["PROXIES", "RememberedScores", "Score", "note_proxies", "proxy_card", "proxy_warnings", "remembered"]

PROXIES = "proxies"
"""Under this name the ledger holds the seconds of scoring, and the journal the trust card."""

SCORED = "scored"

Score = Callable[[Architecture], Mapping[str, float | str]]
"""Architecture to its score by proxy, higher is better; a text in the place of a score says why there is none."""


class RememberedScores:
    """A function from architecture to finite scores that asks `score` only for what the journal does not hold.

    Args:
        score: what scores; seeded, so that equal architectures have equal scores.
    """

    def __init__(self, study: Study, score: Score) -> None:
        self._study, self._score = study, score
        self._known: dict[str, Mapping[str, float]] = {}
        self._read = 0

    def __call__(self, architecture: Architecture) -> Mapping[str, float]:
        key = self._study.space.key(architecture)
        if key not in self._catch_up():
            self._study.mark(self._scored(key, architecture))
        return self._catch_up()[key]

    def _catch_up(self) -> dict[str, Mapping[str, float]]:
        """Take in what was scored since the last look, by this session or an earlier one."""
        marks = self._study.state.marks.get(SCORED, [])
        for event in marks[self._read :]:
            self._known[event["key"]] = event["scores"]
        self._read = len(marks)
        return self._known

    def _scored(self, key: str, architecture: Architecture) -> Event:
        before = time.monotonic()
        found = dict(self._score(architecture))
        failures = {name: _why(value) for name, value in found.items() if not _is_score(value)}
        event: Event = {
            "kind": SCORED,
            "key": key,
            "scores": {name: float(value) for name, value in found.items() if name not in failures},
            "clock": {"seconds": round(time.monotonic() - before, 4)},
        }
        return {**event, "failures": failures} if failures else event


def remembered(study: Study, score: Score | None) -> RememberedScores | None:
    """Return `score` with the study's memory; None for a study without scores."""
    return None if score is None else RememberedScores(study, score)


def _is_score(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _why(value: Any) -> str:
    return shortened(value) if isinstance(value, str) else f"the score is {value!r}"


def note_proxies(study: Study) -> None:
    """Write down, once, how far each proxy was to be trusted and why scores are missing."""
    card = getattr(study.strategy, "proxy_trust", None)
    if card is None or study.state.marks.get(PROXIES):
        return
    scored = study.state.marks.get(SCORED, [])
    failed: dict[str, dict[str, Any]] = {}
    for event in scored:
        for name, why in event.get("failures", {}).items():
            failed.setdefault(name, {"count": 0, "first": why})["count"] += 1
    study.mark({"kind": PROXIES, "card": card(), "scored": len(scored), "failed": failed})


def proxy_card(marks: Mapping[str, list[Event]]) -> dict[str, Any]:
    """What `note_proxies` wrote: "card", "scored", "failed"; empty for a search without proxies."""
    noted = next(iter(marks.get(PROXIES, ())), None)
    return {} if noted is None else {name: noted[name] for name in ("card", "scored", "failed")}


def proxy_warnings(marks: Mapping[str, list[Event]]) -> list[str]:
    """Sentences on what a reader must know: which proxies failed, and which were switched off."""
    noted = proxy_card(marks)
    said = []
    for name, failed in noted.get("failed", {}).items():
        what = (
            f"proxy {name} had no score for {failed['count']} of {noted['scored']} architectures and was left out there"
        )
        said.append(f"{what}: {failed['first']}")
    off = [name for name, trust in noted.get("card", {}).items() if trust["is_off"]]
    if off:
        said.append(f"switched off, since they ranked the finished trials the wrong way round: {', '.join(off)}")
    return said
