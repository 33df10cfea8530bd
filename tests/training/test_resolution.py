from __future__ import annotations

from typing import Any

import pytest
import torch

from searchitect.errors import EvaluationError
from searchitect.spaces.task_spec import TaskSpec
from searchitect.tasks import with_preprocessing
from searchitect.training import Resized, at_resolution


def test_a_resolution_multiplies_both_sides() -> None:
    assert at_resolution(TaskSpec((3, 32, 20), 10), 0.5).inputs == (3, 16, 10)
    assert at_resolution(TaskSpec((1, 2, 2), 10), 0.1).inputs == (1, 1, 1)


def test_full_resolution_changes_nothing() -> None:
    spec = TaskSpec((7,), 2, domain="tabular")
    assert at_resolution(spec, 1.0) is spec


@pytest.mark.parametrize("resolution", [0.0, 1.2, -1.0])
def test_a_resolution_outside_of_0_to_1_is_refused(resolution: float) -> None:
    with pytest.raises(EvaluationError, match="resolution lies in"):
        at_resolution(TaskSpec((1, 8, 8), 3), resolution)


def test_a_table_has_no_resolution() -> None:
    with pytest.raises(EvaluationError, match="needs images"):
        at_resolution(TaskSpec((7,), 2, domain="tabular"), 0.5)


def test_images_shrink_to_the_mean_of_the_pixels_they_cover(images: Any) -> None:
    raw = torch.from_numpy(images.train.inputs[0])
    full = images.preprocessing.module()(raw)
    small = Resized(images.preprocessing, (4, 4)).module()(raw)
    assert small.shape == (90, 1, 4, 4)
    assert torch.allclose(small, torch.nn.functional.avg_pool2d(full, 2))


def test_weights_of_a_low_resolution_do_not_load_into_the_full_model(images: Any) -> None:
    body = torch.nn.Flatten()
    small = with_preprocessing(Resized(images.preprocessing, (4, 4)), body)
    with pytest.raises(RuntimeError, match=r"preprocess\.inner"):
        with_preprocessing(images.preprocessing, body).load_state_dict(small.state_dict())


def test_statistics_of_the_targets_are_those_of_the_inner_preprocessing(images: Any) -> None:
    resized = Resized(images.preprocessing, (4, 4))
    assert resized.output_mean == ()
    assert resized.to_json()["inner"] == images.preprocessing.to_json()
