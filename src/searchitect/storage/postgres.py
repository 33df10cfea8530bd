"""A database of PostgreSQL, by URL, through psycopg. Everything lies in the schema `searchitect` of that database.

Writers of one study wait for its row in the table `counter`: the row gives the position, and an event that is not
committed gives it back, so positions have no gaps and become visible in order. A driver holds an advisory lock of its
session, which the server releases when the connection ends, however it ends.
"""

from __future__ import annotations

import hashlib
import os
import socket
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any, Literal

import sqlalchemy as sql

from searchitect.errors import MissingExtraError, StorageError
from searchitect.storage.database import Run
from searchitect.storage.postgres_errors import explained, is_lost
from searchitect.storage.schema import COUNTER, EVENT
from searchitect.storage.urls import masked

__all__ = ["PATIENCE", "PostgresDatabase"]

PATIENCE = 4.0
"""A server that went away is waited for so many times the time that another writer is."""

SETTLES = 40.0
"""Seconds until the server has written what was committed without waiting for its disk: three times
`wal_writer_delay`, which is 0.2 s and at most 10 s, and some more."""

PLACE = "searchitect"
_HOST = socket.gethostname()[:20]  # a session's name has 63 characters

_id = sql.bindparam("id", type_=sql.Integer)
_moved = (
    sql.update(COUNTER)
    .where(COUNTER.c.study == _id)
    .values(last=COUNTER.c.last + sql.literal_column("1"))
    .returning(COUNTER.c.last)
).cte("moved")
_APPEND = (
    sql.insert(EVENT)
    .from_select(
        ["study", "position", "body", "token"],
        sql.select(_id, _moved.c.last, sql.bindparam("body", type_=sql.Text), sql.bindparam("token", type_=sql.Text)),
    )
    .returning(EVENT.c.position)
)
_HOLDER = sql.text(
    "SELECT a.application_name FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid"
    " WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1"
    " AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    " AND l.classid::bigint = :high AND l.objid::bigint = :low"
)
# A transaction that writes and waits for the disk: all that was committed before it is there, too.
_SETTLE = sql.text(
    "SELECT set_config('synchronous_commit', 'on', true), pg_logical_emit_message(true, 'searchitect', '')"
)
_MAY_WRITE = sql.text(
    "SELECT CASE WHEN pg_is_in_recovery() THEN 'it is a standby server'"
    " WHEN to_regclass('searchitect.event') IS NULL THEN NULL"
    " WHEN NOT has_table_privilege('searchitect.event', 'INSERT') THEN 'this user may only read it' END"
)


class PostgresDatabase:
    """A database of PostgreSQL 12 or newer.

    Args:
        url: postgresql://USER:PASSWORD@HOST:PORT/DATABASE; what is left out, libpq takes from PGHOST, PGPASSWORD,
            ~/.pgpass and the like.
        durability: "full" waits for the disk of the server at every event, even where the server is set up not to.
            "normal" does not, and writes again what the server lost where it alone crashed.
        timeout: seconds to wait for another writer.

    Raises:
        MissingExtraError: psycopg is not installed.
        StorageError: the URL cannot be read.
    """

    tables: Collection[str] = ("searchitect_schema", "study", "event", "counter")
    append: sql.Executable = _APPEND

    def __init__(self, url: str, durability: Literal["normal", "full"], timeout: float) -> None:
        try:
            import psycopg  # noqa: F401 - asks whether it is there
        except ImportError as error:
            raise MissingExtraError("a store in PostgreSQL", "postgres") from error
        self.label, self.timeout, self.patience = masked(url), timeout, PATIENCE * timeout
        self._url = _parsed(url)
        self.settles = 0.0 if durability == "full" else SETTLES
        self.begin: tuple[str, ...] = (
            "BEGIN",
            f"SET LOCAL synchronous_commit TO {'on' if durability == 'full' else 'DEFAULT'}",
            f"SELECT pg_advisory_xact_lock({_number('', 'schema')})",
        )
        self._held: set[str] = set()
        self._name = f"{PLACE} {os.getpid()} {_HOST} {id(self):x}"
        self.engine = sql.create_engine(
            self._url,
            isolation_level="AUTOCOMMIT",
            poolclass=sql.pool.NullPool,
            connect_args={
                "connect_timeout": max(2, min(10, int(timeout))),
                "application_name": self._name,
                "client_encoding": "utf8",
                "keepalives_idle": 30,
            },
        )
        sql.event.listen(self.engine, "connect", lambda raw, _: _configure(raw, durability, timeout))

    def found(self, connection: sql.Connection) -> Collection[str]:
        rows = connection.exec_driver_sql(f"SELECT tablename FROM pg_tables WHERE schemaname = '{PLACE}'")
        return [str(row[0]) for row in rows]

    def read_only(self, connection: sql.Connection) -> StorageError | None:
        why = connection.execute(_MAY_WRITE).scalar()
        if why is None:
            return None
        return StorageError(
            f"{self.label} may be read but not written ({why}): show, list and report work on it, nothing else does",
            hint="--store URL keeps studies elsewhere; or ask for the right to write to the schema searchitect",
        )

    def lost(self, error: sql.exc.DBAPIError) -> bool:
        return is_lost(error)

    def explained(self, error: sql.exc.DBAPIError) -> StorageError:
        return explained(error, self.label, self._url, self.timeout)

    def damages(self, connection: sql.Connection) -> list[str]:
        """Counters that disagree with their events; the pages themselves are the server's to check."""
        last = sql.select(sql.func.coalesce(sql.func.max(EVENT.c.position), 0)).where(EVENT.c.study == COUNTER.c.study)
        rows = connection.execute(sql.select(COUNTER.c.study, COUNTER.c.last, last.scalar_subquery()))
        return [f"the counter of study number {s} says {n}, its last event is {m}" for s, n, m in rows if n != m]

    @contextmanager
    def lock(self, run: Run, study: str) -> Iterator[None]:
        run(lambda connection: self._take(connection, study))
        try:
            yield
        finally:
            try:
                run(lambda connection: self._release(connection, study), patient=False)
            except StorageError:  # the store was closed, or the server is gone: so is the lock
                self._held.discard(study)

    def settle(self, connection: sql.Connection) -> None:
        connection.execute(_SETTLE).close()

    def returned(self, connection: sql.Connection) -> None:
        for study in self._held:
            self._demand(connection, study, returning=True)

    def _take(self, connection: sql.Connection, study: str) -> None:
        if study in self._held:
            raise StorageError(f"study '{study}' is already being run in this process")
        self._demand(connection, study)
        self._held.add(study)

    def _demand(self, connection: sql.Connection, study: str, *, returning: bool = False) -> None:
        """Take the lock of a study for this session. A holder that died, or our own lost session, is waited for."""
        number, end = _number("study", study), time.monotonic() + self.timeout
        while not connection.execute(sql.text("SELECT pg_try_advisory_lock(:n)"), {"n": number}).scalar():
            holder = _holder(connection, number)
            gone = holder == "" or _is_dead(holder) or (returning and holder == self._name)
            if not gone or time.monotonic() > end:
                raise StorageError(
                    f"study '{study}' is being run by another process{_introduced(holder)}",
                    hint="wait until it ends, or give this run another name",
                )
            time.sleep(0.01)

    def _release(self, connection: sql.Connection, study: str) -> None:
        self._held.discard(study)
        connection.execute(sql.text("SELECT pg_advisory_unlock(:n)"), {"n": _number("study", study)})


def _number(kind: str, name: str) -> int:
    """The number of an advisory lock: PostgreSQL knows them by 64 bits."""
    digest = hashlib.blake2b(f"searchitect:{kind}:{name}".encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def _holder(connection: sql.Connection, number: int) -> str:
    """The session that holds a lock, by the name it gave itself; empty where nobody holds it any more."""
    split = {"high": number >> 32 & 0xFFFFFFFF, "low": number & 0xFFFFFFFF}
    return str(connection.execute(_HOLDER, split).scalar() or "")


def _introduced(holder: str) -> str:
    words = holder.split(" ")
    return f" (pid {words[1]} on {words[2]})" if words[0] == PLACE and len(words) == 4 else ""


def _is_dead(holder: str) -> bool:
    """Whether it was a process of this machine that is gone; the server has not noticed yet."""
    words = holder.split(" ")
    if words[0] != PLACE or len(words) != 4 or words[2] != _HOST or not words[1].isdigit():
        return False
    try:
        os.kill(int(words[1]), 0)
    except ProcessLookupError:
        return True
    except OSError:  # it belongs to somebody else
        pass
    return False


def _parsed(url: str) -> sql.URL:
    _, _, rest = url.partition(":")
    try:
        parsed = sql.make_url(f"postgresql+psycopg:{rest}")
    except (sql.exc.ArgumentError, ValueError):  # their text may repeat the password
        raise StorageError(f"{masked(url)} cannot be read as a URL", hint=_FORM) from None
    if not rest.startswith("//"):
        raise StorageError(f"{masked(url)} lacks its slashes", hint=_FORM)
    return parsed


_FORM = "postgresql://USER:PASSWORD@HOST:5432/DATABASE; write %40 for @, %2F for / and %25 for % in a password"


def _configure(raw: Any, durability: str, timeout: float) -> None:
    """Set up a new session."""
    settings = {
        "search_path": PLACE,
        "synchronous_commit": "on" if durability == "full" else "off",
        "lock_timeout": f"{int(timeout * 1000)}",
        "idle_in_transaction_session_timeout": "0",
        "tcp_keepalives_idle": "30",  # the lock of a machine that vanished is free after a minute or two
        "tcp_keepalives_interval": "10",
        "tcp_keepalives_count": "6",
    }
    with raw.cursor() as cursor:
        for name, value in settings.items():
            cursor.execute(f"SET {name} = '{value}'")
