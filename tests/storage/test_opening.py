from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from searchitect.errors import StorageError
from searchitect.storage import MemoryStore, SqlStore, open_store


@pytest.mark.parametrize("url", [None, "memory:"])
def test_nothing_or_memory_gives_a_memory_store(url: str | None) -> None:
    assert isinstance(open_store(url), MemoryStore)


def test_urls_and_paths_name_the_same_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for url in ("sqlite:///studies.db", f"sqlite:///{tmp_path}/studies.db", "studies.db", tmp_path / "studies.db"):
        store = open_store(url)
        assert isinstance(store, SqlStore)
        assert Path(store.label).resolve() == tmp_path / "studies.db"
        store.close()


def test_a_tilde_means_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    open_store("~/studies.db").close()
    assert (tmp_path / "studies.db").exists()


def test_another_kind_of_store_is_refused_without_repeating_its_password() -> None:
    with pytest.raises(StorageError, match="'mysql:' are not supported") as caught:
        open_store("mysql://me:geheim@host/studies")
    assert "geheim" not in str(caught.value)
    assert "sqlite:///FILE" in str(caught.value)


@pytest.mark.parametrize("url", ["sqlite://studies.db", "sqlite:studies.db", "sqlite:///", "sqlite:///:memory:", ""])
def test_a_url_without_a_file_is_refused(url: str) -> None:
    with pytest.raises(StorageError) as caught:
        open_store(url)
    assert caught.value.hint


def test_an_unknown_durability_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="'normal' or 'full'"):
        open_store(tmp_path / "s.db", durability="ful")  # type: ignore[arg-type]


def test_without_create_a_missing_file_is_an_error_and_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="no store at"):
        open_store(tmp_path / "s.db", create=False)
    assert list(tmp_path.iterdir()) == []


def test_importing_the_room_loads_neither_sqlalchemy_nor_torch() -> None:
    program = (
        "import sys, searchitect.storage as s; s.open_store(None); print({'sqlalchemy', 'torch'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
