"""The data sets inside scikit-learn, as documented."""

from __future__ import annotations

import numpy as np
import pytest

from searchitect.tasks.open import TASKS, task


@pytest.mark.parametrize(
    ("name", "inputs", "outputs", "count"),
    [
        ("digits", (1, 8, 8), 10, 1797),
        ("breast_cancer", (30,), 2, 569),
        ("wine", (13,), 3, 178),
        ("iris", (4,), 3, 150),
        ("diabetes", (10,), 1, 442),
    ],
)
def test_each_has_its_shape_and_all_its_examples(name: str, inputs: tuple[int, ...], outputs: int, count: int) -> None:
    made = task(name)
    assert made.test is not None
    assert (made.spec.inputs, made.spec.outputs) == (inputs, outputs)
    assert len(made.train) + len(made.validation) + len(made.test) == count
    assert len(made.test) == pytest.approx(0.2 * count, abs=1)
    assert len(made.labels) == (0 if name == "diabetes" else outputs)


def test_every_registered_name_is_tried_above() -> None:
    assert sorted(TASKS) == ["breast_cancer", "diabetes", "digits", "iris", "wine"]


def test_digits_are_bytes_from_0_to_16_and_standardised_by_that_scale() -> None:
    made = task("digits")
    pixels = made.train.read(np.arange(len(made.train)))[0]
    assert pixels.dtype == np.uint8
    assert pixels.max() == 16
    assert made.preprocessing.to_json()["scale"] == 16.0
    assert made.preprocessing.to_json()["mean"][0] == pytest.approx(pixels.mean() / 16, rel=1e-6)
