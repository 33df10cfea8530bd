from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st

from searchitect.errors import EvaluationError
from searchitect.tasks import ArraySplit
from searchitect.training.examples import nested_order, raw_tensors, subset


def _split(targets: np.ndarray) -> ArraySplit:
    return ArraySplit((np.zeros((len(targets), 1), np.float32),), targets)


classes = st.lists(st.integers(0, 3), min_size=8, max_size=80).map(np.array)
shares = st.floats(0.05, 1.0)


@given(classes, st.booleans())
def test_the_order_is_a_permutation(targets: np.ndarray, stratified: bool) -> None:
    assert sorted(nested_order(targets, stratified=stratified)) == list(range(len(targets)))


@given(classes, shares, shares)
def test_a_smaller_share_is_a_prefix_of_a_larger_one(targets: np.ndarray, first: float, second: float) -> None:
    order = nested_order(targets, stratified=True)
    for share in (first, second):
        chosen = subset(_split(targets), share, stratified=True)
        if share < 1:
            assert list(chosen) == list(order[: len(chosen)])


@given(classes, shares)
def test_a_share_holds_every_class_about_in_proportion(targets: np.ndarray, share: float) -> None:
    chosen = subset(_split(targets), share, stratified=True)
    for label in np.unique(targets):
        whole, part = np.sum(targets == label), np.sum(targets[chosen] == label)
        assert part >= 1
        assert abs(part - whole * len(chosen) / len(targets)) <= 4  # at most one per class


def test_the_whole_split_is_taken_in_its_own_order() -> None:
    assert list(subset(_split(np.array([0, 1, 0])), 1.0, stratified=True)) == [0, 1, 2]


@pytest.mark.parametrize("share", [0.0, -0.5, 1.5, float("nan")])
def test_a_share_outside_of_0_to_1_is_refused(share: float) -> None:
    with pytest.raises(EvaluationError, match="data fraction lies in"):
        subset(_split(np.array([0, 1])), share, stratified=True)


def test_a_single_example_is_too_few() -> None:
    with pytest.raises(EvaluationError, match="at least 2 examples, got 1"):
        subset(_split(np.array([0])), 1.0, stratified=True)


def test_arrays_that_may_not_be_written_are_copied() -> None:
    class ReadOnly:
        targets = np.zeros(2)

        def __len__(self) -> int:
            return 2

        def read(self, indices: np.ndarray) -> tuple[np.ndarray, ...]:
            array = np.ones((2, 1), np.float32)
            array.flags.writeable = False
            return (array,)

    (tensor,) = raw_tensors(ReadOnly(), np.arange(2))
    tensor += 1
    assert tensor.tolist() == [[2.0], [2.0]]
