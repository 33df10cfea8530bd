"""What a relational database must say of itself so that `SqlStore` can keep studies in it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from typing import Any, Protocol

import sqlalchemy as sql

from searchitect.errors import StorageError

__all__ = ["Database", "Run"]


class Run(Protocol):
    """Run a query on the connection of a store, in turn with its other threads."""

    def __call__(self, query: Callable[[sql.Connection], Any], *, patient: bool = True) -> Any:
        """Run it; unless `patient`, a connection that is lost is not waited for."""
        ...


class Database(Protocol):
    """One kind of database, at one place.

    Attributes:
        label: the place, for messages; never with a password.
        engine: opens connections, in autocommit mode.
        tables: names of the tables that a store has here.
        begin: statements that begin a transaction which holds the write lock.
        append: the statement that writes one event. Parameters: id, body, token. Returns its position, or no row where
            the study is gone.
        patience: seconds to wait for a server that went away; 0 where there is none.
        settles: seconds after which an acknowledged event is on the disk of a server, so that its crash does not lose
            it; 0 where it is at once, or where what could lose it would end the writer as well.
    """

    label: str
    engine: sql.Engine
    tables: Collection[str]
    begin: tuple[str, ...]
    append: sql.Executable
    patience: float
    settles: float

    def found(self, connection: sql.Connection) -> Collection[str]:
        """Names of the tables that are there."""
        ...

    def read_only(self, connection: sql.Connection) -> StorageError | None:
        """Why nothing may be written here, or None."""
        ...

    def lost(self, error: sql.exc.DBAPIError) -> bool:
        """Whether the error means that the connection is gone, and another may come."""
        ...

    def explained(self, error: sql.exc.DBAPIError) -> StorageError:
        """The error in plain words, with what to do."""
        ...

    def damages(self, connection: sql.Connection) -> list[str]:
        """What the database itself finds wrong with its file, one sentence each."""
        ...

    def lock(self, run: Run, study: str) -> AbstractContextManager[None]:
        """Be the only driver of a study; see `Store.lock`."""
        ...

    def settle(self, connection: sql.Connection) -> object:
        """Wait until all that was acknowledged is on the disk."""
        ...

    def returned(self, connection: sql.Connection) -> None:
        """A new connection stands in for one that was lost: take what hung on it, such as locks, again."""
        ...
