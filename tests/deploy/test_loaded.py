from __future__ import annotations

import numpy as np
import pytest
import torch

from searchitect.deploy.loaded import LoadedModel, raw_inputs
from searchitect.errors import TaskError
from tests.deploy import families
from tests.deploy.families import Case


def loaded(case: Case) -> LoadedModel:
    return LoadedModel.of(case.model, case.architecture, case.task.describe())


@pytest.fixture(scope="module")
def image() -> Case:
    return families.case(families.ConvNet, families.image_task(8))


@pytest.fixture(scope="module")
def table() -> Case:
    return families.case(families.Perceptron, families.table_task())


@pytest.fixture(scope="module")
def regression() -> Case:
    return families.case(families.Perceptron, families.regression_task())


def test_predictions_are_the_labels_of_the_largest_scores(image: Case) -> None:
    model = loaded(image)
    scores = model.scores(*image.sample)
    assert scores.dtype == np.float32
    assert scores.shape == (40, 3)
    assert model.predict(*image.sample).tolist() == [image.task.labels[i] for i in scores.argmax(1)]


def test_probabilities_sum_to_one_and_order_like_the_scores(table: Case) -> None:
    model = loaded(table)
    probabilities = model.probabilities(*table.sample)
    np.testing.assert_allclose(probabilities.sum(1), 1, rtol=1e-6)
    assert (probabilities.argmax(1) == model.scores(*table.sample).argmax(1)).all()


def test_a_regression_predicts_values_and_has_no_probabilities(regression: Case) -> None:
    model = loaded(regression)
    assert model.predict(*regression.sample).shape == (30,)
    with pytest.raises(TaskError, match="no probabilities"):
        model.probabilities(*regression.sample)


def test_many_examples_are_answered_in_batches(regression: Case) -> None:
    many = np.resize(regression.sample[0], (1300, 4))
    np.testing.assert_allclose(
        loaded(regression).scores(many)[:30], loaded(regression).scores(*regression.sample), rtol=1e-6
    )


def test_lists_tensors_and_wider_types_are_taken(image: Case, table: Case) -> None:
    model = loaded(image)
    expected = model.scores(*image.sample)
    for same in (image.sample[0].tolist(), torch.tensor(image.sample[0]), image.sample[0].astype(np.int64)):
        np.testing.assert_array_equal(model.scores(same), expected)
    numeric, codes = table.sample
    np.testing.assert_array_equal(
        loaded(table).scores(numeric.astype(np.float64), codes.astype(np.int8)), loaded(table).scores(*table.sample)
    )


def test_the_wrong_number_of_arrays_says_what_each_must_be(table: Case) -> None:
    with pytest.raises(TaskError, match=r"2 arrays \(numeric: float32 \(n, 3\) and codes: int64 \(n, 2\)\), got 1"):
        loaded(table).scores(table.sample[0])


def test_one_example_without_a_batch_says_how_to_add_it(image: Case) -> None:
    with pytest.raises(TaskError, match=r"pixels: uint8 \(n, 1, 8, 8\), got \(1, 8, 8\)(.|\n)*array\[None\]"):
        loaded(image).predict(image.sample[0][0])


@pytest.mark.parametrize(
    ("pixels", "message"),
    [
        (np.zeros((2, 1, 8, 8), np.float32), "pixels must be uint8, got float32(.|\n)*0..255"),
        (np.full((2, 1, 8, 8), 300), "pixels must be uint8, got int64"),
        (np.full((2, 1, 8, 8), -1), "pixels must be uint8"),
        (np.full((2, 1, 8, 8), "a"), "must be numbers"),
        (np.full((2, 1, 8, 8), None), "must be numbers"),
        (np.zeros((0, 1, 8, 8), np.uint8), "at least one example"),
        (np.zeros((2, 3, 8, 8), np.uint8), "expected pixels"),
    ],
)
def test_pixels_of_another_kind_are_refused(image: Case, pixels: np.ndarray, message: str) -> None:
    with pytest.raises(TaskError, match=message):
        loaded(image).scores(pixels)


def test_arrays_of_different_lengths_are_refused(table: Case) -> None:
    numeric, codes = table.sample
    with pytest.raises(TaskError, match=r"as many in every array, got \[3, 4\]"):
        loaded(table).scores(numeric[:3], codes[:4])


def test_the_callers_arrays_are_not_changed(table: Case) -> None:
    before = [array.copy() for array in table.sample]
    raw_inputs(table.sample, table.task.describe()["preprocessing"])
    loaded(table).scores(*table.sample)
    for array, copy in zip(table.sample, before, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_classes_without_labels_are_predicted_by_their_numbers(table: Case) -> None:
    model = LoadedModel.of(table.model, table.architecture, table.task.describe() | {"labels": []})
    assert set(model.predict(*table.sample)) <= {"0", "1"}


def test_the_example_fits_the_model(image: Case, table: Case, regression: Case) -> None:
    for case in (image, table, regression):
        model = loaded(case)
        example = model.example()
        assert [tensor.numpy().dtype for tensor in example] == [array.dtype for array in case.sample]
        assert model.model(*example).shape == (1, case.task.spec.outputs)
