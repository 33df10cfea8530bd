"""A store of another user, or on read-only media, is read as it lies there; what would write says why it cannot."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from searchitect.errors import StorageError
from searchitect.storage import SqlStore

NOBODY = 65534


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
def folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


def written(path: Path, count: int = 3) -> SqlStore:
    store = SqlStore(path)
    journal = store.journal("a", create=True)
    for n in range(count):
        journal.append({"kind": "x", "n": n})
    return store


def protect(folder: Path) -> None:
    for entry in folder.iterdir():
        entry.chmod(0o444)
    folder.chmod(0o555)


def read(path: Path) -> list[int]:
    store = SqlStore(path)
    try:
        [info] = store.studies()
        assert info.name == "a"
        return [event["n"] for _, event in store.journal("a").read()]
    finally:
        store.close()


def test_a_finished_store_is_read_and_nothing_is_left_beside_it(folder: Path) -> None:
    written(folder / "s.db").close()
    protect(folder)
    with without_rights():
        assert read(folder / "s.db") == [0, 1, 2]
    assert [entry.name for entry in folder.iterdir()] == ["s.db"]


def test_a_file_that_may_be_written_in_a_folder_that_may_not_is_read_too(folder: Path) -> None:
    written(folder / "s.db").close()
    (folder / "s.db").chmod(0o666)
    folder.chmod(0o555)
    with without_rights():
        assert read(folder / "s.db") == [0, 1, 2]


def test_a_read_only_file_in_a_folder_of_ones_own_gets_no_neighbours(folder: Path) -> None:
    written(folder / "s.db").close()
    (folder / "s.db").chmod(0o444)
    folder.chmod(0o777)
    with without_rights():
        assert read(folder / "s.db") == [0, 1, 2]
    assert [entry.name for entry in folder.iterdir()] == ["s.db"]


def test_what_another_process_has_just_appended_is_read(folder: Path) -> None:
    writer = written(folder / "s.db")
    assert (folder / "s.db-wal").stat().st_size > 0
    protect(folder)
    with without_rights():
        assert read(folder / "s.db") == [0, 1, 2]
    writer.journal("a").append({"kind": "x", "n": 3})
    with without_rights():
        assert read(folder / "s.db") == [0, 1, 2, 3]
    writer.close()


def test_a_log_that_lost_its_index_is_read(folder: Path) -> None:
    """As after SIGKILL and a copy of the two files: they are put together in memory, and nowhere else."""
    writer = written(folder / "whole.db")
    for ending in ("", "-wal"):
        shutil.copyfile(folder / f"whole.db{ending}", folder / f"s.db{ending}")
    writer.close()
    protect(folder)
    with without_rights():
        assert read(folder / "s.db") == [0, 1, 2]
    assert not (folder / "s.db-shm").exists()


def test_a_log_that_may_not_be_read_is_named(folder: Path) -> None:
    writer = written(folder / "whole.db")
    for ending in ("", "-wal"):
        shutil.copyfile(folder / f"whole.db{ending}", folder / f"s.db{ending}")
    writer.close()
    protect(folder)
    (folder / "s.db-wal").chmod(0o000)
    with without_rights(), pytest.raises(StorageError, match=r"s\.db-wal cannot be read: Permission denied") as caught:
        SqlStore(folder / "s.db")
    assert caught.value.hint == "it holds the last events of s.db"


def test_whatever_writes_is_refused_with_one_sentence(folder: Path) -> None:
    written(folder / "s.db").close()
    protect(folder)
    with without_rights():
        store = SqlStore(folder / "s.db")
        writing = (
            lambda: store.journal("a").append({"kind": "x"}),
            lambda: store.journal("b", create=True),
            lambda: store.delete("a"),
            lambda: store.lock("a").__enter__(),
        )
        for write in writing:
            with pytest.raises(StorageError, match=r"s\.db may be read but not written: show, list and report") as e:
                write()
            assert "--store FILE" in (e.value.hint or "")
        assert [event["n"] for _, event in store.journal("a").read()] == [0, 1, 2]
        store.close()


@pytest.mark.parametrize("content", [b"", b"no database at all, but text"])
def test_a_file_without_studies_is_refused(folder: Path, content: bytes) -> None:
    (folder / "s.db").write_bytes(content)
    protect(folder)
    with without_rights(), pytest.raises(StorageError, match="is a database of something else|is not a database"):
        SqlStore(folder / "s.db")


def test_a_file_that_may_not_even_be_read_is_refused(folder: Path) -> None:
    written(folder / "s.db").close()
    (folder / "s.db").chmod(0o000)
    with without_rights(), pytest.raises(StorageError, match="cannot be opened"):
        SqlStore(folder / "s.db")


def test_a_newer_version_is_refused_here_too(folder: Path) -> None:
    written(folder / "s.db").close()
    with sqlite3.connect(folder / "s.db") as raw:
        raw.execute("UPDATE searchitect_schema SET version = 99")
    raw.close()
    for ending in ("-wal", "-shm"):
        (folder / f"s.db{ending}").unlink(missing_ok=True)
    protect(folder)
    with without_rights(), pytest.raises(StorageError, match="newer searchitect"):
        SqlStore(folder / "s.db")
