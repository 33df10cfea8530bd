"""A prepared statement does what the expression would, errors included."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sql
from sqlalchemy.dialects import postgresql

from searchitect.storage.prepared import Prepared

PAIRS = sql.Table("pair", sql.MetaData(), sql.Column("a", sql.Integer, primary_key=True), sql.Column("b", sql.Text))
INSERT = (
    sql.insert(PAIRS)
    .values(b=sql.bindparam("text", type_=sql.Text), a=sql.bindparam("number", type_=sql.Integer))
    .returning(PAIRS.c.b, PAIRS.c.a)
)


@pytest.fixture
def connection() -> Iterator[sql.Connection]:
    engine = sql.create_engine("sqlite://", isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        PAIRS.metadata.create_all(connection)
        yield connection
    engine.dispose()


def test_parameters_find_their_places_by_name(connection: sql.Connection) -> None:
    insert = Prepared(INSERT, connection.dialect)
    assert insert.all(connection, {"number": 1, "text": "one"}) == [("one", 1)]
    assert insert.all(connection, {"text": "two", "number": 2}) == [("two", 2)]
    assert connection.execute(sql.select(PAIRS)).all() == [(1, "one"), (2, "two")]


def test_an_error_is_the_one_that_sqlalchemy_raises(connection: sql.Connection) -> None:
    insert, row = Prepared(INSERT, connection.dialect), {"number": 1, "text": "one"}
    insert.all(connection, row)
    with pytest.raises(sql.exc.IntegrityError) as prepared:
        insert.all(connection, row)
    with pytest.raises(sql.exc.IntegrityError) as ordinary:
        connection.execute(INSERT, row)
    assert str(prepared.value.orig) == str(ordinary.value.orig)
    assert insert.all(connection, {"number": 2, "text": "two"}) == [("two", 2)]  # the connection is still good


def test_a_dialect_that_names_its_parameters_is_given_them_by_name() -> None:
    given: list[tuple[str, object]] = []

    class Cursor:
        def execute(self, text: str, values: object) -> None:
            given.append((text, values))

        def fetchall(self) -> list[tuple[int]]:
            return [(1,)]

        def close(self) -> None: ...

    class Raw:
        cursor = Cursor

    class Connection:
        connection = Raw()

    dialect = postgresql.dialect()
    dialect.dbapi = type("Driver", (), {"Error": Exception})  # the driver is not installed
    values = {"number": 1, "text": "one"}
    assert Prepared(INSERT, dialect).all(Connection(), values) == [(1,)]  # type: ignore[arg-type]
    ((text, sent),) = given
    assert "%(number)s" in text
    assert sent == values
