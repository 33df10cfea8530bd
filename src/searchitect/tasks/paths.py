"""Paths: which reader a file or folder asks for, and where its splits are."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from searchitect.errors import TaskError
from searchitect.tasks.examples import Data, Reading
from searchitect.tasks.idx import find_idx, is_idx, read_idx_files
from searchitect.tasks.images import class_folders, image_paths, read_image_folders
from searchitect.tasks.npz import read_npz
from searchitect.tasks.table_files import is_table, read_tables

__all__ = ["read_path"]

SPLIT_WORDS = {
    "train": ("train", "training"),
    "test": ("test", "testing"),
    "validation": ("validation", "valid", "val", "dev"),
}
FORMS = "a .npz, .csv, .tsv or .parquet file, or a folder of images by class, of IDX files or of such a file"


def read_path(path: Path, test: Any, validation: Any, reading: Reading) -> Data:
    """Read a file or folder, with its own official splits or those at the paths `test` and `validation`.

    Raises:
        TaskError: nothing that can be read lies there, or the given splits are of another form.
    """
    given = {
        split: _given(split, value)
        for split, value in (("test", test), ("validation", validation))
        if value is not None
    }
    if path.is_dir():
        return replace(_read_folder(path, given, reading), name=path.resolve().name)
    return _file_reader(path)({"train": path, **given}, reading)


def _given(split: str, value: Any) -> Path:
    if not isinstance(value, str | Path):
        raise TaskError(f"{split} must be a path like the data themselves, got a {type(value).__name__}")
    path = Path(value)
    if not path.exists():
        raise TaskError(f"there is no file or folder {str(value)!r} for {split}")
    return path


def _file_reader(path: Path) -> Callable[[dict[str, Path], Reading], Data]:
    if is_table(path):
        return read_tables
    if path.suffix.lower() == ".npz":
        return read_npz
    if path.suffix.lower() in (".pkl", ".pickle", ".pt", ".pth", ".joblib"):
        raise TaskError(
            f"{path.name} is a pickle, which could run any code; it is never opened", hint=f"save it as {FORMS}"
        )
    if is_idx(path):
        raise TaskError(f"{path.name} is one of several IDX files", hint="name the folder that holds images and labels")
    raise TaskError(f"cannot tell what {path.name} is", hint=FORMS)


def _read_folder(folder: Path, given: dict[str, Path], reading: Reading) -> Data:
    idx = find_idx(folder)
    if idx:
        if given:
            raise TaskError("a folder of IDX files brings its own splits and takes no others")
        return read_idx_files(idx, reading)
    files = sorted(entry for entry in folder.iterdir() if entry.is_file())
    for mine, reader in ((is_table, read_tables), (lambda path: path.suffix.lower() == ".npz", read_npz)):
        fitting = [path for path in files if mine(path)]
        if fitting:
            return reader(_by_split(fitting, folder) | given, reading)
    return read_image_folders(_image_folders(folder) | given, reading)


def _by_split(files: list[Path], folder: Path) -> dict[str, Path]:
    """Tell train, test and validation files apart by a word in their names; a single file is the training data."""
    if len(files) == 1:
        return {"train": files[0]}
    found: dict[str, Path] = {}
    for path in files:
        words = re.split(r"[^a-z]+", path.name.lower().split(".")[0])
        split = next((split for split, known in SPLIT_WORDS.items() if set(known) & set(words)), None)
        if split is None or split in found:
            shown = ", ".join(entry.name for entry in files[:6])
            raise TaskError(
                f"cannot tell which file of {folder.name} is for training: {shown}",
                hint="name one file, or call them train.… and test.…",
            )
        found[split] = path
    if "train" not in found:
        raise TaskError(f"{folder.name} has no file for training", hint="call it train.…")
    return found


def _image_folders(folder: Path) -> dict[str, Path]:
    folders = class_folders(folder)
    found: dict[str, Path] = {}
    for split, words in SPLIT_WORDS.items():
        fitting = [entry for entry in folders if entry.name.lower() in words]
        if fitting:
            found[split] = fitting[0]
    if "train" in found:
        return found
    if found:
        raise TaskError(f"{folder.name} has a folder {next(iter(found.values())).name!r} but no folder 'train'")
    images = image_paths(folder)
    if not folders or not images:
        what = "images, but no folders of classes" if images else "nothing that can be read"
        raise TaskError(f"{folder.name} holds {what}", hint=FORMS)
    return {"train": folder}
