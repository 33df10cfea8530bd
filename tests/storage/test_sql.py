from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection

from searchitect.errors import StorageError
from searchitect.storage import SqlStore, sql
from searchitect.storage.schema import created
from searchitect.testing.storage import DurableStoreContract, store_machine

NOBODY = 65534


def fresh_store() -> SqlStore:
    folder = Path(tempfile.mkdtemp())

    class Temporary(SqlStore):
        def close(self) -> None:
            super().close()
            shutil.rmtree(folder, ignore_errors=True)

    return Temporary(folder / "s.db")


TestMachine = store_machine(fresh_store).TestCase


class TestSqlStore(DurableStoreContract):
    @pytest.fixture
    def url(self, tmp_path: Path) -> str:
        return f"sqlite:///{tmp_path}/studies.db"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "studies.db"


@contextmanager
def raw(path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        yield connection
    finally:
        connection.close()


@contextmanager
def opened(path: Path, timeout: float = 30.0) -> Iterator[SqlStore]:
    store = SqlStore(path, timeout=timeout)
    try:
        yield store
    finally:
        store.close()


def written(path: Path, count: int = 3) -> None:
    with opened(path) as store:
        journal = store.journal("a", create=True)
        for n in range(count):
            journal.append({"kind": "x", "n": n})


def refused(path: Path, match: str) -> StorageError:
    with pytest.raises(StorageError, match=match) as caught:
        SqlStore(path)
    assert caught.value.hint
    return caught.value


@contextmanager
def without_rights() -> Iterator[None]:
    """Root may write anywhere: be nobody for a moment."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def public_folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


def test_durability_sets_how_the_disk_is_flushed(tmp_path: Path) -> None:
    for durability, level in (("normal", 1), ("full", 2)):
        store = SqlStore(tmp_path / f"{durability}.db", durability=durability)  # type: ignore[arg-type]
        assert store.run(lambda c: c.exec_driver_sql("PRAGMA synchronous").scalar()) == level
        assert store.run(lambda c: c.exec_driver_sql("PRAGMA journal_mode").scalar()) == "wal"
        store.close()


def test_a_journal_longer_than_a_page_is_read_whole(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sql, "_READ", sql._READ.limit(4))
    written(path, count=9)
    with opened(path) as store:
        assert [event["n"] for _, event in store.journal("a").read(after=2)] == list(range(2, 9))


def test_a_file_of_something_else_is_refused_and_left_alone(path: Path) -> None:
    path.write_text("These are my notes, not a database.\n" * 100)
    refused(path, "is not a database")
    assert path.read_text().startswith("These are my notes")


def test_a_database_of_something_else_is_refused_and_left_alone(path: Path) -> None:
    with raw(path) as connection:
        connection.execute("CREATE TABLE cat (name TEXT)")
    refused(path, "database of something else")
    with raw(path) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("cat",)]


def test_a_newer_version_asks_for_an_upgrade(path: Path) -> None:
    written(path)
    with raw(path) as connection:
        connection.execute("UPDATE searchitect_schema SET version = 99")
    assert "upgrade" in str(refused(path, "made by a newer searchitect"))


def test_a_store_without_a_version_is_refused(path: Path) -> None:
    written(path)
    with raw(path) as connection:
        connection.execute("DELETE FROM searchitect_schema")
    refused(path, "no version")


def test_a_damaged_file_is_refused(path: Path) -> None:
    written(path, count=300)
    data = bytearray(path.read_bytes())
    data[4096:] = b"\xa5" * len(data[4096:])
    path.write_bytes(data)
    with pytest.raises(StorageError, match="damaged"), opened(path) as store:
        list(store.journal("a").read())


@pytest.mark.parametrize("body", ['{"kind": "x"', "", "[1]", '{"n": 1}', '{"kind": "x", "a": NaN}', "nonsense"])
def test_a_damaged_event_is_refused_naming_its_position(path: Path, body: str) -> None:
    written(path)
    with raw(path) as connection:
        connection.execute("UPDATE event SET body = ? WHERE position = 2", (body,))
    with opened(path) as store:
        reader = store.journal("a").read()
        assert next(reader)[0] == 1
        with pytest.raises(StorageError, match="event 2 of study 'a' is damaged"):
            next(reader)


@pytest.mark.parametrize("position", [1, 2])
def test_a_missing_event_is_refused(path: Path, position: int) -> None:
    written(path)
    with raw(path) as connection:
        connection.execute("DELETE FROM event WHERE position = ?", (position,))
    with opened(path) as store, pytest.raises(StorageError, match=f"event {position} of study 'a' is missing"):
        list(store.journal("a").read())


def test_a_reader_whose_study_is_deleted_says_so(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sql, "_READ", sql._READ.limit(1))
    written(path)
    with opened(path) as store:
        reader = store.journal("a").read()
        next(reader)
        store.delete("a")
        with pytest.raises(StorageError, match="missing"):
            next(reader)


def test_a_lock_held_too_long_by_another_process_is_an_error_and_nothing_is_lost(path: Path) -> None:
    written(path)
    with opened(path, timeout=0.1) as store, raw(path) as other:
        journal = store.journal("a")
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageError, match=r"locked by another process for more than 0\.1 s"):
            journal.append({"kind": "x"})
        assert len(list(journal.read())) == 3  # readers do not wait for writers
        other.execute("ROLLBACK")
        assert journal.append({"kind": "x"}) == 4


def test_a_file_locked_whole_cannot_be_opened(path: Path) -> None:
    with raw(path) as other:
        other.execute("CREATE TABLE a (b)")
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StorageError, match="locked by another process"):
            SqlStore(path, timeout=0.1)


def test_a_full_disk_is_an_error_and_what_was_written_stays(path: Path) -> None:
    with opened(path) as store:
        journal = store.journal("a", create=True)
        journal.append({"kind": "x"})
        store.run(lambda c: c.exec_driver_sql("PRAGMA max_page_count = 10").all())
        with pytest.raises(StorageError, match=r"disk that holds .* is full"):
            journal.append({"kind": "x", "text": "a" * 100_000})
        assert journal.append({"kind": "y"}) == 2
        assert [event["kind"] for _, event in journal.read()] == ["x", "y"]


def test_a_folder_that_does_not_exist_is_named(tmp_path: Path) -> None:
    assert "mkdir -p" in str(refused(tmp_path / "missing" / "s.db", "folder .*missing does not exist"))


def test_a_folder_is_not_a_file(tmp_path: Path) -> None:
    refused(tmp_path, "is a folder")


def test_a_folder_without_permission_is_refused(public_folder: Path) -> None:
    public_folder.chmod(0o555)
    with without_rights():
        refused(public_folder / "s.db", "cannot be opened or made")


def test_a_lock_that_cannot_be_written_is_an_error(path: Path) -> None:
    with opened(path) as store:
        (path.parent / "studies.db.locks").write_text("in the way")
        with pytest.raises(StorageError, match="cannot lock study 'a'"), store.lock("a"):
            pass


def test_a_closed_store_says_so(path: Path) -> None:
    with opened(path) as store:
        journal = store.journal("a", create=True)
    with pytest.raises(StorageError, match="is closed"):
        journal.append({"kind": "x"})


def test_an_interrupted_creation_leaves_nothing_behind(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(connection: Connection, tables: Collection[str]) -> None:
        created(connection, tables)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(sql, "created", interrupted)
        with pytest.raises(KeyboardInterrupt):
            SqlStore(path)
    with raw(path) as connection:
        assert connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)
    written(path)
