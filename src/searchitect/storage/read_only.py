"""A SQLite file that may be read but not written: on read-only media, in an archive, or another user's.

A file in write-ahead mode has two neighbours, `-wal` and `-shm`, which SQLite makes even to read. Nothing is made here:
where they lie there they are read along, where they do not the file is whole by itself.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from pathlib import Path

from searchitect.errors import StorageError

__all__ = ["connect_read_only", "may_write"]


def may_write(path: Path) -> bool:
    """Whether a store may be kept at `path`: the file and its folder can be written, or the file is not there yet."""
    if not path.exists():
        return True
    effective = os.access in os.supports_effective_ids
    return all(os.access(place, os.W_OK, effective_ids=effective) for place in (path, path.resolve().parent))


def connect_read_only(path: Path, timeout: float) -> sqlite3.Connection:
    """Open the file for reading, with all that its last writer appended, and leave nothing beside it.

    Raises:
        sqlite3.Error: it cannot be read, or is no database.
        StorageError: the log beside it cannot be read.
    """
    path = path.resolve()
    log, index = (path.with_name(path.name + ending) for ending in ("-wal", "-shm"))
    if not log.exists() or log.stat().st_size == 0:
        return _opened(path, "immutable=1", timeout)
    if index.exists():
        try:
            return _opened(path, "mode=ro", timeout)
        except sqlite3.Error:  # an index that may not even be read
            pass
    return _whole_copy(path, log, timeout)


def _opened(path: Path, how: str, timeout: float) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.as_uri()}?{how}", uri=True, timeout=timeout, check_same_thread=False, isolation_level=None
    )
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


def _whole_copy(path: Path, log: Path, timeout: float) -> sqlite3.Connection:
    """The file with its log in memory: the index that reading them in place would need cannot be made there."""
    whole = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / path.name
        try:
            shutil.copyfile(path, copy)
            shutil.copyfile(log, copy.with_name(log.name))
        except OSError as error:
            raise StorageError(
                f"{error.filename} cannot be read: {error.strerror}", hint=f"it holds the last events of {path.name}"
            ) from error
        source = sqlite3.connect(copy, timeout=timeout)
        try:
            source.backup(whole)
        except BaseException:
            whole.close()
            raise
        finally:
            source.close()
    return whole
