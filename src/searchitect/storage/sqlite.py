"""One file of SQLite, in write-ahead mode, shared by processes. The write lock is the file's."""

from __future__ import annotations

import time
from collections.abc import Collection
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sql

from searchitect.errors import StorageError
from searchitect.storage.database import Run
from searchitect.storage.locking import hold
from searchitect.storage.read_only import connect_read_only, may_write
from searchitect.storage.schema import EVENT
from searchitect.storage.sql_errors import explained

__all__ = ["SqliteDatabase"]

_id, _body = sql.bindparam("id", type_=sql.Integer), sql.bindparam("body", type_=sql.Text)
_next = sql.func.coalesce(sql.func.max(EVENT.c.position), sql.literal_column("0")) + sql.literal_column("1")
# A single INSERT takes the write lock when it begins: nobody comes between the question and the answer.
_APPEND = (
    sql.insert(EVENT)
    .from_select(["study", "position", "body"], sql.select(_id, _next, _body).where(EVENT.c.study == _id))
    .returning(EVENT.c.position)
)


class SqliteDatabase:
    """A SQLite file. One that may be read but not written (or whose folder may not) is opened for reading.

    Args:
        path: the file; made where it does not exist. It must lie on a local disk, not on a network.
        durability: "normal" survives SIGKILL, "full" also the loss of power (about six times slower).
        timeout: seconds to wait for another process that is writing.

    Raises:
        StorageError: there is no such folder, or a folder lies there.
    """

    tables: Collection[str] = ("searchitect_schema", "study", "event")
    begin: tuple[str, ...] = ("BEGIN IMMEDIATE",)
    append: sql.Executable = _APPEND
    patience = settles = 0.0

    def __init__(self, path: Path, durability: Literal["normal", "full"], timeout: float) -> None:
        self.path, self.label, self.timeout = path, str(path), timeout
        if path.is_dir():
            raise StorageError(f"{path} is a folder", hint=f"{path / 'studies.db'}")
        if not path.parent.is_dir():
            raise StorageError(f"the folder {path.parent} does not exist", hint=f"mkdir -p {path.parent}")
        self._may_write = may_write(path)
        if self._may_write:
            self.engine = _engine(path, durability, timeout)
        else:
            self.engine = sql.create_engine("sqlite://", creator=lambda: connect_read_only(path, timeout))

    def found(self, connection: sql.Connection) -> Collection[str]:
        return sql.inspect(connection).get_table_names()

    def read_only(self, connection: sql.Connection) -> StorageError | None:
        if self._may_write:
            return None
        return StorageError(
            f"{self.path} may be read but not written: show, list and report work on it, nothing else does",
            hint="--store FILE keeps studies elsewhere; or check who owns the file and its folder",
        )

    def lost(self, error: sql.exc.DBAPIError) -> bool:
        return False

    def explained(self, error: sql.exc.DBAPIError) -> StorageError:
        return explained(error, self.path, self.timeout)

    def damages(self, connection: sql.Connection) -> list[str]:
        rows = [str(row[0]) for row in connection.exec_driver_sql("PRAGMA integrity_check(20)")]
        return [] if rows == ["ok"] else rows

    def lock(self, run: Run, study: str) -> AbstractContextManager[None]:
        return hold(self.path.with_name(self.path.name + ".locks"), study)

    def settle(self, connection: sql.Connection) -> None:
        """The system keeps what a process has written."""

    def returned(self, connection: sql.Connection) -> None:
        """Nothing hangs on a connection to a file."""


def _engine(path: Path, durability: str, timeout: float) -> sql.Engine:
    engine = sql.create_engine(
        sql.URL.create("sqlite", database=str(path)),
        isolation_level="AUTOCOMMIT",
        connect_args={"timeout": timeout, "check_same_thread": False},
    )
    sql.event.listen(engine, "connect", lambda raw, _: _configure(raw, durability, timeout))
    return engine


def _configure(raw: Any, durability: str, timeout: float) -> None:
    """Set up a new connection. Turning write-ahead logging on does not wait for other processes by itself."""
    end = time.monotonic() + timeout
    while True:
        try:
            raw.execute("PRAGMA journal_mode=WAL")
            break
        except raw.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > end:
                raise
            time.sleep(0.01)
    raw.execute(f"PRAGMA synchronous={'FULL' if durability == 'full' else 'NORMAL'}")
    raw.execute("PRAGMA foreign_keys=ON")
