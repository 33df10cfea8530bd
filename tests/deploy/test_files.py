from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import numpy as np
import pytest

from searchitect.deploy import files
from searchitect.errors import ExportError


def test_a_written_file_holds_the_data_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = files.write_atomically(tmp_path / "new" / "a.bin", b"first")
    files.write_atomically(path, b"second")
    assert path.read_bytes() == b"second"
    assert list(path.parent.iterdir()) == [path]
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~mask


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_one_sentence_and_the_old_file_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    path = files.write_atomically(tmp_path / "a.bin", b"old")

    def full(descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ExportError, match=rf"cannot write a\.bin: {os.strerror(number)}"):
        files.write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(ExportError, match=r"cannot write a\.bin"):
        files.write_atomically(tmp_path / "taken" / "a.bin", b"new")


def test_a_folder_without_permission_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "open", refused)
    with pytest.raises(ExportError, match=r"cannot write a\.bin: Permission denied"):
        files.write_atomically(tmp_path / "a.bin", b"new")


def test_json_writes_numpy_numbers_and_no_nan(tmp_path: Path) -> None:
    document = {"a": np.float32(0.5), "b": float("nan"), "c": (1, np.int64(2), {"d": -np.inf}), "e": "ž", "f": None}
    path = files.write_json(tmp_path / "a.json", document)
    assert files.read_json(path) == {"a": 0.5, "b": None, "c": [1, 2, {"d": None}], "e": "ž", "f": None}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not valid JSON, it may be truncated"),
        ("[1]", "a JSON object, got list"),
        ("[" * 100_000, "not valid JSON"),
    ],
)
def test_json_of_another_form_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(ExportError, match=message):
        files.read_json(tmp_path / "a.json")


def test_a_missing_file_names_the_folder_and_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=rf"no a\.json in the folder '{tmp_path.name}'(.|\n)*searchitect run"):
        files.read_json(tmp_path / "a.json")


def test_a_file_beyond_the_limit_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(b"12345")
    assert files.read_bytes(tmp_path / "a.bin", 5) == b"12345"
    with pytest.raises(ExportError, match="larger than 4 bytes"):
        files.read_bytes(tmp_path / "a.bin", 4)


def test_a_folder_in_the_place_of_a_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="cannot read"):
        files.read_bytes(tmp_path)
