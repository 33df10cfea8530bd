"""URLs of stores: which kind one names, and how it may be shown. A password never leaves this file as text."""

from __future__ import annotations

import re

__all__ = ["is_postgres", "masked", "named_store"]

_SECRET = re.compile(r"((?:^|[?&])(?:password|sslpassword|passfile)=)[^&#]*", re.IGNORECASE)


def is_postgres(url: str) -> bool:
    """Whether the URL names a database of PostgreSQL."""
    return re.match(r"postgres(ql)?(\+psycopg)?:", url, re.IGNORECASE) is not None


def masked(url: str) -> str:
    """The URL as it may be shown: `***` in the place of a password. A path stays as it is.

    A password may hold any character when it was typed without quoting, so all between the user and the last `@` goes.
    """
    found = re.search(r"[A-Za-z][\w.+-]+://", url)
    if found is None:
        return url
    start = found.end()
    user, colon, rest = url[start:].partition(":")
    if colon and "@" in rest and "@" not in user and "/" not in user:
        url = f"{url[:start]}{user}:***@{rest.rpartition('@')[2]}"
    return _SECRET.sub(r"\1***", url)


def named_store(text: str) -> tuple[str, str]:
    """Split STUDY@STORE into the two; the store is empty where none is named. A URL may hold an @ of its own."""
    found = re.search(r"@[A-Za-z][\w.+-]+:", text)
    if found is not None:
        return text[: found.start()], text[found.start() + 1 :]
    name, at, store = text.rpartition("@")
    return (name, store) if at else (text, "")
