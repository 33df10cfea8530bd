"""Weights and architecture weights learn from different examples, of all classes."""

import numpy as np
import pytest
import torch

import searchitect as sa
from searchitect.errors import EvaluationError
from searchitect.supernet import load


def rows(batches):
    return torch.cat([inputs.reshape(len(inputs), -1) for inputs, _ in batches.in_order(64)])


def classes(batches):
    return torch.cat([targets for _, targets in batches.in_order(64)])


@pytest.fixture(scope="module")
def digits():
    return sa.task("digits")


def test_the_two_parts_share_no_example_and_lose_none(digits):
    data = load(digits, search_share=0.5)
    assert len(data.train) + len(data.search) == len(digits.train)
    assert abs(len(data.train) - len(data.search)) <= 1
    whole = load(digits)
    assert whole.search is whole.train
    both = torch.cat([rows(data.train), rows(data.search)]).sum(0)
    assert torch.allclose(both, rows(whole.train).sum(0), rtol=1e-4)


def test_every_class_keeps_its_share_in_both_parts(digits):
    data = load(digits, search_share=0.5, data_fraction=0.3)
    first, second = (torch.bincount(classes(part), minlength=10) for part in (data.train, data.search))
    assert int((first - second).abs().max()) <= 1


def test_a_class_that_would_miss_a_part_is_named():
    x = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
    y = np.array([0] * 19 + [1] * 18 + [2] * 3)
    with pytest.raises(EvaluationError, match="class 2 has too few examples.*\n.*at least 2 examples"):
        load(sa.task((x, y)), search_share=0.5)


def test_a_share_of_all_is_refused(digits):
    with pytest.raises(EvaluationError, match=r"lies in \[0, 1\), got 1"):
        load(digits, search_share=1.0)


def test_targets_of_a_regression_are_standardised():
    x = np.random.default_rng(0).normal(size=(60, 3)).astype(np.float32)
    data = load(sa.task((x, 100 + 20 * x[:, 0])), search_share=0.5)
    targets = classes(data.train)
    assert targets.shape[1] == 1
    assert float(targets.mean().abs()) < 0.5
