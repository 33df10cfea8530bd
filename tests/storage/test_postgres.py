"""The contract of storage on a real PostgreSQL server, and what only a server can do: go away and come back."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from sqlalchemy import Connection

import searchitect as sa
from searchitect.cli import main
from searchitect.errors import MissingExtraError, StorageError
from searchitect.storage import SqlStore, open_store
from searchitect.storage.journal import Event
from searchitect.storage.postgres import PostgresDatabase
from searchitect.testing.storage import DurableStoreContract
from tests.storage.postgres_server import PASSWORD, QUOTED, PostgresServer


class TestPostgresStore(DurableStoreContract):
    @pytest.fixture
    def url(self, postgres: PostgresServer) -> str:
        return postgres.url()


@pytest.fixture
def store(postgres: PostgresServer) -> Iterator[SqlStore]:
    store = SqlStore(PostgresDatabase(postgres.url(), "normal", 5.0))
    yield store
    store.close()


def drop_connections(postgres: PostgresServer) -> None:
    postgres.sql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname IS NOT NULL"
    )


def test_another_writer_is_not_waited_for_without_end(postgres: PostgresServer) -> None:
    store = SqlStore(PostgresDatabase(postgres.url(), "normal", 0.2))
    journal = store.journal("a", create=True)
    import psycopg

    with psycopg.connect(
        host="127.0.0.1", port=postgres.port, user="searchitect", password=PASSWORD, dbname="postgres"
    ) as other:
        other.execute("UPDATE searchitect.counter SET last = last")
        with pytest.raises(StorageError, match=r"locked by another process for more than 0\.2 s"):
            journal.append({"kind": "x"})
        other.rollback()
    assert journal.append({"kind": "x"}) == 1
    store.close()


def test_a_connection_that_was_closed_is_opened_again(postgres: PostgresServer, store: SqlStore) -> None:
    journal = store.journal("a", create=True)
    for n in range(5):
        assert journal.append({"kind": "x", "n": n}) == n + 1
        drop_connections(postgres)
    assert [event["n"] for _, event in journal.read()] == [0, 1, 2, 3, 4]
    drop_connections(postgres)
    assert store.studies()[0].events == 5


def test_an_event_that_arrived_although_its_answer_was_lost_is_not_written_twice(
    postgres: PostgresServer, store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = store.journal("a", create=True)
    journal.append({"kind": "x"})
    whole = type(journal._append).all  # type: ignore[attr-defined]
    lost = iter([True])

    def answer_lost(self: object, connection: object, values: object) -> object:
        answer = whole(self, connection, values)
        if next(lost, False):
            drop_connections(postgres)
            return whole(self, connection, {**values, "body": "never written"})  # type: ignore[dict-item]
        return answer

    monkeypatch.setattr(type(journal._append), "all", answer_lost)  # type: ignore[attr-defined]
    assert journal.append({"kind": "y"}) == 2
    assert journal.append({"kind": "y"}) == 3
    assert [event["kind"] for _, event in journal.read()] == ["x", "y", "y"]


def test_a_restart_of_the_server_loses_nothing_and_keeps_the_lock(postgres: PostgresServer, store: SqlStore) -> None:
    journal, written = store.journal("a", create=True), []
    done = threading.Event()

    def write() -> None:
        while not done.is_set():
            written.append(journal.append({"kind": "x", "n": len(written)}))

    with store.lock("a"):
        writer = threading.Thread(target=write)
        writer.start()
        for mode in ("fast", "immediate"):
            time.sleep(0.1)
            postgres.stop(mode)
            postgres.start()
        time.sleep(0.1)
        done.set()
        writer.join()
        other = open_store(postgres.url())
        with pytest.raises(StorageError, match="is being run by another process"), other.lock("a"):
            pass
        assert written == list(range(1, len(written) + 1))
        assert [event["n"] for _, event in other.journal("a").read()] == list(range(len(written)))
        other.close()
    assert len(written) > 10


def test_a_restart_in_the_middle_of_a_search_is_one_line_of_its_result(postgres: PostgresServer) -> None:
    def restart(event: Event) -> None:
        if event["kind"] == "start" and event["number"] == 3:
            postgres.stop("immediate")
            postgres.start()

    result = sa.search(
        space=Net, evaluate=lambda net, context: {"score": float(net.width)}, objectives=["score"], trials=6,
        strategy="random", confirm_seeds=0, random_search=False, store=postgres.url(), on_event=restart,
    )  # fmt: skip
    assert result.counts["complete"] >= 6
    assert "the connection to the store was lost once and opened again, by the end of trial 4" in result.warnings


@pytest.fixture
def lazy(postgres: PostgresServer) -> Iterator[PostgresServer]:
    """A server that leaves what it need not write at once in memory for ten seconds."""
    postgres.sql("ALTER SYSTEM SET wal_writer_delay = '10s'")
    postgres.sql("SELECT pg_reload_conf()")
    yield postgres
    postgres.sql("ALTER SYSTEM RESET wal_writer_delay")
    postgres.sql("SELECT pg_reload_conf()")


@pytest.mark.parametrize("durability", ["normal", "full"])
def test_what_a_crashed_server_has_lost_is_written_again_by_who_wrote_it(
    lazy: PostgresServer, durability: Literal["normal", "full"]
) -> None:
    store = SqlStore(PostgresDatabase(lazy.url(), durability, 5.0))
    first, second = store.journal("a", create=True), store.journal("b", create=True)
    time.sleep(0.1)  # the writer of the server goes to sleep
    for n in range(200):
        assert first.append({"kind": "x", "n": n}) == second.append({"kind": "y", "n": n}) == n + 1
    lazy.stop("immediate")
    lazy.start()
    kept = lazy.sql("SELECT count(*) FROM searchitect.event")[0][0]
    assert isinstance(kept, int)
    assert (kept == 400) == (durability == "full")
    for journal in (first, second):
        assert [event["n"] for _, event in journal.read()] == list(range(200))
        assert journal.append({"kind": "z"}) == 201
    store.close()


def test_a_closed_store_has_nothing_left_to_lose(lazy: PostgresServer) -> None:
    store = SqlStore(PostgresDatabase(lazy.url(), "normal", 5.0))
    journal = store.journal("a", create=True)
    for n in range(50):
        journal.append({"kind": "x", "n": n})
    store.close()
    lazy.stop("immediate")
    lazy.start()
    assert lazy.sql("SELECT count(*) FROM searchitect.event") == [(50,)]


def test_ctrl_c_in_the_middle_of_a_question_leaves_a_store_that_works(store: SqlStore) -> None:
    journal = store.journal("a", create=True)
    journal.append({"kind": "x"})

    def interrupted(connection: Connection) -> None:
        raw = connection.connection.driver_connection
        assert raw is not None
        raw.pgconn.send_query(b"SELECT pg_sleep(0)")  # its answer is never read
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.run(interrupted)
    assert journal.append({"kind": "y"}) == 2
    assert [event["kind"] for _, event in journal.read()] == ["x", "y"]


def test_a_driver_whose_study_was_taken_while_the_server_was_away_stops(postgres: PostgresServer) -> None:
    first, second = (SqlStore(PostgresDatabase(postgres.url(), "normal", 5.0)) for _ in range(2))
    journal = first.journal("a", create=True)
    with first.lock("a"):
        drop_connections(postgres)
        with second.lock("a"), pytest.raises(StorageError, match="'a' is being run by another process"):
            journal.append({"kind": "x"})
        assert journal.append({"kind": "x"}) == 1
    first.close()
    second.close()


def test_a_server_that_stays_away_is_an_error(postgres: PostgresServer) -> None:
    store = SqlStore(PostgresDatabase(postgres.url(), "normal", 0.1))
    journal = store.journal("a", create=True)
    postgres.stop()
    try:
        with pytest.raises(StorageError, match="cannot be reached") as caught:
            journal.append({"kind": "x"})
        assert "nothing is lost" in (caught.value.hint or "")
        with pytest.raises(StorageError, match="cannot be reached"):
            open_store(postgres.url(), timeout=0.1)
    finally:
        postgres.start()
    assert journal.append({"kind": "x"}) == 1
    store.close()


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"password": "wrong%40geheim"}, "refused the user or the password"),
        ({"database": "nothing"}, "there is no such database"),
        ({"user": "nobody"}, "refused the user or the password|no such user"),
    ],
)
def test_what_cannot_be_opened_says_what_to_type(postgres: PostgresServer, change: dict[str, str], match: str) -> None:
    with pytest.raises(StorageError, match=match) as caught:
        open_store(postgres.url(**change))
    assert caught.value.hint
    for secret in (PASSWORD, QUOTED, "geheim"):
        assert secret not in str(caught.value)


def test_without_create_an_empty_database_stays_empty(postgres: PostgresServer) -> None:
    with pytest.raises(StorageError, match=r"no store at postgresql://searchitect:\*\*\*@127"):
        open_store(postgres.url(), create=False)
    assert postgres.sql("SELECT 1 FROM pg_namespace WHERE nspname = 'searchitect'") == []


def test_a_schema_of_something_else_is_refused(postgres: PostgresServer) -> None:
    postgres.sql("CREATE SCHEMA searchitect CREATE TABLE cat (name text)")
    with pytest.raises(StorageError, match="database of something else"):
        open_store(postgres.url())


def test_a_newer_version_is_refused(postgres: PostgresServer, store: SqlStore) -> None:
    postgres.sql("UPDATE searchitect.searchitect_schema SET version = 99")
    with pytest.raises(StorageError, match="newer searchitect"):
        open_store(postgres.url())


def test_a_user_who_may_only_read_reads(postgres: PostgresServer, store: SqlStore) -> None:
    store.journal("a", create=True).append({"kind": "x"})
    postgres.sql(
        "DROP ROLE IF EXISTS reader; CREATE ROLE reader LOGIN PASSWORD 'r'; "
        "GRANT USAGE ON SCHEMA searchitect TO reader; GRANT SELECT ON ALL TABLES IN SCHEMA searchitect TO reader"
    )
    reading = open_store(postgres.url(user="reader", password="r"))
    assert [event["kind"] for _, event in reading.journal("a").read()] == ["x"]
    with pytest.raises(StorageError, match="may be read but not written .this user may only read it"):
        reading.journal("a").append({"kind": "y"})
    with pytest.raises(StorageError, match="may be read but not written"), reading.lock("a"):
        pass
    reading.close()


def test_processes_that_open_an_empty_database_at_once_make_one_store(postgres: PostgresServer) -> None:
    errors: list[Exception] = []

    def begin() -> None:
        try:
            store = open_store(postgres.url())
            store.journal("a", create=True).append({"kind": "x"})
            store.close()
        except StorageError as error:
            errors.append(error)

    threads = [threading.Thread(target=begin) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert postgres.sql("SELECT count(*), max(position) FROM searchitect.event") == [(6, 6)]


def test_several_appends_are_one_transaction(store: SqlStore) -> None:
    journal = store.journal("a", create=True)

    def half_written() -> None:
        with store.together():
            for value in (1.0, float("nan")):
                journal.append({"kind": "x", "value": value})

    with pytest.raises(StorageError, match="cannot be written as JSON"):
        half_written()
    assert list(journal.read()) == []
    with store.together():
        assert [journal.append({"kind": "x"}) for _ in range(3)] == [1, 2, 3]
    assert len(list(journal.read())) == 3


def test_full_durability_waits_for_the_disk(postgres: PostgresServer) -> None:
    store = SqlStore(PostgresDatabase(postgres.url(), "full", 5.0))
    assert store.run(lambda c: c.exec_driver_sql("SHOW synchronous_commit").scalar()) == "on"
    store.close()


def test_a_missing_driver_says_what_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(MissingExtraError, match="a store in PostgreSQL needs the extra 'postgres'") as caught:
        open_store("postgresql://me:geheim@host/studies")
    assert caught.value.hint == 'pip install "searchitect[postgres]"'
    assert "geheim" not in str(caught.value)


@pytest.mark.parametrize("url", ["postgresql:studies", "postgresql://me:geheim@host:port/studies"])
def test_a_url_that_cannot_be_read_is_refused(url: str) -> None:
    pytest.importorskip("psycopg", reason='the extra "postgres" is not installed')
    with pytest.raises(StorageError) as caught:
        open_store(url)
    assert "postgresql://USER" in (caught.value.hint or "")
    assert "geheim" not in str(caught.value)


@sa.space
class Net:
    width: int = sa.choice(8, 16, 32)
    depth: int = sa.choice(1, 2, 3)


def score(model: object, context: object) -> dict[str, float]:
    return {"score": float(model.width)}  # type: ignore[attr-defined]


def test_a_search_its_resumption_and_its_pages_work_on_a_server_and_tell_no_password(
    postgres: PostgresServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def search() -> sa.Result:
        return sa.search(
            space=Net, evaluate=score, objectives=["score"], trials=4, workers=0, random_search=False,
            confirm_seeds=0, store=postgres.url(), name="net", folder=tmp_path / "net",
        )  # fmt: skip

    first, second = search(), search()
    assert first.counts["complete"] == 4
    assert second.trials == first.trials
    assert main(["show", "net", "--store", postgres.url(), "--json"]) == 0
    assert main(["list", "studies", "--store", postgres.url()]) == 0
    assert main(["store", "check", "--store", postgres.url()]) == 0
    shown = capsys.readouterr().out
    assert '"study": "net"' in shown
    store = open_store(postgres.url())
    kept = [str(event) for _, event in store.journal("net").read()]
    store.close()
    for secret in (PASSWORD, QUOTED):
        assert secret not in shown + "".join(kept)
