"""One event as text, and back: the form every storage writes, so that all of them give back the same."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from searchitect.errors import StorageError, did_you_mean
from searchitect.storage.journal import Event

__all__ = ["MAX_EVENT_BYTES", "check_name", "decode", "decode_page", "encode", "unknown_study"]

MAX_EVENT_BYTES = 16_000_000
"""A longer event is refused: weights and predictions belong into files beside the journal."""

MAX_NAME = 200

# Compact and ASCII only, so that the length of the text is its size in bytes and lone surrogates survive.
_write = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


def encode(event: Event) -> str:
    """Write an event as one line of ASCII JSON. Tuples become lists.

    Raises:
        StorageError: no "kind", not JSON, a number that is not finite, or longer than `MAX_EVENT_BYTES`.
    """
    kind = event.get("kind")
    if not isinstance(kind, str):
        raise StorageError(f"an event needs a text under 'kind', got {kind!r}")
    try:
        text = _write(event if type(event) is dict else dict(event))
    except (TypeError, ValueError, RecursionError) as error:
        raise StorageError(f"the event '{kind}' cannot be written as JSON: {error}") from error
    if len(text) > MAX_EVENT_BYTES:
        raise StorageError(
            f"the event '{kind}' has {len(text):,} bytes, the limit is {MAX_EVENT_BYTES:,}",
            hint="keep large things in the run folder",
        )
    return text


def decode(text: str, study: str, position: int) -> Event:
    """Read what `encode` wrote.

    Raises:
        StorageError: the text was damaged; names the study and the position.
    """
    try:
        event = _read(text)
    except (TypeError, ValueError, RecursionError) as error:
        raise StorageError(f"event {position} of study '{study}' is damaged: {error}", hint=_DAMAGED) from error
    if not isinstance(event, dict) or not isinstance(event.get("kind"), str):
        raise StorageError(f"event {position} of study '{study}' is damaged: it has no kind", hint=_DAMAGED)
    return event


def decode_page(texts: Sequence[str]) -> Sequence[Event] | None:
    """Read many events at once; None where that does not give one event for each text: read them one by one then.

    In one document they share the texts of their keys: a study in memory takes two thirds, and is read faster.
    """
    try:
        events = _read("[" + ",".join(texts) + "]")
    except (TypeError, ValueError, RecursionError):
        return None
    apart = len(events) == len(texts) and all(text[:1] == "{" and text[-1:] == "}" for text in texts)
    if apart and all(isinstance(event, dict) and isinstance(event.get("kind"), str) for event in events):
        return list(events)
    return None


_DAMAGED = "restore the store from a copy; nothing was changed"


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not a JSON number")


_read = json.JSONDecoder(parse_constant=_refuse).decode


def check_name(study: object) -> str:
    """Return the name of a study as it is, or refuse it.

    Raises:
        StorageError: empty, longer than 200 characters, or with characters that cannot be printed.
    """
    if not isinstance(study, str) or not study.strip():
        raise StorageError(f"a study needs a name, got {study!r}")
    if len(study) > MAX_NAME or not study.isprintable():
        shown = re.sub(r"\s+", " ", ascii(study))[:60]
        raise StorageError(f"a study's name has up to {MAX_NAME} printable characters, got {shown}")
    return study


def unknown_study(study: str, known: list[str]) -> StorageError:
    """The error for a name that the store does not hold."""
    hint = did_you_mean(str(study), [str(name) for name in known]) if known else "this store is empty"
    return StorageError(f"there is no study '{study}'", hint=hint)
