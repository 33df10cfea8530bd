"""Assembly: sizes that do not suffice, and splits that keep every class."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from searchitect.errors import TaskError
from searchitect.tasks.open import task


@given(st.lists(st.integers(3, 25), min_size=2, max_size=6), st.integers(0, 10**6), st.floats(0.1, 0.9))
@settings(max_examples=40, deadline=None)
def test_every_split_has_every_class_and_every_example_is_in_one_split(
    sizes: list[int], seed: int, fraction: float
) -> None:
    classes = np.repeat(np.arange(len(sizes)), sizes)
    x = np.arange(len(classes), dtype=np.float64)[:, None]
    made = task((x, classes), seed=seed, test_fraction=fraction, kind="classification")
    assert made.test is not None
    splits = (made.train, made.validation, made.test)
    for split in splits:
        assert set(split.targets.tolist()) == set(range(len(sizes)))
    seen = np.concatenate([split.read(np.arange(len(split)))[0][:, 0] for split in splits])
    assert sorted(seen.tolist()) == x[:, 0].tolist()
    for split in splits:
        assert np.array_equal(classes[split.read(np.arange(len(split)))[0][:, 0].astype(int)], split.targets)


def test_a_class_with_two_examples_needs_a_task_without_test() -> None:
    x, y = np.arange(12.0)[:, None], np.array([0] * 10 + [1] * 2)
    with pytest.raises(TaskError, match="'1' has 2"):
        task((x, y))
    assert task((x, y), test_fraction=0).test is None


def test_empty_official_splits_are_refused() -> None:
    x, y = np.arange(12.0)[:, None], np.arange(12) % 2
    with pytest.raises(TaskError, match="empty"):
        task((x, y), test=(x[:0], y[:0]))


def test_the_digest_sees_inputs_targets_and_labels() -> None:
    x, y = np.arange(20.0)[:, None], np.arange(20) % 2
    text = np.where(y == 0, "a", "b")
    digests = {task(pair).digest for pair in ((x, y), (x + 1, y), (x, 1 - y), (x, text))}
    assert len(digests) == 4


def test_a_regression_of_three_examples_is_too_small() -> None:
    with pytest.raises(TaskError, match="too few"):
        task((np.arange(3.0)[:, None], np.array([0.5, 1.5, 2.5])))


def test_examples_and_targets_of_different_number_are_refused() -> None:
    from searchitect.tasks.arrays import as_pixels
    from searchitect.tasks.assembly import Splitting, assemble
    from searchitect.tasks.examples import Data, Part

    part = Part(as_pixels(np.zeros((4, 2, 2), np.uint8)), np.array([0, 1, 0]))
    with pytest.raises(TaskError, match="4 examples but 3 targets"):
        assemble(Data("x", part), Splitting())


def test_a_small_regression_is_split_by_tenths_of_its_target_and_a_large_one_at_random() -> None:
    from searchitect.tasks.splits import hold_out

    rng = np.random.default_rng(0)
    small = task((rng.normal(size=(300, 2)), rng.lognormal(size=300)))
    assert small.source["strata"] == "target"
    assert small.test is not None
    targets = np.concatenate([split.targets for split in (small.train, small.validation, small.test)])
    tenths = np.quantile(targets, np.linspace(0, 1, 11))
    counts, _ = np.histogram(small.test.targets, tenths)
    assert set(counts.tolist()) == {6}
    many = rng.normal(size=2_001)
    large = task((np.stack([many, np.arange(2_001)], axis=1), many))
    assert "strata" not in large.source
    assert large.test is not None
    numbers = large.test.read(np.arange(len(large.test)))[0][:, 1].astype(int)
    assert numbers.tolist() == hold_out(2_001, 0.2, 0, "test")[1].tolist(), "as in earlier versions"
