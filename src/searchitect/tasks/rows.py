"""Rows for prediction: new data for a saved model, read by what its task wrote down."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from searchitect.errors import TaskError
from searchitect.tasks.arrays import as_pixels
from searchitect.tasks.idx import is_idx, read_idx
from searchitect.tasks.images import UNREADABLE, decode, image_paths, is_image
from searchitect.tasks.npz import inputs_of
from searchitect.tasks.preprocessing import ImagePreprocessing, TablePreprocessing, from_json
from searchitect.tasks.table_files import is_table, read_columns
from searchitect.tasks.tables import Columns, Schema, encode, table_of
from searchitect.tasks.task import RawInputs

__all__ = ["rows_for"]

TABLE_FORMS = "a .csv, .tsv or .parquet file with the task's columns, or a .npz file with X"
IMAGE_FORMS = "an image, a folder of images, a .npz file with X, or an IDX file of images"


def rows_for(description: Mapping[str, Any], path: str | Path, *, max_bytes: int = 16 << 30) -> RawInputs:
    """Read a file or folder as raw inputs of the task that `Task.describe()` described.

    Columns that the task does not use (such as the target) are ignored. A category that training never saw has the
    code -1, like a missing one.

    Args:
        description: the JSON of `Task.describe()`, saved with a model.
        path: a table for a tabular task; an image, a folder of images (in the order of their names), `.npz` or IDX
            images for an image task.
        max_bytes: larger files are refused.

    Raises:
        TaskError: the file cannot be read, lacks columns, or holds images of another shape.
    """
    if "preprocessing" not in description:
        raise TaskError("this model was saved without its preprocessing, so no rows can be read for it")
    preprocessing = from_json(description["preprocessing"])
    where = Path(path)
    if not where.exists():
        raise TaskError(f"there is no file or folder {str(path)!r}")
    if isinstance(preprocessing, TablePreprocessing):
        return _table_rows(preprocessing, where, max_bytes)
    assert isinstance(preprocessing, ImagePreprocessing)
    return (_image_rows(preprocessing, where, max_bytes),)


def _table_rows(preprocessing: TablePreprocessing, path: Path, max_bytes: int) -> RawInputs:
    schema = Schema(preprocessing.numeric, tuple(name for name, _ in preprocessing.categories))
    columns: Columns
    if is_table(path):
        columns = read_columns(path, max_bytes)
    elif path.suffix.lower() == ".npz":
        array = inputs_of(path, max_bytes)
        if schema.text or array.ndim != 2 or array.shape[1] != len(schema.numeric) or array.dtype.kind not in "biuf":
            expected = f"numbers of shape (n, {len(schema.numeric)})"
            raise TaskError(
                f"{path.name} should hold {expected}, got {array.dtype} of {array.shape}",
                hint="a table with categories is read from a .csv, .tsv or .parquet file" if schema.text else None,
            )
        columns = {name: array[:, i].astype(np.float64) for i, name in enumerate(schema.numeric)}
    else:
        raise TaskError(f"cannot read {path.name} for a task of tables", hint=TABLE_FORMS)
    return encode(table_of(columns, schema, path.name), preprocessing)


def _image_rows(preprocessing: ImagePreprocessing, path: Path, max_bytes: int) -> NDArray[Any]:
    if path.is_dir() or is_image(path):
        return _decoded(preprocessing, path)
    if path.suffix.lower() == ".npz":
        array = inputs_of(path, max_bytes)
    elif is_idx(path) or path.name.lower().endswith((".idx", "ubyte", "ubyte.gz")):
        array = read_idx(path, max_bytes)
    else:
        raise TaskError(f"cannot read {path.name} for a task of images", hint=IMAGE_FORMS)
    pixels = as_pixels(_with_examples(array, preprocessing.shape)).pixels
    if pixels.shape[1:] != preprocessing.shape:
        raise TaskError(
            f"the model was trained on images of shape {preprocessing.shape}, {path.name} has {pixels.shape[1:]}"
        )
    if preprocessing.dtype == "uint8" and pixels.dtype != np.uint8:
        raise TaskError(f"the model was trained on whole pixel values from 0 to 255, {path.name} holds others")
    return pixels.astype(preprocessing.dtype)


def _with_examples(array: NDArray[Any], shape: tuple[int, int, int]) -> NDArray[Any]:
    """A single image gets the axis of examples."""
    single = array.shape in (shape, shape[1:], (*shape[1:], shape[0]))
    return array[None] if single else array


def _decoded(preprocessing: ImagePreprocessing, path: Path) -> NDArray[Any]:
    channels, height, width = preprocessing.shape
    if channels not in (1, 3) or preprocessing.dtype != "uint8":
        raise TaskError(
            "this model was trained on arrays that image files cannot stand for", hint="give a .npz file with X"
        )
    paths = image_paths(path) if path.is_dir() else [path]
    if not paths:
        raise TaskError(f"{path.name} has no images", hint=IMAGE_FORMS)
    pixels = np.empty((len(paths), *preprocessing.shape), dtype=np.uint8)
    for place, file in enumerate(paths):
        try:
            image = decode(file, "L" if channels == 1 else "RGB", (height, width))
        except UNREADABLE as error:
            raise TaskError(f"cannot read the image {file.name}: {error}") from error
        # Files go to 255; `digits` goes to 16.
        pixels[place] = np.rint(image * (preprocessing.scale / 255.0)) if preprocessing.scale != 255.0 else image
    return pixels
