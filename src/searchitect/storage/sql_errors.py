"""What a database says, in words that tell the reader what to do."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sql

from searchitect.errors import StorageError

__all__ = ["explained"]

_COPY = "restore it from a copy, or choose another file with --store"

# Primary result code -> (sentence, hint). https://www.sqlite.org/rescode.html
_KNOWN = {
    "SQLITE_NOTADB": ("{path} is not a database", _COPY),
    "SQLITE_CORRUPT": ("{path} is damaged", _COPY),
    "SQLITE_BUSY": (
        "{path} was locked by another process for more than {timeout:g} s",
        "end it, or wait for it",
    ),
    "SQLITE_LOCKED": (
        "{path} was locked by another process for more than {timeout:g} s",
        "end it, or wait for it",
    ),
    "SQLITE_FULL": (
        "the disk that holds {path} is full",
        "free some space and run it again: nothing is lost",
    ),
    "SQLITE_READONLY": ("{path} cannot be written: no permission", "check who owns the file and its folder"),
    "SQLITE_PERM": ("{path} cannot be written: no permission", "check who owns the file and its folder"),
    "SQLITE_CANTOPEN": (
        "{path} cannot be opened or made",
        "check the permissions of the file and its folder",
    ),
    "SQLITE_IOERR": ("reading or writing {path} failed", "is the disk full or unplugged? use a local disk"),
    "SQLITE_TOOBIG": ("an event is too large for {path}", None),
}


def explained(error: sql.exc.DBAPIError, path: Path, timeout: float) -> StorageError:
    """Return the error to raise instead; the original text follows in brackets."""
    name = str(getattr(error.orig, "sqlite_errorname", ""))
    for code, (sentence, hint) in _KNOWN.items():
        if name == code or name.startswith(code + "_"):
            return StorageError(f"{sentence.format(path=path, timeout=timeout)} ({error.orig})", hint=hint)
    return StorageError(f"{path}: {error.orig}")
