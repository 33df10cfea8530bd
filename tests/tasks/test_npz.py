"""`.npz` files: names of arrays, and files that are damaged or dangerous."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from searchitect.errors import TaskError
from searchitect.tasks.npz import inputs_of, read_arrays
from searchitect.tasks.open import task

RNG = np.random.default_rng(0)
TABLE, CLASSES = RNG.normal(size=(60, 4)), np.arange(60) % 3
IMAGES = RNG.integers(0, 255, (60, 5, 6)).astype(np.uint8)


def save(path: Path, **arrays: Any) -> Path:
    np.savez(path, **arrays)
    return path


@pytest.mark.parametrize("names", [("X", "y"), ("data", "target"), ("features", "labels"), ("x_train", "y_train")])
def test_usual_names_are_understood(tmp_path: Path, names: tuple[str, str]) -> None:
    made = task(save(tmp_path / "t.npz", **{names[0]: TABLE, names[1]: CLASSES}))
    assert made.spec.inputs == (4,)
    assert made.spec.outputs == 3
    assert made.test is not None


def test_official_splits_inside_one_file_are_respected(tmp_path: Path) -> None:
    path = save(
        tmp_path / "t.npz",
        train_images=IMAGES[:40],
        train_labels=CLASSES[:40, None],
        val_images=IMAGES[40:50],
        val_labels=CLASSES[40:50, None],
        test_images=IMAGES[50:],
        test_labels=CLASSES[50:, None],
    )
    made = task(path)
    assert made.test is not None
    assert (len(made.train), len(made.validation), len(made.test)) == (40, 10, 10)
    assert np.array_equal(made.validation.read(np.arange(10))[0][:, 0], IMAGES[40:50])


def test_splits_in_two_files_and_names_of_classes_and_columns(tmp_path: Path) -> None:
    names = {"class_names": np.array(["a", "b", "c"]), "feature_names": np.array(["p", "q", "r", "s"])}
    save(tmp_path / "set_train.npz", X=TABLE, y=CLASSES, **names)
    save(tmp_path / "set_test.npz", X=TABLE[:7], y=CLASSES[:7])
    made = task(tmp_path)
    assert made.labels == ("a", "b", "c")
    assert made.preprocessing.to_json()["numeric"] == ["p", "q", "r", "s"]
    assert made.test is not None
    assert len(made.test) == 7


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"X": TABLE}, "no targets for the train split"),
        ({"foo": TABLE}, "no arrays of inputs and targets"),
        ({"X": TABLE, "data": TABLE, "y": CLASSES}, "both 'X' and 'data'"),
        ({"x_test": TABLE, "y_test": CLASSES}, "no training arrays"),
        ({"X": TABLE, "y": CLASSES[:5]}, "60 examples but y has 5"),
        ({"X": TABLE, "y": CLASSES, "class_names": np.arange(3)}, "list of text"),
        ({"X": TABLE, "y": np.array([{}] * 60, dtype=object)}, "Python objects"),
        ({"X": TABLE, "y": CLASSES, "x_test": TABLE[:, :2], "y_test": CLASSES}, "has 2 columns, the training split 4"),
        ({"X": IMAGES, "y": CLASSES, "x_test": IMAGES[:, :2], "y_test": CLASSES}, "training images"),
    ],
)
def test_files_that_do_not_say_what_they_hold_are_refused(tmp_path: Path, arrays: dict[str, Any], words: str) -> None:
    with pytest.raises(TaskError, match=words):
        task(save(tmp_path / "t.npz", **arrays))


@pytest.mark.parametrize("share", [0.0, 0.2, 0.5, 0.95])
def test_truncated_files_are_refused(tmp_path: Path, share: float) -> None:
    path = save(tmp_path / "t.npz", X=TABLE, y=CLASSES)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(TaskError, match="damaged or truncated"):
        task(path)


def test_a_flipped_bit_is_found_by_the_checksum(tmp_path: Path) -> None:
    path = save(tmp_path / "t.npz", X=TABLE, y=CLASSES)
    content = bytearray(path.read_bytes())
    content[600] ^= 1
    path.write_bytes(content)
    with pytest.raises(TaskError, match="CRC"):
        task(path)


def test_a_header_that_announces_more_than_there_is_allocates_nothing(tmp_path: Path) -> None:
    member = io.BytesIO()
    np.lib.format.write_array_header_1_0(member, {"descr": "<f8", "fortran_order": False, "shape": (10**12,)})
    with zipfile.ZipFile(tmp_path / "t.npz", "w") as archive:
        archive.writestr("X.npy", member.getvalue())
    with pytest.raises(TaskError, match="announces more"):
        read_arrays(tmp_path / "t.npz", 1 << 30)


def test_files_beyond_the_limit_are_refused_before_unpacking(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "t.npz", X=np.zeros((1000, 100)), y=CLASSES)
    with pytest.raises(TaskError, match="too large"):
        task(tmp_path / "t.npz", max_bytes=10_000)


def test_a_pickle_is_never_opened(tmp_path: Path) -> None:
    (tmp_path / "t.pkl").write_bytes(b"cos\nsystem\n(S'false'\ntR.")
    with pytest.raises(TaskError, match="never opened"):
        task(tmp_path / "t.pkl")


def test_inputs_for_prediction_are_the_only_array_or_the_named_one(tmp_path: Path) -> None:
    assert inputs_of(save(tmp_path / "a.npz", whatever=TABLE), 1 << 20).shape == (60, 4)
    assert inputs_of(save(tmp_path / "b.npz", X=TABLE, y=CLASSES), 1 << 20).shape == (60, 4)
    with pytest.raises(TaskError, match="name it X"):
        inputs_of(save(tmp_path / "c.npz", foo=TABLE, bar=TABLE), 1 << 20)
