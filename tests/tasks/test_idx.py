"""IDX files: found by name, checked by magic number and size."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from searchitect.errors import TaskError
from searchitect.tasks.idx import find_idx, is_idx, read_idx
from searchitect.tasks.open import task

CODES = {"u1": 8, "i1": 9, "i2": 11, "i4": 12, "f4": 13, "f8": 14}


def idx_bytes(array: np.ndarray) -> bytes:
    code = CODES[array.dtype.str[1:]]
    head = struct.pack(">BBBB", 0, 0, code, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape)
    return head + array.astype(array.dtype.newbyteorder(">")).tobytes()


def make_set(folder: Path, prefix: str = "", ending: str = "ubyte", zipped: bool = False) -> None:
    rng = np.random.default_rng(0)
    for split, count in (("train", 60), ("t10k", 20)):
        images = rng.integers(0, 255, (count, 6, 5)).astype(np.uint8)
        labels = (np.arange(count) % 4).astype(np.uint8)
        for name, array, axes in (("images", images, 3), ("labels", labels, 1)):
            content = idx_bytes(array)
            file = folder / f"{prefix}{split}-{name}-idx{axes}-{ending}{'.gz' if zipped else ''}"
            file.write_bytes(gzip.compress(content, mtime=0) if zipped else content)


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("prefix", ["", "emnist-letters-"])
def test_the_official_four_files_make_a_task(tmp_path: Path, prefix: str, zipped: bool) -> None:
    make_set(tmp_path, prefix, zipped=zipped)
    made = task(tmp_path)
    assert made.spec.inputs == (1, 6, 5)
    assert made.spec.outputs == 4
    assert made.test is not None
    assert len(made.test) == 20
    assert len(made.train) + len(made.validation) == 60
    expected = np.random.default_rng(0)
    expected.integers(0, 255, (60, 6, 5))
    pixels = made.test.read(np.arange(20))[0]
    assert np.array_equal(pixels[:, 0], expected.integers(0, 255, (20, 6, 5)))


@pytest.mark.parametrize("dtype", list(CODES))
def test_every_type_is_read_back(tmp_path: Path, dtype: str) -> None:
    array = np.arange(24, dtype=dtype).reshape(2, 3, 4)
    (tmp_path / "x").write_bytes(idx_bytes(array))
    found = read_idx(tmp_path / "x", 1 << 20)
    assert np.array_equal(found, array)
    assert found.flags.writeable
    assert found.dtype.isnative


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "magic number is missing"),
        (b"\x89PNG1234", "magic number is 89504e47"),
        (b"\0\0\x07\x01\0\0\0\x01a", "magic number"),
        (b"\0\0\x08\x09", "magic number"),
        (b"\0\0\x08\x03\0\0", "ends within its header"),
        (b"\0\0\x08\x01\0\0\0\0", "empty"),
        (b"\0\0\x08\x01\0\0\0\x05abc", "should have 13 bytes"),
        (b"\0\0\x08\x01\0\0\0\x02abc", "should have 10 bytes"),
        (gzip.compress(b"\0\0\x08\x01\0\0\0\x05abc", mtime=0), "fewer bytes"),
        (gzip.compress(b"\0\0\x08\x01\0\0\0\x02abc", mtime=0), "more bytes"),
        (gzip.compress(b"\0\0\x08\x01\0\0\0\x05abcde", mtime=0)[:-10], "cannot read"),
        (b"\0\0\x08\x03" + b"\xff" * 12, "more than the limit"),
    ],
)
def test_damaged_files_are_refused(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(TaskError, match=words):
        read_idx(tmp_path / "x", 1 << 20)


def test_labels_of_another_number_than_images_are_refused(tmp_path: Path) -> None:
    make_set(tmp_path)
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx_bytes(np.zeros(3, np.uint8)))
    with pytest.raises(TaskError, match=r"labels of shape \(3,\) for 60 images"):
        task(tmp_path)


def test_incomplete_or_mixed_folders_are_refused(tmp_path: Path) -> None:
    make_set(tmp_path)
    (tmp_path / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(TaskError, match="no IDX file with the labels of the test split"):
        find_idx(tmp_path)
    make_set(tmp_path, "other-")
    with pytest.raises(TaskError, match="several IDX data sets"):
        find_idx(tmp_path)


def test_a_single_idx_file_asks_for_its_folder(tmp_path: Path) -> None:
    make_set(tmp_path)
    assert is_idx(tmp_path / "train-images.idx3-ubyte")
    with pytest.raises(TaskError, match="folder"):
        task(tmp_path / "train-images-idx3-ubyte")


def test_a_folder_of_idx_files_takes_no_other_test(tmp_path: Path) -> None:
    make_set(tmp_path)
    with pytest.raises(TaskError, match="its own splits"):
        task(tmp_path, test=tmp_path)
