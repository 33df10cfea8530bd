"""What `show` said of a large study, kept in the user's cache: its journal is folded once for each state of it.

A study is its events, and nothing else is believed: what is kept here counts only for the very journal that it was
made of (same store, study, time of its making and number of events) and for this version; anything else is made anew.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from searchitect import __version__
from searchitect.storage.cache import cache_folder

if TYPE_CHECKING:
    from searchitect.storage.journal import Store

__all__ = ["Page", "page_of"]

LARGE = 20_000
"""Events that are folded within a second; what is said of fewer is not kept."""

MAX_BYTES = 4_000_000


class Page:
    """The place where the lines about one state of one study are kept."""

    def __init__(self, file: Path, key: Sequence[Any]) -> None:
        self._file, self._key = file, list(key)

    def read(self) -> list[str] | None:
        """The lines, where they are of this state; None where they have to be made."""
        try:
            if self._file.stat().st_size > MAX_BYTES:
                return None
            kept = json.loads(self._file.read_text(encoding="utf-8"))
            lines = kept["lines"] if kept["key"] == self._key else None
        except (OSError, ValueError, LookupError, TypeError, RecursionError):
            return None  # not there, or damaged: a cache owes nobody anything
        return lines if isinstance(lines, list) and all(isinstance(line, str) for line in lines) else None

    def write(self, lines: Sequence[str]) -> None:
        """Keep the lines; where the folder cannot be written nothing is kept."""
        text = json.dumps({"key": self._key, "lines": list(lines)})
        if len(text) > MAX_BYTES:
            return
        with suppress(OSError):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            number, name = tempfile.mkstemp(dir=self._file.parent)
            with os.fdopen(number, "w", encoding="utf-8") as file:
                file.write(text)
            Path(name).replace(self._file)  # whole, or not at all


def page_of(store: Store, study: str) -> Page | None:
    """Where the lines about a large study are kept; None for a small one and where nothing lasts."""
    label = getattr(store, "label", None)
    info = next((info for info in store.studies() if info.name == study), None)
    if label is None or info is None or info.events < LARGE:
        return None
    name = hashlib.sha256(f"{_whole(label)}\n{study}".encode()).hexdigest()
    return Page(cache_folder() / "shown" / f"{name}.json", [__version__, info.created, info.events])


def _whole(label: str) -> str:
    """A path as it is from the root; a URL as it is."""
    return label if "://" in label else str(Path(label).resolve())
