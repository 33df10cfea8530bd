"""Images in memory: layouts, raw dtypes, statistics."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from searchitect.errors import TaskError
from searchitect.tasks.arrays import as_pixels, channel_moments, hash_array


@pytest.mark.parametrize(
    ("shape", "layout", "expected"),
    [
        ((5, 8, 9), None, (5, 1, 8, 9)),
        ((5, 3, 8, 9), None, (5, 3, 8, 9)),
        ((5, 8, 9, 3), None, (5, 3, 8, 9)),
        ((5, 8, 9, 1), None, (5, 1, 8, 9)),
        ((5, 3, 9, 3), "nhwc", (5, 3, 3, 9)),
        ((5, 3, 9, 3), None, (5, 3, 9, 3)),
        ((5, 12, 8, 9), "nchw", (5, 12, 8, 9)),
    ],
)
def test_channels_come_first(shape: tuple[int, ...], layout: str | None, expected: tuple[int, ...]) -> None:
    assert as_pixels(np.zeros(shape, np.uint8), layout).pixels.shape == expected


@pytest.mark.parametrize(
    ("dtype", "top", "expected", "scale"),
    [
        (np.uint8, 255, np.uint8, 255.0),
        (np.int64, 255, np.uint8, 255.0),
        (np.int32, 4000, np.float32, 1.0),
        (bool, 1, np.uint8, 1.0),
        (np.float64, 1, np.float32, 1.0),
    ],
)
def test_the_raw_dtype_follows_the_values(dtype: type, top: int, expected: type, scale: float) -> None:
    images = as_pixels(np.full((2, 4, 4), top, dtype=dtype))
    assert images.pixels.dtype == expected
    assert images.scale == scale
    assert images.pixels.max() == top


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.array([[["a"]]]), "numbers"),
        (np.zeros((0, 4, 4)), "empty"),
        (np.full((3, 4, 4), np.nan), "3 of 3 images hold NaN"),
        (np.full((3, 4, 4), np.inf), "infinite"),
        (np.full((3, 4, 4), 1e300), "infinite"),
        (np.zeros((2, 9, 9, 9)), "which axis"),
        (np.zeros((2, 2, 2, 2, 2)), "3 or 4 axes"),
    ],
)
def test_arrays_that_are_no_images_are_refused(array: np.ndarray, words: str) -> None:
    with pytest.raises(TaskError, match=words):
        as_pixels(array)


def test_an_unknown_layout_is_refused() -> None:
    with pytest.raises(TaskError, match="nchw, nhwc"):
        as_pixels(np.zeros((2, 4, 4, 3)), "hwcn")


@given(st.integers(1, 3), st.floats(-1e4, 1e4), st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_statistics_are_those_of_numpy_even_far_from_zero(channels: int, offset: float, seed: int) -> None:
    pixels = (np.random.default_rng(seed).normal(size=(7, channels, 3, 2)) + offset).astype(np.float32)
    mean, std = channel_moments(pixels, 2.0)
    exact = pixels.astype(np.float64) / 2
    assert mean == pytest.approx(exact.mean(axis=(0, 2, 3)), rel=1e-6)
    assert std == pytest.approx(exact.std(axis=(0, 2, 3)), rel=1e-4)


def test_a_constant_channel_has_a_spread_of_one() -> None:
    assert channel_moments(np.full((2, 1, 2, 2), 7, np.uint8), 255.0)[1] == (1.0,)


def test_the_hash_sees_values_shape_and_dtype() -> None:
    base = np.arange(6, dtype=np.uint8)
    hashes = {hash_array(x) for x in (base, base[::-1], base.reshape(2, 3), base.astype(np.int8))}
    assert len(hashes) == 4
    assert hash_array(base) == hash_array(base.copy())
