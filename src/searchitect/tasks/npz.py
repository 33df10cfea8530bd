"""`.npz` files: arrays with names, read without pickle."""

from __future__ import annotations

import math
import re
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from searchitect.errors import TaskError
from searchitect.tasks.examples import Data, Reading
from searchitect.tasks.pairs import part_of
from searchitect.tasks.tables import Table

__all__ = ["inputs_of", "read_arrays", "read_npz"]

INPUTS = frozenset({"x", "image", "images", "data", "feature", "features", "input", "inputs"})
TARGETS = frozenset({"y", "label", "labels", "target", "targets"})
SPLITS = {
    "train": "train",
    "training": "train",
    "test": "test",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
}
LABEL_NAMES = ("class_names", "label_names", "target_names")
COLUMN_NAMES = ("feature_names", "columns")
ACCEPTED = "X and y, x_train, y_train, x_test, y_test, images and labels, data and target, … (see docs/data.md)"
DAMAGED = (OSError, EOFError, ValueError, KeyError, MemoryError, RuntimeError, zlib.error, zipfile.BadZipFile)


def read_arrays(path: Path, max_bytes: int) -> dict[str, NDArray[Any]]:
    """Read all arrays of a file.

    Raises:
        TaskError: it is no such file, truncated, too large, or holds objects (which would need pickle).
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = [info for info in archive.infolist() if info.filename.endswith(".npy")]
            if sum(info.file_size for info in members) > max_bytes:
                raise TaskError(f"{path.name} is too large: more than {max_bytes} bytes unpacked", hint="max_bytes=…")
            return {info.filename[:-4]: _read_member(archive, info, path.name) for info in members}
    except DAMAGED as error:
        raise TaskError(f"cannot read {path.name}: {error}", hint="the file seems damaged or truncated") from error


def _read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, where: str) -> NDArray[Any]:
    with archive.open(info) as member:
        version = np.lib.format.read_magic(member)
        if version == (1, 0):
            shape, _, dtype = np.lib.format.read_array_header_1_0(member)
        else:
            shape, _, dtype = np.lib.format.read_array_header_2_0(member)
        if dtype.hasobject:
            raise TaskError(
                f"the array {info.filename[:-4]!r} of {where} holds Python objects, which are never unpickled",
                hint="save it as numbers or as text of a fixed length: np.asarray(x.tolist())",
            )
        if math.prod(shape) * dtype.itemsize > info.file_size:
            raise ValueError(f"the array {info.filename[:-4]!r} announces more values than the file holds")
    with archive.open(info) as member:
        array: NDArray[Any] = np.lib.format.read_array(member, allow_pickle=False)
        return array


def read_npz(files: Mapping[str, Path], reading: Reading) -> Data:
    """Read a file that holds one or several splits, or one file for each split.

    Raises:
        TaskError: a file cannot be read, or its names do not say which arrays are inputs and targets.
    """
    arrays = read_arrays(files["train"], reading.max_bytes)
    pairs = _pairs(arrays, files["train"].name)
    for split in ("validation", "test"):
        if split in files:
            other = _pairs(read_arrays(files[split], reading.max_bytes), files[split].name)
            pairs[split] = other.get(split) or other["train"]
    if "train" not in pairs:
        raise TaskError(f"{files['train'].name} has no training arrays", hint=ACCEPTED)
    names = _texts(arrays, COLUMN_NAMES)
    train = part_of(pairs["train"], reading, names=names)
    schema = train.examples.schema if isinstance(train.examples, Table) else None
    others = {split: part_of(pair, reading, schema, names) for split, pair in pairs.items() if split != "train"}
    return Data(
        files["train"].stem,
        train,
        validation=others.get("validation"),
        test=others.get("test"),
        labels=_texts(arrays, LABEL_NAMES),
        source={"kind": "npz", "files": {split: path.name for split, path in files.items()}},
    )


def _pairs(arrays: Mapping[str, NDArray[Any]], where: str) -> dict[str, tuple[NDArray[Any], NDArray[Any]]]:
    """Find inputs and targets of each split by the words in the arrays' names."""
    found: dict[tuple[str, str], str] = {}
    for name in arrays:
        meaning = _meaning(name)
        if meaning is None:
            continue
        if meaning in found:
            raise TaskError(
                f"{where}: both {found[meaning]!r} and {name!r} could be the {meaning[1]} of {meaning[0]}",
                hint=ACCEPTED,
            )
        found[meaning] = name
    splits = sorted({split for split, _ in found})
    pairs = {}
    for split in splits:
        absent = [role for role in ("inputs", "targets") if (split, role) not in found]
        if absent:
            raise TaskError(
                f"{where} has no {absent[0]} for the {split} split; it holds {_shown(arrays)}", hint=ACCEPTED
            )
        pairs[split] = (arrays[found[split, "inputs"]], arrays[found[split, "targets"]])
    if not pairs:
        raise TaskError(f"{where} has no arrays of inputs and targets; it holds {_shown(arrays)}", hint=ACCEPTED)
    return pairs


def _shown(arrays: Mapping[str, NDArray[Any]]) -> str:
    return ", ".join(map(repr, sorted(arrays)[:10])) or "nothing"


def _meaning(name: str) -> tuple[str, str] | None:
    words = [word for word in re.split(r"[_\-. ]+", name.lower()) if word]
    splits = [SPLITS[word] for word in words if word in SPLITS]
    rest = [word for word in words if word not in SPLITS]
    if len(splits) > 1 or len(rest) != 1:
        return None
    role = "inputs" if rest[0] in INPUTS else "targets" if rest[0] in TARGETS else None
    return None if role is None else (splits[0] if splits else "train", role)


def _texts(arrays: Mapping[str, NDArray[Any]], names: tuple[str, ...]) -> tuple[str, ...] | None:
    array = next((arrays[name] for name in names if name in arrays), None)
    if array is None:
        return None
    if array.dtype.kind not in "US" or array.ndim != 1:
        raise TaskError(f"{' / '.join(names)} must be a list of text, got {array.dtype} of shape {array.shape}")
    return tuple(item.decode() if isinstance(item, bytes) else str(item) for item in array.tolist())


def inputs_of(path: Path, max_bytes: int) -> NDArray[Any]:
    """The inputs of a file for prediction: its only array, or the one named as inputs (test before train).

    Raises:
        TaskError: the file cannot be read, or it does not say which array is meant.
    """
    arrays = read_arrays(path, max_bytes)
    if len(arrays) == 1:
        return next(iter(arrays.values()))
    meanings = {meaning: name for name in arrays if (meaning := _meaning(name)) is not None}
    for split in ("test", "train", "validation"):
        if (split, "inputs") in meanings:
            return arrays[meanings[split, "inputs"]]
    raise TaskError(f"{path.name} has no array of inputs; it holds {_shown(arrays)}", hint="name it X")
