"""`searchitect store`: check, export, import, upgrade."""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path

import pytest

from searchitect.cli import main
from tests.storage.fixtures.make import HERE


@pytest.fixture
def old(tmp_path: Path) -> str:
    path = Path(shutil.copyfile(sorted(HERE.glob("store-*.db"))[0], tmp_path / "old.db"))
    with sqlite3.connect(path) as raw:
        raw.execute("DELETE FROM event WHERE study = 3")  # it holds no study, but texts of every kind
        raw.execute("DELETE FROM study WHERE id = 3")
    raw.close()
    return str(path)


def test_a_whole_store_says_so(old: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["store", "check", "--store", old]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[2].split() == ["ended", "25", "12", "0", "ok"]
    assert lines[-1] == "the store is whole"


def test_a_damaged_store_has_exit_code_one(old: str, capsys: pytest.CaptureFixture[str]) -> None:
    with sqlite3.connect(old) as raw:
        raw.execute("DELETE FROM event WHERE study = 1 AND position = 3")
    raw.close()
    assert main(["store", "check", "--store", old, "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["sound"] is False
    assert document["studies"][0]["problems"][0] == "event 3 of study 'ended' is missing"


def test_a_store_goes_to_a_file_and_back(old: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, new = str(tmp_path / "a.jsonl"), str(tmp_path / "new.db")
    assert main(["store", "export", file, "--store", old]) == 0
    assert main(["store", "import", file, "--store", new]) == 0
    assert capsys.readouterr().out.splitlines() == [f"{file}: 2 studies, 43 events", "2 studies, 43 events written"]
    assert main(["show", "ended", "--store", new]) == 0
    assert main(["store", "export", str(tmp_path / "one"), "--study", "ended", "--store", new]) == 0
    assert "1 study, 25 events" in capsys.readouterr().out


def test_an_error_is_one_sentence_with_a_hint(old: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["store", "import", old, "--store", str(tmp_path / "new.db")]) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert "hint: " in said


def test_an_old_store_is_upgraded_once(old: str, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        assert main(["store", "upgrade", "--store", old]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("the store was version 1 and is up to date now")
    assert second.startswith("the store is up to date")


def test_no_password_is_told_when_a_server_cannot_be_reached(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("psycopg", reason='the extra "postgres" is not installed')
    assert main(["list", "studies", "--store", "postgresql://me:geheim@127.0.0.1:1/db"]) == 1
    said = capsys.readouterr().err
    assert "postgresql://me:***@127.0.0.1:1/db cannot be reached" in said
    assert "geheim" not in said
