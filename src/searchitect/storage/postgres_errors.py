"""What a PostgreSQL server says, in words that tell the reader what to do."""

from __future__ import annotations

import re

import sqlalchemy as sql

from searchitect.errors import StorageError

__all__ = ["explained", "is_lost"]

_AWAY = (
    *("refused", "closed", "starting up", "shutting down", "accepting connections", "in recovery mode", "terminating"),
    *("timeout", "timed out", "reset by peer", "Broken pipe", "EOF detected", "unreachable", "lost", "No such file"),
)
"""What is said of a server that may be there again in a moment."""

# SQLSTATE, or a part of the text where libpq gives none -> (sentence, hint).
# https://www.postgresql.org/docs/current/errcodes-appendix.html
_KNOWN = (
    (("28P01", "28000", "authentication failed", "no password supplied"),
     "{label} refused the user or the password", "PGPASSWORD or ~/.pgpass may hold the password"),
    (("role .* does not exist",), "{label}: there is no such user", "name the user: postgresql://USER@HOST/DATABASE"),
    (("3D000", "database .* does not exist"), "{label}: there is no such database", "make it: createdb {database}"),
    (("42501", "permission denied"), "{label} does not allow this user to write here",
     "the owner may type: GRANT CREATE ON DATABASE {database} TO {user}"),
    (("53100",), "the disk of the server of {label} is full", "free some space and run it again: nothing is lost"),
    (("53300", "too many clients"), "{label} has too many connections", "wait, or raise max_connections there"),
    (("55P03",), "{label} was locked by another process for more than {timeout:g} s", "end it, or wait for it"),
    (("25006",), "{label} may be read but not written", "connect to the server that takes writes"),
    (("22P05", "22021"), "the encoding of {label} cannot hold this name", "make it with: createdb -E UTF8 {database}"),
    (("could not translate", "Name or service not known", "failed to resolve"), "{label}: its host is not known",
     "check the name of the host"),
    ((*_AWAY, "57P01", "57P02", "57P03"),
     "{label} cannot be reached", "is the server running? once it is, the same command goes on: nothing is lost"),
)  # fmt: skip
_LOST = re.compile("^(57P0[123]|08...)$")


def is_lost(error: sql.exc.DBAPIError) -> bool:
    """Whether the connection is gone, or could not be made for now, and another may come."""
    if error.connection_invalidated:
        return True
    state = str(getattr(error.orig, "sqlstate", None) or "")
    if state:
        return _LOST.match(state) is not None
    return isinstance(error, sql.exc.OperationalError) and any(sign in str(error.orig) for sign in _AWAY)


def explained(error: sql.exc.DBAPIError, label: str, url: sql.URL, timeout: float) -> StorageError:
    """Return the error to raise instead; the server's own first line follows in brackets."""
    said = _first_line(error, url)
    state = str(getattr(error.orig, "sqlstate", None) or "")
    values = {"label": label, "timeout": timeout, "database": url.database or "NAME", "user": url.username or "NAME"}
    for signs, sentence, hint in _KNOWN:
        if state in signs or any(re.search(sign, said) for sign in signs):
            return StorageError(f"{sentence.format(**values)} ({said})", hint=hint.format(**values))
    return StorageError(f"{label}: {said}")


def _first_line(error: sql.exc.DBAPIError, url: sql.URL) -> str:
    line = (str(error.orig).strip().splitlines() or ["no reason given"])[0]
    return line.replace(str(url.password), "***") if url.password else line
