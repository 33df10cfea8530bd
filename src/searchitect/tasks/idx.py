"""IDX files, the form of MNIST and its kin: a magic number, the sizes, then the values in big-endian order."""

from __future__ import annotations

import gzip
import math
import re
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from searchitect.errors import TaskError
from searchitect.tasks.arrays import as_pixels
from searchitect.tasks.examples import Data, Part, Reading

__all__ = ["find_idx", "is_idx", "read_idx", "read_idx_files"]

DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
NAME = re.compile(
    r"^(?P<prefix>.*?)(?P<split>train|t10k|test|val|valid|validation)[-_.](?P<what>images|labels)[-_.]idx\d.*$"
)
SPLITS = {"t10k": "test", "val": "validation", "valid": "validation"}
MAX_AXES = 4


def is_idx(path: Path) -> bool:
    """Whether the file's name is that of an IDX file."""
    return NAME.match(path.name.lower()) is not None


def find_idx(folder: Path) -> dict[str, dict[str, Path]]:
    """Find IDX files: split -> {"images": path, "labels": path}; empty where the folder has none.

    Raises:
        TaskError: the files of two data sets lie together, or one of a pair is missing.
    """
    found: dict[str, dict[str, Path]] = {}
    prefixes = set()
    for path in sorted(folder.iterdir()):
        match = NAME.match(path.name.lower())
        if match and path.is_file():
            prefixes.add(match["prefix"])
            # Where a file lies both packed and unpacked, the first in order (unpacked) serves.
            found.setdefault(SPLITS.get(match["split"], match["split"]), {}).setdefault(match["what"], path)
    if len(prefixes) > 1:
        raise TaskError(
            f"{folder.name} holds several IDX data sets: {', '.join(map(repr, sorted(prefixes)))}",
            hint="one folder for each",
        )
    for split, pair in found.items():
        for what in ("images", "labels"):
            if what not in pair:
                raise TaskError(f"{folder.name} has no IDX file with the {what} of the {split} split")
    if found and "train" not in found:
        raise TaskError(f"{folder.name} has no IDX files of the training split (train-images-idx3-ubyte …)")
    return found


def read_idx_files(files: Mapping[str, Mapping[str, Path]], reading: Reading) -> Data:
    """Read the splits of one IDX data set.

    Raises:
        TaskError: a file is no IDX file, truncated or too large, or images and labels differ in number.
    """
    parts = {}
    for split, pair in files.items():
        images, labels = read_idx(pair["images"], reading.max_bytes), read_idx(pair["labels"], reading.max_bytes)
        if labels.ndim != 1 or len(labels) != len(images):
            raise TaskError(f"{pair['labels'].name} has labels of shape {labels.shape} for {len(images)} images")
        parts[split] = Part(as_pixels(images, reading.layout), labels)
    folder = files["train"]["images"].parent
    names = {split: pair["images"].name for split, pair in files.items()}
    return Data(
        folder.resolve().name,
        parts["train"],
        validation=parts.get("validation"),
        test=parts.get("test"),
        source={"kind": "idx", "files": names},
    )


def read_idx(path: Path, max_bytes: int) -> NDArray[Any]:
    """Read one IDX file, gzipped or not.

    Raises:
        TaskError: a wrong magic number, more values announced than `max_bytes`, or fewer bytes than announced.
    """
    try:
        with path.open("rb") as probe:
            zipped = probe.read(2) == b"\x1f\x8b"
        with gzip.open(path, "rb") if zipped else path.open("rb") as handle:
            return _parse(handle, path, max_bytes, None if zipped else path.stat().st_size)  # type: ignore[arg-type]
    except (OSError, EOFError, zlib.error) as error:
        raise TaskError(f"cannot read {path.name}: {error}", hint="the file seems damaged or truncated") from error


def _parse(handle: BinaryIO, path: Path, max_bytes: int, size: int | None) -> NDArray[Any]:
    magic = handle.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in DTYPES or not 1 <= magic[3] <= MAX_AXES:
        raise TaskError(
            f"{path.name} is no IDX file: its magic number is {magic.hex() or 'missing'}", hint="00000803 for images"
        )
    head = handle.read(4 * magic[3])
    shape = tuple(np.frombuffer(head, dtype=">u4").tolist()) if len(head) == 4 * magic[3] else ()
    dtype = np.dtype(DTYPES[magic[2]])
    announced = math.prod(shape) * dtype.itemsize
    if not shape or announced == 0:
        raise TaskError(f"{path.name} is empty or ends within its header")
    if announced > max_bytes:
        raise TaskError(
            f"{path.name} announces {announced} bytes, more than the limit of {max_bytes}", hint="max_bytes=…"
        )
    if size is not None and size != 4 + len(head) + announced:
        raise TaskError(
            f"{path.name} should have {4 + len(head) + announced} bytes for its shape {shape}, it has {size}"
        )
    body = handle.read(announced + 1)
    if len(body) != announced:
        relation = "fewer" if len(body) < announced else "more"
        raise TaskError(f"{path.name} has {relation} bytes than the {announced} of its shape {shape}: it is damaged")
    return np.frombuffer(body, dtype=dtype).reshape(shape).astype(dtype.newbyteorder("="), copy=True)
