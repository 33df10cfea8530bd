"""Predictions for a file of new examples."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from searchitect.deploy.loaded import LoadedModel
from searchitect.deploy.loading import load
from searchitect.tasks.rows import rows_for
from searchitect.tasks.task import RawInputs

__all__ = ["predict_file"]


def predict_file(folder: str | Path, path: str | Path, space: type | None = None) -> list[dict[str, Any]]:
    """Return one row for every example of a file, in its order.

    A row is `{"prediction": label, "probabilities": {label: share}}` for a classification and
    `{"prediction": value}`, or a list of values, for a regression: plain data that JSON takes.

    Args:
        folder: a run folder.
        path: a table, an image, a folder of images, `.npz` or IDX, whichever the task reads; columns that the
            task does not know are ignored.
        space: your search-space class, where the model is of one.

    Raises:
        ExportError: as `load`.
        TaskError: the file cannot be read as examples of the task.
    """
    loaded = load(folder, space)
    return _rows(loaded, rows_for(loaded.description, path))


def _rows(loaded: LoadedModel, raw: RawInputs) -> list[dict[str, Any]]:
    predictions = loaded.predict(*raw).tolist()
    if not loaded.classifies:
        return [{"prediction": value} for value in predictions]
    shares = loaded.probabilities(*raw)
    return [
        {"prediction": label, "probabilities": _named(loaded, row)}
        for label, row in zip(predictions, shares.tolist(), strict=True)
    ]


def _named(loaded: LoadedModel, shares: list[float]) -> Mapping[str, float]:
    return {label: round(share, 6) for label, share in zip(loaded.class_names, shares, strict=True)}
