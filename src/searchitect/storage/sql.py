"""Studies in a relational database: one file of SQLite, or a PostgreSQL server, through the same statements.

Each event is one row and one transaction: a torn write does not exist. The position is assigned inside the INSERT, by
whoever holds the lock that orders writers. What differs between databases is their `Database`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, TypeVar

import sqlalchemy as sql

from searchitect.errors import StorageError
from searchitect.storage.database import Database
from searchitect.storage.events import check_name, decode, decode_page, encode, unknown_study
from searchitect.storage.journal import Event, Journal, StudyInfo
from searchitect.storage.prepared import Prepared
from searchitect.storage.recent import Recent
from searchitect.storage.schema import COUNTER, EVENT, MIGRATIONS, SCHEMA, SCHEMA_VERSION, STUDY, created, version_of
from searchitect.storage.sqlite import SqliteDatabase

__all__ = ["SCHEMA_VERSION", "SqlStore"]

T = TypeVar("T")

PAGE = 1_000
"""Events fetched at once: a reader holds no lock and no transaction while its caller works."""

_id, _after = sql.bindparam("id", type_=sql.Integer), sql.bindparam("after", type_=sql.Integer)
_LAST = sql.select(sql.func.max(EVENT.c.position)).where(EVENT.c.study == _id)
_READ = (
    sql.select(EVENT.c.position, EVENT.c.body)
    .where(
        EVENT.c.study == _id,
        EVENT.c.position > _after,
        EVENT.c.position <= sql.bindparam("last", type_=sql.Integer),
    )
    .order_by(EVENT.c.position)
    .limit(PAGE)
)
_FIND = sql.select(STUDY.c.id).where(STUDY.c.name == sql.bindparam("name", type_=sql.Text))
_length = sql.select(sql.func.max(EVENT.c.position)).where(EVENT.c.study == STUDY.c.id).scalar_subquery()
_LIST = sql.select(STUDY.c.name, STUDY.c.created, sql.func.coalesce(_length, 0)).order_by(STUDY.c.id)


class SqlStore:
    """Studies in a relational database. Threads may share it, taking turns; several processes may open the same place.

    What may be read but not written is opened for reading; writing is refused then. A connection that a server closed
    is opened again, for as long as `Database.patience`: nothing is lost by it and nothing is written twice.

    Args:
        place: a file of SQLite, made where it does not exist, or a `Database`.
        create: whether an empty place becomes a store; otherwise it is an error.
        durability: of a file: "normal" survives SIGKILL, "full" also the loss of power (about six times slower).
        timeout: of a file: seconds to wait for another process that is writing.

    Attributes:
        label: the place, for messages; never with a password.
        version: of the schema there; an older one is brought up to date by the first thing that writes.
        reconnected: how often a lost connection was opened again.

    Raises:
        StorageError: it cannot be opened, is something else, is damaged, or is of a newer version.
    """

    def __init__(
        self,
        place: Database | Path | str,
        *,
        create: bool = True,
        durability: Literal["normal", "full"] = "normal",
        timeout: float = 30.0,
    ) -> None:
        self.database: Database = (
            SqliteDatabase(Path(place), durability, timeout) if isinstance(place, (str, Path)) else place
        )
        self.label = self.database.label
        self._turn = threading.RLock()
        self.reconnected = 0
        self._together = False
        self._append = Prepared(self.database.append, self.database.engine.dialect)
        self._recent = Recent(self._append, self.database.settles)
        self._connection: sql.Connection | None = None
        try:
            with _explained(self.database):
                self._connection = self.database.engine.connect()
                self._read_only = self.database.read_only(self._connection)
                self.version = self._version(create)
        except BaseException:
            self.close()
            raise

    def journal(self, study: str, *, create: bool = False, created: str | None = None) -> Journal:
        number = self._find(study)
        if number is None and not create:
            raise unknown_study(study, [info.name for info in self.studies()])
        if number is None:
            created = created or datetime.now(UTC).isoformat(timespec="seconds")
            with self._writing() as connection:
                number = _found_or_made(connection, self.database, check_name(study), created)
        return _SqlJournal(self, study, number, self._append, self._recent)

    def studies(self) -> Sequence[StudyInfo]:
        return [StudyInfo(*row) for row in self.run(lambda c: c.execute(_LIST).all())]

    def delete(self, study: str) -> None:
        number = self._find(study)
        if number is None:
            raise unknown_study(study, [info.name for info in self.studies()])
        with self.lock(study), self._writing() as connection:
            if COUNTER.name in self.database.tables:  # first, so that nobody who waits for it appends any more
                connection.execute(sql.delete(COUNTER).where(COUNTER.c.study == number))
            connection.execute(sql.delete(EVENT).where(EVENT.c.study == number))
            connection.execute(sql.delete(STUDY).where(STUDY.c.id == number))

    def lock(self, study: str) -> AbstractContextManager[None]:
        self.check_writable()
        return self.database.lock(self.run, study)

    def check_writable(self) -> None:
        """Refuse what would write to a store that was opened for reading; bring one of an older version up to date.

        Raises:
            StorageError: the place may not be written.
        """
        if self._read_only is not None:
            raise self._read_only
        if self.version < SCHEMA_VERSION:
            self.upgrade()

    def upgrade(self) -> int:
        """Bring the store to the version of this release, and return the version it had before.

        Raises:
            StorageError: the place may not be written.
        """
        before = self.version
        if self._read_only is not None:
            raise self._read_only
        self.version = SCHEMA_VERSION  # from here on `_writing` may write
        try:
            with self._writing() as connection:
                _migrate(connection, self.database)
        except BaseException:
            self.version = before
            raise
        return before

    @contextmanager
    def together(self) -> Iterator[None]:
        """What is appended within is one transaction: much faster, and all of it or nothing."""
        with self._writing():
            if self._together:
                raise AssertionError("transactions do not nest")
            self._together = True
            try:
                yield
            finally:
                self._together = False

    def close(self) -> None:
        if self._recent and self._connection is not None:
            with suppress(StorageError):  # the server is away: nobody is left who would wait for it
                self.run(self.database.settle, patient=False)
        with self._turn:
            if self._connection is not None:
                _closed(self._connection)
            self._connection = None
            self.database.engine.dispose()

    def run(
        self,
        query: Callable[[sql.Connection], T],
        *,
        again: Callable[[sql.Connection], T] | None = None,
        patient: bool = True,
    ) -> T:
        """Run one query on the connection, in turn with other threads, its errors told in plain words.

        Args:
            again: what to run instead after a connection was lost, where the query may have taken effect before.
            patient: whether a lost connection is opened again.
        """
        with self._turn:
            while True:
                if self._open().invalidated:
                    self._open_again(patient)
                try:
                    return query(self._open())
                except sql.exc.DBAPIError as error:
                    lost = self.database.lost(error)
                    if lost:
                        self._open().invalidate()
                    if not lost or not patient or self._together:
                        raise self.database.explained(error) from error
                except (KeyboardInterrupt, SystemExit):
                    if self.database.patience:  # the answer of a server may still be on its way
                        self._open().invalidate()
                    raise
                query = again or query

    def _open(self) -> sql.Connection:
        if self._connection is None:
            raise StorageError(f"the store {self.label} is closed")
        return self._connection

    def _open_again(self, patient: bool) -> None:
        """Connect anew, waiting for a server that is being started again."""
        end, pause = time.monotonic() + self.database.patience, 0.02
        while True:
            connection = None
            try:
                connection = self.database.engine.connect()
                self.database.returned(connection)
                self._recent.write_again(connection)
                self._connection = connection
                self.reconnected += 1
                return
            except sql.exc.DBAPIError as error:
                if not patient or time.monotonic() + pause > end or not self.database.lost(error):
                    raise self.database.explained(error) from error
            finally:
                if connection is not None and connection is not self._connection:
                    connection.close()
            time.sleep(pause)
            pause = min(1.0, 2 * pause)

    @contextmanager
    def _writing(self) -> Iterator[sql.Connection]:
        """Several statements as one transaction, with the write lock from the start."""
        self.check_writable()
        with self._turn, _explained(self.database):
            first, *rest = self.database.begin
            self.run(lambda c: c.exec_driver_sql(first))
            connection = self._open()
            try:
                for statement in rest:
                    connection.exec_driver_sql(statement)
                yield connection
                connection.exec_driver_sql("COMMIT")
            except BaseException:
                if not connection.invalidated and not connection.closed:
                    _roll_back(connection)
                raise

    def _version(self, create: bool) -> int:
        """The version there; an empty place is made a store of this one, unless another process was faster."""
        connection = self._open()
        version = version_of(connection, self.database.found(connection), self.label)
        if version is not None:
            return version
        if not create or self._read_only is not None:
            what = (
                f"there is no store at {self.label}" if not create else f"{self.label} is a database of something else"
            )
            raise StorageError(what, hint="check --store; a run makes it")
        self.version = SCHEMA_VERSION
        with self._writing():
            version = version_of(connection, self.database.found(connection), self.label)
            if version is None:
                created(connection, self.database.tables)
        return version or SCHEMA_VERSION

    def _find(self, study: str) -> int | None:
        if not isinstance(study, str) or not study.isprintable():
            return None  # not every database takes such a name even to compare
        return self.run(lambda c: c.execute(_FIND, {"name": study}).scalar())


@contextmanager
def _explained(database: Database) -> Iterator[None]:
    """Errors of the database in plain words."""
    try:
        yield
    except sql.exc.DBAPIError as error:
        raise database.explained(error) from error
    except UnicodeDecodeError as error:  # SQLite repeats a damaged schema in its message
        raise StorageError(f"{database.label} is damaged: {error}", hint="restore it from a copy") from error


class _SqlJournal:
    def __init__(self, store: SqlStore, study: str, number: int, append: Prepared, recent: Recent) -> None:
        self._store, self._study, self._number, self._append, self._recent = store, study, number, append, recent

    def append(self, event: Event) -> int:
        self._store.check_writable()
        values = self._recent.values(self._number, encode(event))
        try:
            rows = self._store.run(
                lambda c: self._append.all(c, values), again=lambda c: self._unless_written(c, values)
            )
        except StorageError as error:
            if isinstance(error.__cause__, sql.exc.IntegrityError):
                raise self._deleted() from error
            raise
        if not rows:
            raise self._deleted()
        position = int(rows[0][0])
        if not self._store._together:  # what is not committed may still be taken back, and its position given again
            with self._store._turn:
                self._recent.note(values, position)
        return position

    def read(self, after: int = 0) -> Iterator[tuple[int, Event]]:
        last = self._store.run(lambda c: c.execute(_LAST, {"id": self._number}).scalar()) or 0
        while after < last:
            rows = self._page(after, last)
            if not rows:
                raise _missing(self._study, after + 1)
            events = decode_page([body for _, body in rows])
            for index, (position, body) in enumerate(rows):
                if position != after + 1:
                    raise _missing(self._study, after + 1)
                yield position, decode(body, self._study, position) if events is None else events[index]
                after = position

    def _page(self, after: int, last: int) -> Sequence[Any]:
        values = {"id": self._number, "after": after, "last": last}
        return self._store.run(lambda c: c.execute(_READ, values).all())

    def _unless_written(self, connection: sql.Connection, values: Mapping[str, Any]) -> Sequence[Any]:
        """The connection was lost between the question and the answer: append only what did not arrive."""
        position = self._recent.written(connection, self._number).get(values["token"])
        return self._append.all(connection, values) if position is None else [(position,)]

    def _deleted(self) -> StorageError:
        return StorageError(f"study '{self._study}' was deleted")


def _missing(study: str, position: int) -> StorageError:
    return StorageError(f"event {position} of study '{study}' is missing", hint="restore the store from a copy")


def _found_or_made(connection: sql.Connection, database: Database, study: str, created: str) -> int:
    number: int | None = connection.execute(_FIND, {"name": study}).scalar()  # another process may have been first
    if number is None:
        row = connection.execute(sql.insert(STUDY).values(name=study, created=created))
        number = row.inserted_primary_key[0]  # type: ignore[index]
        if COUNTER.name in database.tables:
            connection.execute(sql.insert(COUNTER).values(study=number, last=0))
    return int(number)


def _migrate(connection: sql.Connection, database: Database) -> None:
    """Bring an older store up to date; another process may have done it a moment ago."""
    version = version_of(connection, database.found(connection), database.label)
    for step in range(version or SCHEMA_VERSION, SCHEMA_VERSION):
        MIGRATIONS[step](connection)
        connection.execute(sql.update(SCHEMA).values(version=step + 1))


def _closed(connection: sql.Connection) -> None:
    """Close it, also where it was interrupted in the middle of a question."""
    try:
        connection.close()
    except sql.exc.DBAPIError:
        connection.invalidate()


def _roll_back(connection: sql.Connection) -> None:
    """Undo the transaction; the error that led here is the one to tell, also where the connection is gone."""
    try:
        connection.exec_driver_sql("ROLLBACK")
    except sql.exc.DBAPIError:
        connection.invalidate()
