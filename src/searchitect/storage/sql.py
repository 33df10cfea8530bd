"""Studies in a relational database: one file of SQLite, in write-ahead mode, shared by processes.

Each event is one row and one transaction: a torn write does not exist. The position is assigned inside the
INSERT, under the database's write lock. The SQL is portable but for `_configure` and BEGIN IMMEDIATE.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, TypeVar

import sqlalchemy as sql

from searchitect.errors import StorageError
from searchitect.storage.events import check_name, decode, encode, unknown_study
from searchitect.storage.journal import Event, Journal, StudyInfo
from searchitect.storage.locking import hold
from searchitect.storage.prepared import Prepared
from searchitect.storage.read_only import connect_read_only, may_write
from searchitect.storage.sql_errors import explained

__all__ = ["SCHEMA_VERSION", "SqlStore"]

SCHEMA_VERSION = 1
T = TypeVar("T")

PAGE = 1_000
"""Events fetched at once: a reader holds no lock and no transaction while its caller works."""

_METADATA = sql.MetaData()
_SCHEMA = sql.Table("searchitect_schema", _METADATA, sql.Column("version", sql.Integer, nullable=False))
_STUDY = sql.Table(
    "study",
    _METADATA,
    sql.Column("id", sql.Integer, primary_key=True),
    sql.Column("name", sql.Text, nullable=False, unique=True),
    sql.Column("created", sql.Text, nullable=False),
    sqlite_autoincrement=True,  # the number of a deleted study is not given again
)
_EVENT = sql.Table(
    "event",
    _METADATA,
    sql.Column("study", sql.ForeignKey("study.id"), primary_key=True, autoincrement=False),
    sql.Column("position", sql.Integer, primary_key=True, autoincrement=False),
    sql.Column("body", sql.Text, nullable=False),
    sqlite_with_rowid=False,  # stored in the order in which it is read
)

_id, _body = sql.bindparam("id", type_=sql.Integer), sql.bindparam("body", type_=sql.Text)
_next = sql.func.coalesce(sql.func.max(_EVENT.c.position), sql.literal_column("0")) + sql.literal_column("1")
_APPEND = (
    sql.insert(_EVENT)
    .from_select(["study", "position", "body"], sql.select(_id, _next, _body).where(_EVENT.c.study == _id))
    .returning(_EVENT.c.position)
)
_LAST = sql.select(sql.func.max(_EVENT.c.position)).where(_EVENT.c.study == _id)
_READ = (
    sql.select(_EVENT.c.position, _EVENT.c.body)
    .where(
        _EVENT.c.study == _id,
        _EVENT.c.position > sql.bindparam("after", type_=sql.Integer),
        _EVENT.c.position <= sql.bindparam("last", type_=sql.Integer),
    )
    .order_by(_EVENT.c.position)
    .limit(PAGE)
)
_FIND = sql.select(_STUDY.c.id).where(_STUDY.c.name == sql.bindparam("name", type_=sql.Text))
_LIST = (
    sql.select(_STUDY.c.name, _STUDY.c.created, sql.func.count(_EVENT.c.position))
    .select_from(_STUDY.outerjoin(_EVENT))
    .group_by(_STUDY.c.id, _STUDY.c.name, _STUDY.c.created)
    .order_by(_STUDY.c.id)
)


class SqlStore:
    """Studies in a SQLite file. Threads may share it, taking turns; several processes may open the same file.

    A file that may be read but not written (or whose folder may not) is opened for reading; writing is refused then.

    Args:
        path: the file; made where it does not exist. It must lie on a local disk, not on a network.
        durability: "normal" survives SIGKILL, "full" also the loss of power (about six times slower).
        timeout: seconds to wait for another process that is writing.

    Raises:
        StorageError: the file cannot be opened, is something else, is damaged, or is of a newer version.
    """

    def __init__(
        self, path: Path | str, *, durability: Literal["normal", "full"] = "normal", timeout: float = 30.0
    ) -> None:
        self.path = Path(path)
        self.timeout = timeout
        self._turn = threading.RLock()
        if self.path.is_dir():
            raise StorageError(f"{self.path} is a folder", hint=f"{self.path / 'studies.db'}")
        if not self.path.parent.is_dir():
            raise StorageError(f"the folder {self.path.parent} does not exist", hint=f"mkdir -p {self.path.parent}")
        self._may_write = may_write(self.path)
        if self._may_write:
            self._engine = _engine(self.path, durability, timeout)
        else:
            self._engine = sql.create_engine("sqlite://", creator=lambda: connect_read_only(self.path, timeout))
        self._append = Prepared(_APPEND, self._engine.dialect)
        self._connection: sql.Connection | None = None
        try:
            with self._explained():
                self._connection = self._engine.connect()
                if self._may_write:
                    with self._writing() as connection:
                        _prepare(connection, self.path)
                else:
                    _check(self._connection, self.path)
        except BaseException:
            self.close()
            raise

    def journal(self, study: str, *, create: bool = False) -> Journal:
        number = self._find(study)
        if number is None and not create:
            raise unknown_study(study, [info.name for info in self.studies()])
        if number is None:
            number = self._create(check_name(study))
        return _SqlJournal(self, study, number, self._append)

    def studies(self) -> Sequence[StudyInfo]:
        return [StudyInfo(*row) for row in self.run(lambda c: c.execute(_LIST).all())]

    def delete(self, study: str) -> None:
        number = self._find(study)
        if number is None:
            raise unknown_study(study, [info.name for info in self.studies()])
        with self.lock(study), self._explained(), self._writing() as connection:
            connection.execute(sql.delete(_EVENT).where(_EVENT.c.study == number))
            connection.execute(sql.delete(_STUDY).where(_STUDY.c.id == number))

    def lock(self, study: str) -> AbstractContextManager[None]:
        self.check_writable()
        return hold(self.path.with_name(self.path.name + ".locks"), study)

    def check_writable(self) -> None:
        """Refuse what would write to a store that was opened for reading.

        Raises:
            StorageError: the file, or its folder, may not be written.
        """
        if not self._may_write:
            raise StorageError(
                f"{self.path} may be read but not written: show, list and report work on it, nothing else does",
                hint="--store FILE keeps studies elsewhere; or check who owns the file and its folder",
            )

    def close(self) -> None:
        with self._turn:
            if self._connection is not None:
                self._connection.close()
            self._connection = None
            self._engine.dispose()

    def run(self, query: Callable[[sql.Connection], T]) -> T:
        """Run one query on the connection, in turn with other threads, its errors told in plain words."""
        with self._turn:
            try:
                return query(self._open())
            except sql.exc.DBAPIError as error:
                raise explained(error, self.path, self.timeout) from error

    def _open(self) -> sql.Connection:
        if self._connection is None:
            raise StorageError(f"the store {self.path} is closed")
        return self._connection

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sql.exc.DBAPIError as error:
            raise explained(error, self.path, self.timeout) from error

    @contextmanager
    def _writing(self) -> Iterator[sql.Connection]:
        """Several statements as one transaction, with the write lock from the start."""
        self.check_writable()
        with self._turn:
            connection = self._open()
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.exec_driver_sql("ROLLBACK")
                raise
            connection.exec_driver_sql("COMMIT")

    def _find(self, study: str) -> int | None:
        return self.run(lambda c: c.execute(_FIND, {"name": study}).scalar())

    def _create(self, study: str) -> int:
        created = datetime.now(UTC).isoformat(timespec="seconds")
        with self._explained(), self._writing() as connection:
            number = connection.execute(_FIND, {"name": study}).scalar()  # another process may have been first
            if number is None:
                row = connection.execute(sql.insert(_STUDY).values(name=study, created=created))
                number = row.inserted_primary_key[0]  # type: ignore[index]
        return int(number)


class _SqlJournal:
    def __init__(self, store: SqlStore, study: str, number: int, append: Prepared) -> None:
        self._store, self._study, self._number, self._append = store, study, number, append

    def append(self, event: Event) -> int:
        self._store.check_writable()
        values = {"id": self._number, "body": encode(event)}
        try:
            ((position,),) = self._store.run(lambda c: self._append.all(c, values))
        except StorageError as error:
            if isinstance(error.__cause__, sql.exc.IntegrityError):
                raise StorageError(f"study '{self._study}' was deleted") from error
            raise
        return int(position)

    def read(self, after: int = 0) -> Iterator[tuple[int, Event]]:
        last = self._store.run(lambda c: c.execute(_LAST, {"id": self._number}).scalar()) or 0
        while after < last:
            rows = self._page(after, last)
            if not rows:
                raise _missing(self._study, after + 1)
            for position, body in rows:
                if position != after + 1:
                    raise _missing(self._study, after + 1)
                yield position, decode(body, self._study, position)
                after = position

    def _page(self, after: int, last: int) -> Sequence[Any]:
        values = {"id": self._number, "after": after, "last": last}
        return self._store.run(lambda c: c.execute(_READ, values).all())


def _missing(study: str, position: int) -> StorageError:
    return StorageError(f"event {position} of study '{study}' is missing", hint="restore the store from a copy")


def _engine(path: Path, durability: str, timeout: float) -> sql.Engine:
    # Autocommit: a single INSERT takes the write lock when it begins, as BEGIN IMMEDIATE would.
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


def _prepare(connection: sql.Connection, path: Path) -> None:
    """Make the tables of a new file; refuse what is not ours or too new."""
    if sql.inspect(connection).get_table_names():
        _check(connection, path)
        return
    _METADATA.create_all(connection)
    connection.execute(sql.insert(_SCHEMA).values(version=SCHEMA_VERSION))


def _check(connection: sql.Connection, path: Path) -> None:
    """Refuse what is not ours or too new."""
    if _SCHEMA.name not in sql.inspect(connection).get_table_names():
        raise StorageError(f"{path} is a database of something else", hint="choose another file")
    version = connection.execute(sql.select(sql.func.max(_SCHEMA.c.version))).scalar()
    if version is None or version < 1:
        raise StorageError(f"{path} says no version of its schema; it is damaged", hint="restore it from a copy")
    if version > SCHEMA_VERSION:
        raise StorageError(
            f"{path} was made by a newer searchitect (schema {version}, known here: {SCHEMA_VERSION})",
            hint="upgrade: pip install -U searchitect",
        )
