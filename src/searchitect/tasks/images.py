"""Image files: a folder for each class, decoded to one size; in memory where they fit, otherwise on demand."""

from __future__ import annotations

import hashlib
import os
import struct
import warnings
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from searchitect.errors import MissingExtraError, TaskError
from searchitect.tasks.arrays import ImageArray
from searchitect.tasks.examples import Data, Examples, Part, Reading
from searchitect.tasks.task import Preprocessing, RawInputs, Split

__all__ = ["FileSplit", "ImageFiles", "class_folders", "decode", "image_paths", "is_image", "read_image_folders"]

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm")
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM")
GREY = ("1", "L", "I", "I;16", "I;16B", "I;16L")
MAX_SIDE = 128
MAX_FILE_BYTES = 256 << 20
MAX_FILES = 5_000_000
STATISTICS_IMAGES = 2000
UNREADABLE = (OSError, SyntaxError, ValueError, EOFError, TypeError, IndexError, KeyError, zlib.error, struct.error)

Mode = Literal["L", "RGB"]


@dataclass(frozen=True, slots=True, eq=False)
class ImageFiles:
    """Images that are decoded when they are read.

    Attributes:
        paths: the files.
        mode: "L" for grey (1 channel), "RGB" for colour (3 channels).
        size: (height, width) to which each is brought.
    """

    paths: tuple[Path, ...]
    mode: Mode
    size: tuple[int, int]

    @property
    def domain(self) -> str:
        return "image"

    def __len__(self) -> int:
        return len(self.paths)

    def cut(self, indices: NDArray[np.int64]) -> ImageFiles:
        return ImageFiles(tuple(self.paths[i] for i in indices), self.mode, self.size)

    def fit(self, output_mean: tuple[float, ...], output_std: tuple[float, ...]) -> Preprocessing:
        """Learn from at most 2,000 images, evenly spaced."""
        few = np.unique(np.linspace(0, len(self) - 1, min(len(self), STATISTICS_IMAGES)).astype(np.int64))
        return self.cut(few).load().fit(output_mean, output_std)

    def load(self) -> ImageArray:
        """Decode all of them."""
        return ImageArray(np.stack([_decode_or_refuse(path, self.mode, self.size) for path in self.paths]), 255.0)

    def split(self, targets: NDArray[Any], preprocessing: Preprocessing) -> Split:
        return FileSplit(self, targets)

    def digest(self) -> bytes:
        """Hash of folder, name and size in bytes of each file; what lies in them is not read."""
        total = hashlib.blake2b(repr((self.mode, self.size)).encode(), digest_size=16)
        for path in self.paths:
            total.update(f"{path.parent.name}/{path.name} {path.stat().st_size}\n".encode())
        return total.digest()


@dataclass(frozen=True, slots=True, eq=False)
class FileSplit:
    """A split whose images stay in their files."""

    files: ImageFiles
    targets: NDArray[Any]

    @property
    def nbytes(self) -> int:
        return len(self.files) * (3 if self.files.mode == "RGB" else 1) * self.files.size[0] * self.files.size[1]

    def __len__(self) -> int:
        return len(self.targets)

    def read(self, indices: NDArray[np.int64]) -> RawInputs:
        return (self.files.cut(indices).load().pixels,)


def is_image(path: Path) -> bool:
    """Whether the file's name is that of an image."""
    return path.name.lower().endswith(SUFFIXES) and not path.name.startswith(".")


def class_folders(folder: Path) -> list[Path]:
    """The folders of the classes, in the order of their names."""
    return sorted(entry for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith((".", "_")))


def image_paths(folder: Path) -> list[Path]:
    """All image files below a folder, in order.

    Raises:
        TaskError: there are more than five million.
    """
    found = []
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [Path(root, name) for name in names if is_image(Path(name))]
        if len(found) > MAX_FILES:
            raise TaskError(f"{folder.name} has more than {MAX_FILES} image files")
    return sorted(found)


def _refuse_links_out(paths: Sequence[Path], folders: Mapping[str, Path]) -> None:
    """Refuse links in a folder of data that lead out of it: who packed it does not say what else is read.

    Raises:
        TaskError: names the first.
    """
    inside = tuple(folder.resolve() for folder in folders.values())
    real = {parent: parent.resolve() for parent in {path.parent for path in paths}}  # one call for each folder
    for path in paths:
        at = path.resolve() if path.is_symlink() else real[path.parent] / path.name
        if not any(at.is_relative_to(folder) for folder in inside):
            raise TaskError(
                f"{path.parent.name}/{path.name} is a link that leads out of the folder of the data",
                hint="copy the files, or read links on purpose: sa.task(FOLDER, follow_links=True)",
            )


def read_image_folders(folders: Mapping[str, Path], reading: Reading) -> Data:
    """Read a folder of class folders for each split.

    Args:
        folders: "train", and perhaps "test" and "validation".

    Raises:
        TaskError: no classes, a class without images, a class that training lacks, or unreadable images.
        MissingExtraError: Pillow is not installed.
    """
    classes = [folder.name for folder in class_folders(folders["train"])]
    if not classes:
        raise TaskError(
            f"{folders['train'].name} has no folders of classes",
            hint="one folder for each class, with its images inside",
        )
    listed = {split: _list_classes(folder, classes, split) for split, folder in folders.items()}
    if not reading.follow_links:
        _refuse_links_out([path for paths, _ in listed.values() for path in paths], folders)
    headers, bad = _scan([path for paths, _ in listed.values() for path in paths])
    _refuse(bad, reading.skip_unreadable)
    listed = {split: _without(paths, labels, bad) for split, (paths, labels) in listed.items()}
    if not listed["train"][0]:
        raise TaskError(f"no readable image is left in {folders['train'].name}")
    mode: Mode = "L" if all(header[1] in GREY for header in headers) else "RGB"
    size = reading.image_size or _median_size([header[0] for header in headers])
    total = sum(len(paths) for paths, _ in listed.values()) * size[0] * size[1] * (1 if mode == "L" else 3)
    held = total <= reading.memory_bytes
    parts = {}
    for split, (paths, labels) in listed.items():
        examples, kept = _decode_all(ImageFiles(tuple(paths), mode, size), reading.skip_unreadable, held)
        parts[split] = Part(examples, np.array(labels)[kept])
    left = sum(len(part.examples) for part in parts.values())
    return Data(
        folders["train"].resolve().name,
        parts["train"],
        validation=parts.get("validation"),
        test=parts.get("test"),
        source={"kind": "images", "mode": mode, "size": list(size), "skipped": len(headers) + len(bad) - left},
    )


def _list_classes(folder: Path, classes: Sequence[str], split: str) -> tuple[list[Path], list[str]]:
    paths: list[Path] = []
    labels: list[str] = []
    for entry in class_folders(folder):
        if entry.name not in classes:
            raise TaskError(f"the {split} folder has the class {entry.name!r}, which training lacks")
        found = image_paths(entry)
        if not found:
            raise TaskError(
                f"the class {entry.name!r} of the {split} folder has no images",
                hint=f"images are files named *{', *'.join(SUFFIXES)}",
            )
        paths += found
        labels += [entry.name] * len(found)
    return paths, labels


def _without(paths: list[Path], labels: list[str], bad: Mapping[Path, str]) -> tuple[list[Path], list[str]]:
    kept = [(path, label) for path, label in zip(paths, labels, strict=True) if path not in bad]
    return [path for path, _ in kept], [label for _, label in kept]


def _median_size(sizes: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """Median height and width; if the longer side is above 128, both are scaled down."""
    width, height = (float(np.median([size[axis] for size in sizes])) for axis in (0, 1))
    scale = min(1.0, MAX_SIDE / max(width, height))
    return max(1, round(height * scale)), max(1, round(width * scale))


def _scan(paths: Sequence[Path]) -> tuple[list[tuple[tuple[int, int], str]], dict[Path, str]]:
    """Read the header of every file: (size, mode) of those that can be read, the reasons for the others."""
    headers, bad = [], {}
    for path in paths:
        try:
            with _opened(path) as image:
                headers.append((image.size, _plain_mode(image)))
        except UNREADABLE as error:
            bad[path] = str(error) or type(error).__name__
    return headers, bad


def _plain_mode(image: Any) -> str:
    return "L" if image.mode == "LA" else str(image.mode)


def _refuse(bad: Mapping[Path, str], skip: bool) -> None:
    if not bad or skip:
        return
    shown = "; ".join(f"{path.parent.name}/{path.name} ({reason})" for path, reason in list(bad.items())[:5])
    more = f" and {len(bad) - 5} more" if len(bad) > 5 else ""
    raise TaskError(
        f"{len(bad)} image file(s) cannot be read: {shown}{more}",
        hint="repair or remove them, or leave them out from Python: sa.task(FOLDER, skip_unreadable=True)",
    )


def _decode_all(files: ImageFiles, skip: bool, held: bool) -> tuple[Examples, NDArray[np.int64]]:
    """Decode all files: the examples that can be read, and their places.

    Files that are not held in memory are decoded here only to find those to skip.
    """
    if not held and not skip:
        return files, np.arange(len(files))
    channels = 1 if files.mode == "L" else 3
    pixels = np.empty((len(files) if held else 1, channels, *files.size), dtype=np.uint8)
    kept: list[int] = []
    bad: dict[Path, str] = {}
    for place, path in enumerate(files.paths):
        try:
            pixels[len(kept) if held else 0] = decode(path, files.mode, files.size)
            kept.append(place)
        except UNREADABLE as error:
            bad[path] = str(error) or type(error).__name__
    _refuse(bad, skip)
    places = np.array(kept, dtype=np.int64)
    return ImageArray(pixels[: len(kept)], 255.0) if held else files.cut(places), places


def decode(path: Path, mode: Mode, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Read one image: turned upright by its EXIF mark, transparency dropped, resized (bilinear) to `size`.

    Returns:
        uint8, (channels, height, width).

    Raises:
        OSError, ValueError and other errors of damaged files.
    """
    from PIL import Image, ImageOps

    with _opened(path) as image:
        image.load()
        ImageOps.exif_transpose(image, in_place=True)  # no copies: a few bytes can stand for 89 million pixels
        plain = _eight_bit(image) if image.mode.startswith("I") else image
        plain = plain if plain.mode == mode else plain.convert(mode)
        resized = plain.resize((size[1], size[0]), Image.Resampling.BILINEAR)
        pixels = np.array(resized, dtype=np.uint8)
    return pixels[None] if mode == "L" else np.ascontiguousarray(pixels.transpose(2, 0, 1))


def _decode_or_refuse(path: Path, mode: Mode, size: tuple[int, int]) -> NDArray[np.uint8]:
    try:
        return decode(path, mode, size)
    except UNREADABLE as error:
        _refuse({path: str(error)}, skip=False)
        raise


def _eight_bit(image: Any) -> Any:
    """Pillow cuts 16-bit grey values off at 255; we keep the upper byte instead."""
    from PIL import Image

    values = np.clip(np.asarray(image).astype(np.int64), 0, 65535)
    return Image.fromarray((values >> 8).astype(np.uint8))


def _pillow() -> ModuleType:
    try:
        from PIL import Image
    except ImportError as error:
        raise MissingExtraError("reading images", "data") from error
    return Image


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Open an image of a known format; an image that unpacks to too many pixels is an error."""
    pillow = _pillow()
    if not path.is_file():  # to open a pipe would wait for ever
        raise ValueError("no regular file")
    if path.stat().st_size > MAX_FILE_BYTES:
        raise ValueError(f"larger than {MAX_FILE_BYTES >> 20} MiB")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", pillow.DecompressionBombWarning)
        try:
            with pillow.open(path, formats=FORMATS) as image:
                yield image
        except (pillow.DecompressionBombError, pillow.DecompressionBombWarning) as error:
            raise ValueError(str(error)) from error
