"""The laws of splits: disjoint, complete, stratified within one, stable."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from searchitect.errors import TaskError
from searchitect.tasks.splits import check_class_sizes, check_fraction, hold_out, strata

counts_of_classes = st.lists(st.integers(2, 40), min_size=2, max_size=8)
fractions = st.floats(0.05, 0.9)


@given(counts_of_classes, fractions, st.integers(0, 10**9))
@settings(max_examples=80, deadline=None)
def test_a_stratified_cut_is_disjoint_complete_and_keeps_shares_within_one(
    sizes: list[int], fraction: float, seed: int
) -> None:
    classes = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(sizes)), sizes))
    kept, held = hold_out(len(classes), fraction, seed, "test", classes)
    assert sorted([*kept, *held]) == list(range(len(classes)))
    for label, size in enumerate(sizes):
        got = int((classes[held] == label).sum())
        assert 1 <= got <= size - 1
        assert abs(got - fraction * size) <= 1


@given(st.integers(3, 300), fractions, st.integers(0, 10**9))
@settings(max_examples=50, deadline=None)
def test_a_plain_cut_holds_out_the_share_asked_for(count: int, fraction: float, seed: int) -> None:
    kept, held = hold_out(count, fraction, seed, "test")
    assert sorted([*kept, *held]) == list(range(count))
    assert abs(len(held) - fraction * count) <= 1
    assert len(kept) >= 1


def test_the_total_is_right_where_every_class_alone_would_round_down() -> None:
    classes = np.repeat(np.arange(10), 7)  # 1.4 of each at 0.2: rounding alone would hold out 10, not 14
    _, held = hold_out(70, 0.2, 0, "test", classes)
    assert len(held) == 14


def test_the_same_seed_cuts_the_same_and_another_differently() -> None:
    classes = np.arange(200) % 4
    first, again, other = (hold_out(200, 0.2, seed, "test", classes)[1] for seed in (1, 1, 2))
    assert (first == again).all()
    assert not np.array_equal(first, other)


def test_test_and_validation_are_cut_by_different_streams() -> None:
    assert not np.array_equal(hold_out(100, 0.2, 0, "test")[1], hold_out(100, 0.2, 0, "validation")[1])


def test_keep_leaves_examples_for_the_next_cut() -> None:
    kept, held = hold_out(6, 0.9, 0, "test", np.array([0, 0, 0, 1, 1, 1]), keep=2)
    assert len(held) == 2
    assert len(kept) == 4


@pytest.mark.parametrize("value", [0.0, 1.0, -0.1, 1.5, float("nan")])
def test_a_validation_share_outside_zero_to_one_is_refused(value: float) -> None:
    with pytest.raises(TaskError, match="validation_fraction"):
        check_fraction("validation_fraction", value, zero=False)


def test_classes_with_too_few_examples_are_named() -> None:
    with pytest.raises(TaskError, match=r"'rare' has 2") as caught:
        check_class_sizes(np.array([0, 0, 0, 1, 1]), ("common", "rare"), ("train", "test", "validation"))
    assert "test_fraction=0" in str(caught.value)


@given(st.integers(20, 500), st.floats(0.1, 0.5), st.integers(0, 10**6))
@settings(max_examples=40, deadline=None)
def test_strata_are_of_equal_size_and_follow_the_ranks(count: int, fraction: float, seed: int) -> None:
    values = np.random.default_rng(seed).exponential(size=count).astype(np.float32)
    found = strata(values, fraction)
    if found is None:
        assert min(count // 10, int(fraction * count)) < 2
        return
    sizes = np.bincount(found)
    assert sizes.max() - sizes.min() <= 1
    assert sizes.min() >= 9
    assert (np.diff(found[np.argsort(values, kind="stable")]) >= 0).all()


def test_a_stratified_cut_of_values_has_a_mean_nearer_to_that_of_all() -> None:
    """A skewed target of 100 values: over 200 seeds the validation mean of a plain cut strays several times as far."""
    values = np.random.default_rng(0).lognormal(sigma=1.0, size=100).astype(np.float32)
    groups = strata(values, 0.2)
    spread = {
        name: np.std([values[hold_out(100, 0.2, seed, "validation", by)[1]].mean() for seed in range(200)])
        for name, by in (("plain", None), ("strata", groups))
    }
    assert spread["strata"] < 0.6 * spread["plain"]


def test_few_values_and_several_targets_have_no_strata() -> None:
    assert strata(np.arange(19.0), 0.2) is None
    assert strata(np.arange(100.0), 0.01) is None
    assert strata(np.zeros((100, 2)), 0.2) is None
