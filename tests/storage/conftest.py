"""One PostgreSQL server for all tests of a session that ask for it; each test finds it empty."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.storage.postgres_server import PostgresServer, programs


@pytest.fixture(scope="session")
def running_postgres() -> Iterator[PostgresServer]:
    pytest.importorskip("psycopg", reason='the extra "postgres" is not installed')
    found = programs()
    if found is None:
        pytest.skip("initdb, pg_ctl and postgres are not installed (Debian: apt install postgresql)")
    server = PostgresServer(found)
    server.start()
    yield server
    server.end()


@pytest.fixture
def postgres(running_postgres: PostgresServer) -> PostgresServer:
    running_postgres.sql("DROP SCHEMA IF EXISTS searchitect CASCADE")
    return running_postgres
