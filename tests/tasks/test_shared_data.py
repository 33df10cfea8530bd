"""Real data, where the shared data sets are at hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from searchitect.errors import TaskError
from searchitect.tasks.open import task
from tests import shared_data

pytestmark = pytest.mark.data


@pytest.fixture(scope="module")
def shared() -> Path:
    return shared_data.shared("datasets")


def test_adult_has_its_official_split_categories_and_missing_values(shared: Path) -> None:
    made = task(shared / "adult")
    assert made.test is not None
    assert len(made.train) + len(made.validation) == 32561
    assert len(made.test) == 16281
    assert made.labels == ("<=50K", ">50K")
    assert made.train.targets.mean() == pytest.approx(0.241, abs=1e-3)
    numeric, codes = made.train.read(np.arange(len(made.train)))
    assert (numeric.shape[1], codes.shape[1]) == (6, 8)
    assert (codes == -1).any(axis=0).sum() == 3


def test_bike_sharing_is_a_regression_and_its_date_a_number(shared: Path) -> None:
    made = task(shared / "bike_sharing_hourly", ignore=["casual", "registered"])
    assert made.spec.kind == "regression"
    assert made.source["target"] == "cnt"
    assert made.preprocessing.to_json()["numeric"][0] == "date"


def test_fashion_mnist_has_its_published_statistics(shared: Path) -> None:
    made = task(shared / "fashion_mnist")
    assert made.test is not None
    assert len(made.test) == 10000
    assert np.bincount(made.train.targets).tolist() == [5400] * 10
    document = made.preprocessing.to_json()
    assert document["mean"] == pytest.approx([0.2860], abs=1e-3)
    assert document["std"] == pytest.approx([0.3530], abs=1e-3)


def test_arrays_of_jpeg_streams_are_refused_clearly(shared: Path) -> None:
    with pytest.raises(TaskError, match="'jpeg'"):
        task(shared / "cifar10_jpeg")
