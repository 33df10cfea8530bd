"""Is a store whole? Every event is read; what is wrong is told, nothing is changed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from searchitect.errors import StorageError
from searchitect.storage.journal import Event, Journal, Store

__all__ = ["Health", "StudyHealth", "check_store"]

MOST = 20
"""Problems of one study that are told; more of them say no more."""


@dataclass(frozen=True, slots=True)
class StudyHealth:
    """What was found in one study.

    Attributes:
        events: how many could be read.
        ended: trials that ended.
        open: numbers of trials that started and did not end: running now, or cut off; `resume` runs those again.
        problems: what should not be, one sentence each.
    """

    name: str
    events: int
    ended: int
    open: tuple[int, ...]
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Health:
    """What was found in a store.

    Attributes:
        version: of its schema; None where it has none.
        damages: what the database says of itself, one sentence each.
    """

    version: int | None
    damages: tuple[str, ...]
    studies: tuple[StudyHealth, ...]

    @property
    def is_sound(self) -> bool:
        return not self.damages and not any(study.problems for study in self.studies)

    def document(self) -> dict[str, Any]:
        """As one JSON object."""
        studies = [
            {"study": s.name, "events": s.events, "ended": s.ended, "open": list(s.open), "problems": list(s.problems)}
            for s in self.studies
        ]
        return {"sound": self.is_sound, "version": self.version, "damages": list(self.damages), "studies": studies}


def check_store(store: Store) -> Health:
    """Read everything in a store: the database's own check, gaps, events that cannot be read, the count of trials.

    Raises:
        StorageError: not even the list of its studies can be read.
    """
    damages: list[str] = []
    database = getattr(store, "database", None)
    if database is not None:
        try:
            damages = store.run(database.damages)  # type: ignore[attr-defined]
        except StorageError as error:
            damages = [error.message]
    studies = tuple(_study(info.name, store.journal(info.name)) for info in store.studies())
    return Health(getattr(store, "version", None), tuple(damages), studies)


@dataclass(slots=True)
class _Trials:
    """Counts starts and ends: an event of a study, by its kind."""

    opened: dict[int, None] = field(default_factory=dict)
    ended: set[int] = field(default_factory=set)
    known: set[int] = field(default_factory=set)

    def problem(self, event: Event) -> str | None:
        """Take one event into account, and say what is wrong with it."""
        kind, number = event["kind"], event.get("number")
        if kind in ("start", "reused", "infeasible"):
            if number in self.known or not isinstance(number, int):
                return f"trial {number!r} begins a second time"
            self.known.add(number)
            if kind == "start":
                self.opened[number] = None
        if kind == "end":
            if number in self.ended:
                return f"trial {number!r} ends a second time"
            if number not in self.opened:
                return f"trial {number!r} ends without a start"
            self.ended.add(number)
            del self.opened[number]
        return None


def _study(name: str, journal: Journal) -> StudyHealth:
    trials, problems = _Trials(), list[str]()
    after = events = 0
    whole = False
    while not whole and len(problems) < MOST:
        try:
            for position, event in journal.read(after):
                after, events = position, events + 1
                _note(problems, _order(position, event) or trials.problem(event), position)
            whole = True
        except StorageError as error:  # this event is missing or damaged: go on behind it
            problems.append(error.message)
            after += 1
    return StudyHealth(name, events, len(trials.ended), tuple(trials.opened), tuple(problems[:MOST]))


def _note(problems: list[str], problem: str | None, position: int) -> None:
    if problem is not None:
        problems.append(f"event {position}: {problem}")


def _order(position: int, event: Event) -> str | None:
    if (position == 1) != (event["kind"] == "manifest"):
        return "the journal does not begin with a manifest" if position == 1 else "a second manifest"
    return None
