"""From a URL to a store."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Literal

from searchitect.errors import StorageError
from searchitect.storage.journal import Store
from searchitect.storage.memory import MemoryStore
from searchitect.storage.urls import is_postgres

__all__ = ["open_store"]

_SUPPORTED = "memory:, sqlite:///FILE, the path of a file, or postgresql://USER@HOST/DATABASE"


def open_store(
    url: str | os.PathLike[str] | None,
    *,
    create: bool = True,
    durability: Literal["normal", "full"] = "normal",
    timeout: float = 30.0,
) -> Store:
    """Open the store at `url`, making it where it does not exist yet.

    Args:
        url: None or "memory:"; "sqlite:///FILE" (a fourth slash for an absolute path); a plain file path; or
            "postgresql://USER:PASSWORD@HOST:PORT/DATABASE".
        create: whether a missing file, or the tables of a database, are made; otherwise it is an error.
        durability: "normal" survives SIGKILL of this process, and a crash of a server as long as this process lives;
            "full" also the loss of power, and waits for the disk at every event.
        timeout: seconds to wait for another process that is writing.

    Raises:
        StorageError: the URL is of another kind, or the place cannot be opened; the message says which.
        MissingExtraError: for PostgreSQL, the extra "postgres" is not installed.
    """
    if durability not in ("normal", "full"):
        raise StorageError(f"durability is 'normal' or 'full', got {durability!r}")
    if url is None or url == "memory:":
        return MemoryStore()
    if is_postgres(os.fspath(url)):
        from searchitect.storage.postgres import PostgresDatabase
        from searchitect.storage.sql import SqlStore

        return SqlStore(PostgresDatabase(os.fspath(url), durability, timeout), create=create)
    path = _path(os.fspath(url))
    if not create and not path.exists():
        raise StorageError(f"there is no store at {path}", hint="check --store; a run makes it")
    from searchitect.storage.sql import SqlStore

    return SqlStore(path, durability=durability, timeout=timeout)


def _path(url: str) -> Path:
    scheme = re.match(r"([A-Za-z][\w.+-]+):(//)?", url)  # one letter would be a Windows drive
    if scheme is None:
        text = url
    elif scheme[1].lower() == "sqlite" and url[scheme.end() :].startswith("/"):
        text = url[scheme.end() + 1 :]
    elif scheme[1].lower() == "sqlite":
        raise StorageError(f"{url!r} lacks a slash", hint="sqlite:///FILE, or sqlite:////FOLDER/FILE")
    else:  # the rest of the URL may hold a password and is not repeated
        raise StorageError(f"stores of the kind '{scheme[1]}:' are not supported", hint=f"use {_SUPPORTED}")
    if not text or text == ":memory:":
        raise StorageError(f"{url!r} names no file", hint=f"use {_SUPPORTED}")
    return Path(text).expanduser()
