"""Stores of earlier releases open, go on and are brought up to date; see `fixtures/make.py`."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest

from searchitect.cli import main
from searchitect.errors import StorageError
from searchitect.result import read_result
from searchitect.storage import SqlStore, open_store, sql
from searchitect.storage.schema import MIGRATIONS, SCHEMA_VERSION
from tests.storage.fixtures.make import HERE, ODD, advance, study

FIXTURES = sorted(HERE.glob("store-*.db"))


@pytest.fixture(params=FIXTURES, ids=lambda path: path.stem)
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return Path(shutil.copyfile(request.param, tmp_path / "old.db"))


def version(path: Path) -> int:
    connection = sqlite3.connect(path)
    try:
        return int(connection.execute("SELECT version FROM searchitect_schema").fetchone()[0])
    finally:
        connection.close()


def test_there_is_a_fixture_of_every_version_of_the_schema() -> None:
    assert {int(path.stem.rpartition("-")[2]) for path in FIXTURES} == set(range(1, SCHEMA_VERSION + 1))
    assert set(MIGRATIONS) == set(range(1, SCHEMA_VERSION))


def test_an_old_store_is_read_and_stays_as_it_is(old: Path) -> None:
    before = version(old)
    store = open_store(old)
    assert [(info.name, info.events) for info in store.studies()] == [
        ("ended", 25), ("cut off", 18), ("prüfung 网络 '; --", 1),
    ]  # fmt: skip
    assert list(store.journal("prüfung 网络 '; --").read()) == [(1, ODD)]
    result = read_result(event for _, event in store.journal("ended").read())
    assert result.counts["complete"] == 12
    assert result.best is not None
    assert result.best.measurements["score"] == max(t.measurements["score"] for t in result.trials)
    store.close()
    assert version(old) == before


def test_an_old_store_is_shown(old: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "ended", "--store", str(old)]) == 0
    assert "12 complete" in capsys.readouterr().out
    assert main(["show", "cut off", "--store", f"sqlite:///{old}"]) == 0
    assert "1 running" in capsys.readouterr().out


def test_an_old_study_goes_on_as_it_would_have_then(old: Path, tmp_path: Path) -> None:
    """The trial that was cut off is run again under its number; the journal equals one that was never interrupted."""
    store = open_store(old)
    with study(store, "cut off") as resumed:
        assert resumed.again == [8]
        advance(resumed, 4)
        trials = resumed.trials
    with study(store, "ended") as whole:
        assert trials == whole.trials
    store.close()
    assert version(old) == SCHEMA_VERSION


def test_upgrading_changes_the_version_and_no_event(old: Path) -> None:
    store = SqlStore(old)
    before = {info.name: list(store.journal(info.name).read()) for info in store.studies()}
    found = store.version
    assert store.upgrade() == found
    assert version(old) == SCHEMA_VERSION
    assert {info.name: list(store.journal(info.name).read()) for info in store.studies()} == before
    store.close()


def test_a_migration_that_is_cut_off_leaves_the_store_as_it_was(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = Path(shutil.copyfile(FIXTURES[0], tmp_path / "old.db"))
    store = SqlStore(path)

    def interrupted(connection: object, database: object) -> None:
        MIGRATIONS[1](connection)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(sql, "_migrate", interrupted)
        with pytest.raises(KeyboardInterrupt):
            store.journal("new", create=True)
    assert version(path) == 1
    assert store.journal("new", create=True).append({"kind": "x"}) == 1
    assert version(path) == SCHEMA_VERSION
    store.close()


def test_a_program_of_the_older_release_goes_on_writing(tmp_path: Path) -> None:
    path = Path(shutil.copyfile(FIXTURES[0], tmp_path / "old.db"))
    older = sqlite3.connect(path, isolation_level=None)
    store = SqlStore(path)
    store.upgrade()
    older.execute("INSERT INTO event (study, position, body) SELECT 1, max(position) + 1, '{\"kind\":\"x\"}' FROM event"
                  " WHERE study = 1")  # fmt: skip
    older.close()
    assert list(store.journal("ended").read(after=25)) == [(26, {"kind": "x"})]
    store.close()


def test_two_processes_may_upgrade_at_once(tmp_path: Path) -> None:
    path = Path(shutil.copyfile(FIXTURES[0], tmp_path / "old.db"))
    first, second = SqlStore(path), SqlStore(path)
    assert (first.upgrade(), second.upgrade()) == (1, 1)
    assert second.journal("ended").append({"kind": "x"}) == 26
    first.close()
    second.close()


def test_an_old_store_that_may_only_be_read_cannot_be_upgraded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = Path(shutil.copyfile(FIXTURES[0], tmp_path / "old.db"))
    monkeypatch.setattr("searchitect.storage.sqlite.may_write", lambda path: False)
    store = SqlStore(path)
    assert len(list(store.journal("ended").read())) == 25
    with pytest.raises(StorageError, match="may be read but not written"):
        store.upgrade()
    store.close()
    assert version(path) == 1
