"""Folders of images: layouts, sizes, colours, and files that cannot be read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("PIL")
from PIL import Image

from searchitect.errors import TaskError
from searchitect.tasks.images import FileSplit, ImageFiles, decode
from searchitect.tasks.open import task
from searchitect.tasks.task import Task


def picture(path: Path, seed: int, size: tuple[int, int] = (12, 10), mode: str = "RGB") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    height, width = size
    values = np.random.default_rng(seed).integers(0, 255, (height, width, 3)).astype(np.uint8)
    Image.fromarray(values).convert(mode).save(path)
    return path


def make_classes(folder: Path, count: int = 8, names: tuple[str, ...] = ("cat", "dog"), **kinds: Any) -> Path:
    for label, name in enumerate(names):
        for i in range(count):
            picture(folder / name / f"{i}.png", 100 * label + i, **kinds)
    return folder


def pixels_of(made: Task) -> np.ndarray:
    return made.train.read(np.arange(len(made.train)))[0]


def test_a_folder_of_class_folders_is_a_task(tmp_path: Path) -> None:
    made = task(make_classes(tmp_path / "animals"))
    assert made.name == "animals"
    assert made.labels == ("cat", "dog")
    assert made.spec.inputs == (3, 12, 10)
    assert made.test is not None
    assert len(made.train) + len(made.validation) + len(made.test) == 16
    assert pixels_of(made).dtype == np.uint8


def test_official_splits_are_respected(tmp_path: Path) -> None:
    for split, count in (("train", 6), ("val", 3), ("test", 4)):
        make_classes(tmp_path / split, count)
    made = task(tmp_path)
    assert made.test is not None
    assert (len(made.train), len(made.validation), len(made.test)) == (12, 6, 8)
    without = task(tmp_path / "train", test=tmp_path / "test")
    assert without.test is not None
    assert (len(without.train) + len(without.validation), len(without.test)) == (12, 8)


def test_pixels_are_those_of_the_file(tmp_path: Path) -> None:
    path = picture(tmp_path / "x.png", 3, size=(4, 6))
    expected = np.random.default_rng(3).integers(0, 255, (4, 6, 3)).transpose(2, 0, 1)
    assert np.array_equal(decode(path, "RGB", (4, 6)), expected)


def test_grey_stays_grey_and_one_coloured_image_makes_all_rgb(tmp_path: Path) -> None:
    folder = make_classes(tmp_path / "a", mode="L")
    assert task(folder).spec.inputs == (1, 12, 10)
    picture(folder / "cat" / "extra.jpg", 1)
    assert task(folder).spec.inputs == (3, 12, 10)


def test_sixteen_bits_keep_their_upper_byte(tmp_path: Path) -> None:
    values = np.array([[0, 256, 65535]], dtype=np.uint16)
    Image.fromarray(values).save(tmp_path / "deep.png")
    assert decode(tmp_path / "deep.png", "L", (1, 3)).tolist() == [[[0, 1, 255]]]


def test_sizes_are_brought_to_the_median_or_to_what_is_asked(tmp_path: Path) -> None:
    folder = make_classes(tmp_path / "a", 5, size=(8, 8))
    picture(folder / "cat" / "tall.png", 1, size=(30, 8))
    assert task(folder).spec.inputs == (3, 8, 8)
    assert task(folder, image_size=16).spec.inputs == (3, 16, 16)
    assert task(folder, image_size=(4, 6)).spec.inputs == (3, 4, 6)


def test_large_images_are_scaled_down_to_128(tmp_path: Path) -> None:
    assert task(make_classes(tmp_path, 3, size=(300, 150))).spec.inputs == (3, 128, 64)


def test_beyond_the_memory_limit_files_are_read_on_demand_with_the_same_pixels(tmp_path: Path) -> None:
    folder = make_classes(tmp_path)
    held, lazy = task(folder), task(folder, memory_bytes=100)
    assert isinstance(lazy.train, FileSplit)
    assert np.array_equal(pixels_of(held), pixels_of(lazy))
    assert np.array_equal(held.train.targets, lazy.train.targets)
    assert lazy.train.nbytes == held.train.nbytes
    assert lazy.preprocessing == held.preprocessing
    order = np.array([3, 0, 3])
    assert np.array_equal(held.train.read(order)[0], lazy.train.read(order)[0])


def damage(folder: Path) -> None:
    path = folder / "cat" / "0.png"
    path.write_bytes(path.read_bytes()[:150])
    (folder / "dog" / "1.png").write_bytes(b"this is no image")
    (folder / "dog" / "2.png").write_bytes(b"")


def test_unreadable_and_truncated_images_are_named(tmp_path: Path) -> None:
    damage(make_classes(tmp_path))
    with pytest.raises(TaskError, match="2 image file") as caught:
        task(tmp_path)
    assert "dog/1.png" in str(caught.value)
    assert "skip_unreadable" in str(caught.value)


def test_a_truncated_image_with_a_good_header_is_found_by_decoding(tmp_path: Path) -> None:
    folder = make_classes(tmp_path)
    path = picture(folder / "cat" / "cut.jpg", 1, size=(64, 64))
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(TaskError, match="cat/cut.jpg .*truncated"):
        task(folder, image_size=12)
    assert len(pixels_of(task(folder, image_size=12, skip_unreadable=True)))


def test_truncated_images_are_left_out_or_named_when_read_on_demand(tmp_path: Path) -> None:
    folder = make_classes(tmp_path)
    path = picture(folder / "cat" / "cut.jpg", 1, size=(64, 64))
    path.write_bytes(path.read_bytes()[:-200])
    held, lazy = (task(folder, image_size=12, memory_bytes=size, skip_unreadable=True) for size in (0, 1 << 30))
    assert len(held.train) == len(lazy.train)
    assert held.source["skipped"] == lazy.source["skipped"] == 1
    files = ImageFiles((path,), "RGB", (12, 12))
    with pytest.raises(TaskError, match="cut.jpg"):
        FileSplit(files, np.zeros(1)).read(np.array([0]))


def test_unreadable_images_can_be_left_out(tmp_path: Path) -> None:
    damage(make_classes(tmp_path))
    made = task(tmp_path, skip_unreadable=True)
    assert made.test is not None
    assert len(made.train) + len(made.validation) + len(made.test) == 13


def test_a_decompression_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_classes(tmp_path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(TaskError, match="decompression bomb"):
        task(folder)


def test_folders_that_cannot_serve_are_refused(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(TaskError, match="nothing that can be read"):
        task(empty)
    picture(tmp_path / "flat" / "a.png", 0)
    with pytest.raises(TaskError, match="no folders of classes"):
        task(tmp_path / "flat")
    folder = make_classes(tmp_path / "half")
    (folder / "mouse").mkdir()
    with pytest.raises(TaskError, match="'mouse' of the train folder has no images"):
        task(folder)
    with pytest.raises(TaskError, match="one class only"):
        task(make_classes(tmp_path / "single", names=("cat",)))


def test_test_folders_must_belong_to_training(tmp_path: Path) -> None:
    make_classes(tmp_path / "a" / "test")
    with pytest.raises(TaskError, match="no folder 'train'"):
        task(tmp_path / "a")
    make_classes(tmp_path / "b" / "train")
    make_classes(tmp_path / "b" / "test", names=("cat", "cow"))
    with pytest.raises(TaskError, match="'cow', which training lacks"):
        task(tmp_path / "b")


def test_hidden_files_and_other_files_do_not_disturb(tmp_path: Path) -> None:
    folder = make_classes(tmp_path)
    (folder / "cat" / ".hidden.png").write_bytes(b"x")
    (folder / "cat" / "notes.txt").write_text("x")
    (folder / ".cache").mkdir()
    assert task(folder).labels == ("cat", "dog")


def test_the_digest_of_files_on_demand_sees_names_and_sizes(tmp_path: Path) -> None:
    folder = make_classes(tmp_path)
    first = task(folder, memory_bytes=0).digest
    assert task(folder, memory_bytes=0).digest == first
    picture(folder / "cat" / "0.png", 5, size=(12, 9))
    assert task(folder, memory_bytes=0).digest != first


@pytest.mark.parametrize("size", [0, 5000, (1, 2, 3), (1.5, 2)])
def test_a_nonsensical_image_size_is_refused(tmp_path: Path, size: Any) -> None:
    with pytest.raises(TaskError, match="image_size"):
        task(tmp_path, image_size=size)
