"""The seam of every storage: append an event, read events. A study is the sequence of its events."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

__all__ = ["Event", "Journal", "Store", "StudyInfo"]

Event = Mapping[str, Any]
"""One JSON object with at least the key "kind". Written once, never changed."""


class Journal(Protocol):
    """The events of one study."""

    def append(self, event: Event) -> int:
        """Write one event durably and return its position, counted from 1."""
        ...

    def read(self, after: int = 0) -> Iterator[tuple[int, Event]]:
        """Yield (position, event) of everything written after position `after`, in order."""
        ...


@dataclass(frozen=True, slots=True)
class StudyInfo:
    """One line of a listing. `created` is an ISO 8601 time in UTC."""

    name: str
    created: str
    events: int


class Store(Protocol):
    """A set of studies."""

    def journal(self, study: str, *, create: bool = False, created: str | None = None) -> Journal:
        """Open the journal of a study.

        Args:
            create: whether it is made where it does not exist.
            created: the time to write down for a new one, ISO 8601 in UTC; now by default.

        Raises:
            StorageError: there is no such study (and `create` is false), with the nearest name as a hint.
        """
        ...

    def studies(self) -> Sequence[StudyInfo]:
        """List all studies, oldest first."""
        ...

    def delete(self, study: str) -> None:
        """Remove a study and its events.

        Raises:
            StorageError: there is no such study, or it is being run.
        """
        ...

    def lock(self, study: str) -> AbstractContextManager[None]:
        """Be the only driver of a study while the context lasts; the end of the process releases it.

        Raises:
            StorageError: on entering, when another driver holds it.
        """
        ...

    def close(self) -> None:
        """Let go of files and connections. Safe to call twice."""
        ...
