"""Tasks that need no file: the small data sets inside scikit-learn."""

from __future__ import annotations

from typing import Any

import numpy as np

from searchitect.tasks.arrays import ImageArray
from searchitect.tasks.examples import Data, Part
from searchitect.tasks.tables import Schema, Table

__all__ = ["breast_cancer", "diabetes", "digits", "iris", "wine"]


def digits() -> Data:
    """1,797 handwritten digits, 10 classes, 1x8x8 uint8 from 0 to 16 (scale 16)."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    pixels = bunch.images.astype(np.uint8)[:, None]
    source = {"kind": "embedded", "name": "digits"}
    return Data("digits", Part(ImageArray(pixels, 16.0), bunch.target), source=source)


def breast_cancer() -> Data:
    """569 biopsies, 30 measurements, malignant or benign."""
    from sklearn.datasets import load_breast_cancer

    return _table("breast_cancer", load_breast_cancer())


def wine() -> Data:
    """178 wines, 13 chemical measurements, 3 cultivars."""
    from sklearn.datasets import load_wine

    return _table("wine", load_wine())


def iris() -> Data:
    """150 flowers, 4 lengths, 3 species."""
    from sklearn.datasets import load_iris

    return _table("iris", load_iris())


def diabetes() -> Data:
    """442 patients, 10 measurements in their own units, disease progression after a year (regression)."""
    from sklearn.datasets import load_diabetes

    return _table("diabetes", load_diabetes(scaled=False))


def _table(name: str, bunch: Any) -> Data:
    values = np.asarray(bunch.data, dtype=np.float32)
    schema = Schema(tuple(str(column) for column in bunch.feature_names), ())
    table = Table(schema, values, np.empty((len(values), 0), dtype=object))
    labels = tuple(str(label) for label in bunch.target_names) if "target_names" in bunch else None
    return Data(name, Part(table, bunch.target), labels=labels, source={"kind": "embedded", "name": name})
