"""A store that forgets with the process: for tests, benchmarks and quick questions."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from searchitect.errors import StorageError
from searchitect.storage.events import check_name, decode, encode, unknown_study
from searchitect.storage.journal import Event, Journal, StudyInfo

__all__ = ["MemoryStore"]


@dataclass(slots=True)
class _MemoryJournal:
    """Holds texts, not objects: what is read back went through JSON, as it does with a file."""

    study: str
    created: str
    deleted: bool = False
    _texts: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __len__(self) -> int:
        return len(self._texts)

    def append(self, event: Event) -> int:
        text = encode(event)
        with self._lock:
            if self.deleted:
                raise StorageError(f"study '{self.study}' was deleted")
            self._texts.append(text)
            return len(self._texts)

    def read(self, after: int = 0) -> Iterator[tuple[int, Event]]:
        for position in range(after + 1, len(self._texts) + 1):
            yield position, decode(self._texts[position - 1], self.study, position)


class MemoryStore:
    """Studies in this process's memory. Threads may share it; other processes cannot see it."""

    def __init__(self) -> None:
        self._journals: dict[str, _MemoryJournal] = {}
        self._driven: set[str] = set()
        self._lock = threading.Lock()

    def journal(self, study: str, *, create: bool = False, created: str | None = None) -> Journal:
        with self._lock:
            if study not in self._journals:
                if not create:
                    raise unknown_study(study, list(self._journals))
                created = created or datetime.now(UTC).isoformat(timespec="seconds")
                self._journals[study] = _MemoryJournal(check_name(study), created)
            return self._journals[study]

    def studies(self) -> Sequence[StudyInfo]:
        with self._lock:
            return [StudyInfo(name, j.created, len(j)) for name, j in self._journals.items()]

    def delete(self, study: str) -> None:
        with self.lock(study), self._lock:
            if study not in self._journals:
                raise unknown_study(study, list(self._journals))
            self._journals.pop(study).deleted = True

    @contextmanager
    def lock(self, study: str) -> Iterator[None]:
        with self._lock:
            if study in self._driven:
                raise StorageError(f"study '{study}' is already being run in this process")
            self._driven.add(study)
        try:
            yield
        finally:
            with self._lock:
                self._driven.discard(study)

    def close(self) -> None:
        """Nothing to let go of; what was written stays readable."""
