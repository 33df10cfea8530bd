"""A *store* holds studies; a study is the journal of its events, append-only, numbered from 1.

`open_store` makes one from a URL: `memory:` forgets with the process, `sqlite:///FILE` (or just a path) is
one file that several processes may write. The seam for another kind is `Store` and `Journal`; its contract
tests are `searchitect.testing.storage.StoreContract`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from searchitect.storage.journal import Event, Journal, Store, StudyInfo
from searchitect.storage.memory import MemoryStore
from searchitect.storage.opening import open_store

if TYPE_CHECKING:
    from searchitect.storage.sql import SqlStore

__all__ = ["Event", "Journal", "MemoryStore", "SqlStore", "Store", "StudyInfo", "open_store"]


def __getattr__(name: str) -> object:
    if name == "SqlStore":  # brings SQLAlchemy, 0.1 s
        from searchitect.storage.sql import SqlStore

        return SqlStore
    raise AttributeError(f"module 'searchitect.storage' has no attribute {name!r}")
