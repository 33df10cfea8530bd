"""Which words of a server mean that it will be there again."""

from __future__ import annotations

import pytest
import sqlalchemy as sql

from searchitect.storage.postgres_errors import explained, is_lost

URL = sql.make_url("postgresql://me:secret@127.0.0.1/studies")


def refused(text: str) -> sql.exc.OperationalError:
    """An error without a code, as libpq raises it where no connection came about."""
    return sql.exc.OperationalError("SELECT 1", {}, Exception(text))


@pytest.mark.parametrize(
    "why",
    [
        "FATAL:  the database system is starting up",
        "FATAL:  the database system is shutting down",
        "FATAL:  the database system is not yet accepting connections\nDETAIL:  Consistent recovery state has not been"
        " yet reached.",
        "FATAL:  the database system is not accepting connections\nDETAIL:  Hot standby mode is disabled.",
        "FATAL:  the database system is in recovery mode",
        "Connection refused\n\tIs the server running on that host and accepting TCP/IP connections?",
        "server closed the connection unexpectedly",
        "could not send data to server: Broken pipe",
        "SSL SYSCALL error: EOF detected",
        "connection timeout expired",
    ],
)
def test_a_server_that_is_away_for_a_moment_is_waited_for(why: str) -> None:
    error = refused(f'connection failed: connection to server at "127.0.0.1", port 5432 failed: {why}')
    assert is_lost(error)
    assert "is the server running?" in (explained(error, "the store", URL, 5.0).hint or "")


@pytest.mark.parametrize(
    "why", ['password authentication failed for user "me"', 'database "studies" does not exist', "out of memory"]
)
def test_a_server_that_says_no_is_not_waited_for(why: str) -> None:
    assert not is_lost(refused(f"FATAL:  {why}"))
