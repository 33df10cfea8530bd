"""The tables of a store in a relational database, their version, and the way from an older version to this one.

A migration only ever adds: a program of the older release that has the store open goes on writing to it. A store of an
older version is read as it is; the first thing that writes to it brings it up to date, or `searchitect store upgrade`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

import sqlalchemy as sql

from searchitect.errors import StorageError

__all__ = ["COUNTER", "EVENT", "METADATA", "MIGRATIONS", "SCHEMA", "SCHEMA_VERSION", "STUDY", "created", "version_of"]

SCHEMA_VERSION = 2

METADATA = sql.MetaData()
SCHEMA = sql.Table("searchitect_schema", METADATA, sql.Column("version", sql.Integer, nullable=False))
STUDY = sql.Table(
    "study",
    METADATA,
    sql.Column("id", sql.Integer, primary_key=True),
    sql.Column("name", sql.Text, nullable=False, unique=True),
    sql.Column("created", sql.Text, nullable=False),
    sqlite_autoincrement=True,  # the number of a deleted study is not given again
)
EVENT = sql.Table(
    "event",
    METADATA,
    sql.Column("study", sql.ForeignKey("study.id"), primary_key=True, autoincrement=False),
    sql.Column("position", sql.Integer, primary_key=True, autoincrement=False),
    sql.Column("body", sql.Text, nullable=False),
    sql.Column("token", sql.Text),  # tells an append whose answer was lost from one that was not made
    sqlite_with_rowid=False,  # stored in the order in which it is read
)
COUNTER = sql.Table(
    "counter",  # the last position of a study, on servers: the row that its writers wait for
    METADATA,
    sql.Column("study", sql.ForeignKey("study.id"), primary_key=True, autoincrement=False),
    sql.Column("last", sql.Integer, nullable=False),
    postgresql_with={"fillfactor": 10},  # a row that changes with every event stays on its page
)
_room = sql.DDL("CREATE SCHEMA IF NOT EXISTS searchitect")  # type: ignore[no-untyped-call]
sql.event.listen(METADATA, "before_create", _room.execute_if(dialect="postgresql"))


def _add_token(connection: sql.Connection) -> None:
    connection.exec_driver_sql("ALTER TABLE event ADD COLUMN token TEXT")


MIGRATIONS: Mapping[int, Callable[[sql.Connection], None]] = {1: _add_token}
"""What leads from a version to the next; each runs in one transaction with the change of the number."""


def created(connection: sql.Connection, tables: Collection[str]) -> None:
    """Make the tables with these names in an empty place."""
    METADATA.create_all(connection, tables=[METADATA.tables[name] for name in tables], checkfirst=False)
    connection.execute(sql.insert(SCHEMA).values(version=SCHEMA_VERSION))


def version_of(connection: sql.Connection, found: Collection[str], label: str) -> int | None:
    """The version of the schema there; None where there is no table yet.

    Args:
        found: names of the tables there.
        label: the place, for messages.

    Raises:
        StorageError: the tables are not ours, damaged, or of a newer version.
    """
    if not found:
        return None
    if SCHEMA.name not in found:
        raise StorageError(f"{label} is a database of something else", hint="choose another file")
    version: int | None = connection.execute(sql.select(sql.func.max(SCHEMA.c.version))).scalar()
    if not isinstance(version, int) or version < 1:
        raise StorageError(f"{label} says no version of its schema; it is damaged", hint="restore it from a copy")
    if version > SCHEMA_VERSION:
        raise StorageError(
            f"{label} was made by a newer searchitect (schema {version}, known here: {SCHEMA_VERSION})",
            hint="upgrade: pip install -U searchitect",
        )
    return version
