"""Where studies are kept, and the result of one as it stands. Nothing is run."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain, islice
from pathlib import Path
from typing import Any

from searchitect.errors import StorageError
from searchitect.result import Result, read_result
from searchitect.storage import open_store
from searchitect.storage.journal import Store

__all__ = ["DEFAULT_STORE", "open_result", "opened", "recorded_of"]

DEFAULT_STORE = "runs/studies.db"
"""Where studies are kept unless a store is named; beside it, one folder per study."""


def opened(store: str | Path | Store | None) -> Store:
    """The store at a URL or path, which must exist.

    Raises:
        StorageError: nothing is kept there.
    """
    if store is not None and not isinstance(store, (str, Path)):
        return store
    if store is None and not Path(DEFAULT_STORE).is_file():
        raise StorageError(
            f"there is no store of studies at {DEFAULT_STORE} in this folder",
            hint="change to the folder of the run, or name the store with --store",
        )
    return open_store(str(store or DEFAULT_STORE), create=False)


def open_result(study: str, store: str | Path | Store | None = None, *, space: type | None = None) -> Result:
    """The result of a study as it stands, finished or not; nothing is run."""
    events = (event for _, event in opened(store).journal(study).read())
    first = list(islice(events, 1))  # the rest is folded as it is read: a study of a million events is never held
    folder = recorded_of(first).get("folder")
    return read_result(chain(first, events), folder=None if folder is None else Path(folder), space=space)


def recorded_of(events: Any) -> Mapping[str, Any]:
    """What a study recorded when it began; raises StorageError where it has no events."""
    if not events:
        raise StorageError("this study has no events yet")
    recorded: Mapping[str, Any] = events[0]["recorded"]
    return recorded
