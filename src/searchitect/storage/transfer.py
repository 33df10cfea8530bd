"""Studies as one text file, and back: between kinds of stores, machines and releases. See docs/stores.md for the form.

::

    {"format":"searchitect-store","version":1}
    {"study":"digits","created":"2026-01-31T12:00:00+00:00","events":2}
    {"kind":"manifest", …}
    {"kind":"start", …}
    {"end":true,"studies":1,"events":2,"digest":"…"}

The last line proves that the file is whole: BLAKE2b-128 of every byte before it.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from searchitect.errors import StorageError
from searchitect.storage.events import MAX_EVENT_BYTES, check_name, decode, encode, unknown_study
from searchitect.storage.journal import Event, Store, StudyInfo

__all__ = ["Transferred", "export_store", "import_store"]

FORMAT, VERSION = "searchitect-store", 1
MAX_STUDIES = 100_000
CHUNK = 1_000
"""Events that are imported in one transaction."""


@dataclass(frozen=True, slots=True)
class Transferred:
    """What went from one place to another; `events` counts those that were written."""

    studies: tuple[str, ...]
    events: int


def export_store(store: Store, path: Path, *, studies: Sequence[str] = ()) -> Transferred:
    """Write studies to a file; a study that is being run is written as far as it is.

    Args:
        path: of the file; it may not exist yet.
        studies: names; all by default.

    Raises:
        StorageError: there is no such study, an event cannot be read, or the file is there or cannot be written.
    """
    infos = {info.name: info for info in store.studies()}
    for name in studies:
        if name not in infos:
            raise unknown_study(name, list(infos))
    chosen = [infos[name] for name in dict.fromkeys(studies or infos)]
    if path.exists():
        raise StorageError(f"{path} is there already", hint="name a new file")
    part = path.with_name(path.name + ".part")
    try:
        with part.open("wb") as file:
            _write(file, store, chosen)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror}") from error
    finally:
        part.unlink(missing_ok=True)
    return Transferred(tuple(info.name for info in chosen), sum(info.events for info in chosen))


def import_store(path: Path, store: Store) -> Transferred:
    """Read studies from a file that `export_store` wrote. The whole file is examined before anything is written.

    A study that is there already must have begun with the same events: an import that was cut off goes on, and one that
    was finished does nothing.

    Raises:
        StorageError: the file is of something else, damaged, cut off or too large, or a study there differs.
    """
    try:
        there = {info.name: info.events for info in store.studies()}
        for _ in _lines(path, store, there):
            pass
        return _imported(path, store)
    except OSError as error:
        raise StorageError(f"{path} cannot be read: {error.strerror}", hint="check the name of the file") from error


def _write(file: BinaryIO, store: Store, chosen: Sequence[StudyInfo]) -> None:
    digest = hashlib.blake2b(digest_size=16)

    def line(text: str) -> None:
        data = text.encode("ascii") + b"\n"
        digest.update(data)
        file.write(data)

    line(_json({"format": FORMAT, "version": VERSION}))
    for info in chosen:
        line(_json({"study": info.name, "created": info.created, "events": info.events}))
        for _, event in islice(store.journal(info.name).read(), info.events):
            line(encode(event))
    total = sum(info.events for info in chosen)
    file.write(_json({"end": True, "studies": len(chosen), "events": total, "digest": digest.hexdigest()}).encode())
    file.write(b"\n")


def _json(document: dict[str, Any]) -> str:
    return json.dumps(document, separators=(",", ":"))


class _Reader:
    """Lines of a file, each bounded, with the digest of all before the last."""

    def __init__(self, file: BinaryIO, path: Path) -> None:
        self.file, self.path, self.number = file, path, 0
        self.digest, self.before = hashlib.blake2b(digest_size=16), ""

    def next(self) -> str:
        data = self.file.readline(MAX_EVENT_BYTES + 2)
        self.number += 1
        if not data:
            raise self.wrong("the file ends too early", "it was cut off; copy it again")
        if not data.endswith(b"\n"):
            raise self.wrong("the line is longer than an event may be, or the file is cut off")
        self.before = self.digest.hexdigest()
        self.digest.update(data)
        try:
            return data[:-1].decode("ascii")
        except UnicodeDecodeError:
            raise self.wrong("it is not ASCII") from None

    def header(self) -> dict[str, Any]:
        try:
            document = json.loads(self.next())
        except (ValueError, RecursionError):
            document = None
        if not isinstance(document, dict):
            raise self.wrong("it is not a JSON object")
        return document

    def wrong(
        self, what: str, hint: str = "was it made by `searchitect store export`, and copied whole?"
    ) -> StorageError:
        return StorageError(f"{self.path}, line {self.number}: {what}", hint=hint)


def _lines(path: Path, store: Store, there: dict[str, int]) -> Iterator[tuple[StudyInfo, Event, bool]]:
    """Each event of the file with its study, and whether the store has it already.

    Raises:
        StorageError: at the first thing that is not as it should be; also where the store has another event.
    """
    with path.open("rb") as file:
        reader, seen, total = _Reader(file, path), set[str](), 0
        start = reader.header()
        if start.get("format") != FORMAT:
            raise reader.wrong("this is no export of a store")
        if start.get("version") != VERSION:
            raise reader.wrong(f"version {start.get('version')!r} of the form; known here: {VERSION}", "upgrade")
        while "study" in (header := reader.header()):
            info = _info(header, reader, seen)
            yield from _events(info, reader, store, min(info.events, there.get(info.name, 0)))
            total += info.events
        _check_end(header, reader, len(seen), total)
        if file.read(1):
            raise reader.wrong("there is something behind the last line")


def _info(header: dict[str, Any], reader: _Reader, seen: set[str]) -> StudyInfo:
    name, created, events = header["study"], header.get("created"), header.get("events")
    if not isinstance(created, str) or len(created) > 40 or not isinstance(events, int) or not 0 <= events < 2**31:
        raise reader.wrong("a study needs 'created' and a number of 'events'")
    try:
        check_name(name)
    except StorageError as error:
        raise reader.wrong(error.message) from error
    if name in seen or len(seen) >= MAX_STUDIES:
        raise reader.wrong(
            f"study '{name}' stands here twice" if name in seen else f"more than {MAX_STUDIES:,} studies"
        )
    seen.add(name)
    return StudyInfo(name, created, events)


def _events(info: StudyInfo, reader: _Reader, store: Store, known: int) -> Iterator[tuple[StudyInfo, Event, bool]]:
    mine = store.journal(info.name).read() if known else iter(())
    for position in range(1, info.events + 1):
        event = decode(reader.next(), info.name, position)
        if position <= known and encode(next(mine)[1]) != encode(event):
            raise StorageError(
                f"study '{info.name}' is in the store already, and its event {position} differs from that of the file",
                hint="import into another store, or delete the study there",
            )
        yield info, event, position <= known


def _check_end(header: dict[str, Any], reader: _Reader, studies: int, events: int) -> None:
    if header.get("end") is not True or (header.get("studies"), header.get("events")) != (studies, events):
        raise reader.wrong("the last line does not fit what stands before it")
    if header.get("digest") != reader.before:
        raise reader.wrong("the digest does not fit: something was changed on the way")


def _imported(path: Path, store: Store) -> Transferred:
    names: dict[str, None] = {}
    written = 0
    with path.open("rb") as file:
        reader = _Reader(file, path)
        reader.header()
        while "study" in (header := reader.header()):
            info = _info(header, reader, set())
            names[info.name] = None
            with store.lock(info.name):
                written += _import_study(info, reader, store)
    return Transferred(tuple(names), written)


def _import_study(info: StudyInfo, reader: _Reader, store: Store) -> int:
    journal = store.journal(info.name, create=True, created=info.created)
    known = next((there.events for there in store.studies() if there.name == info.name), 0)
    events = _events(info, reader, store, min(known, info.events))
    missing = (event for _, event, is_there in events if not is_there)
    written = 0
    while chunk := list(islice(missing, CHUNK)):
        with _together(store):
            for event in chunk:
                journal.append(event)
        written += len(chunk)
    return written


def _together(store: Store) -> AbstractContextManager[None]:
    """One transaction for many events, where the store has such a thing."""
    begin = getattr(store, "together", None)
    together: AbstractContextManager[None] = nullcontext() if begin is None else begin()
    return together
