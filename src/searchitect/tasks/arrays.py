"""Images in memory: one array of pixels, (n, channels, height, width)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from searchitect.errors import TaskError
from searchitect.tasks.preprocessing import ImagePreprocessing
from searchitect.tasks.task import ArraySplit, Preprocessing, Split

__all__ = ["ImageArray", "as_pixels", "channel_moments", "hash_array", "raw_pixels"]

LAYOUTS = ("nchw", "nhwc")
CHUNK = 4096


@dataclass(frozen=True, slots=True, eq=False)
class ImageArray:
    """Images of one size.

    Attributes:
        pixels: uint8 or float32, (n, channels, height, width).
        scale: what the raw value 1.0 stands for.
    """

    pixels: NDArray[Any]
    scale: float

    @property
    def domain(self) -> str:
        return "image"

    def __len__(self) -> int:
        return len(self.pixels)

    def cut(self, indices: NDArray[np.int64]) -> ImageArray:
        return ImageArray(self.pixels[indices], self.scale)

    def fit(self, output_mean: tuple[float, ...], output_std: tuple[float, ...]) -> Preprocessing:
        mean, std = channel_moments(self.pixels, self.scale)
        channels, height, width = self.pixels.shape[1:]
        return ImagePreprocessing(
            shape=(channels, height, width),
            dtype="uint8" if self.pixels.dtype == np.uint8 else "float32",
            scale=self.scale,
            mean=mean,
            std=std,
            output_mean=output_mean,
            output_std=output_std,
        )

    def split(self, targets: NDArray[Any], preprocessing: Preprocessing) -> Split:
        expected = preprocessing.to_json()["shape"]
        if list(self.pixels.shape[1:]) != expected:
            raise TaskError(
                f"all images must have the training images' shape {expected}, got {list(self.pixels.shape[1:])}"
            )
        return ArraySplit((self.pixels,), targets)

    def digest(self) -> bytes:
        return hash_array(self.pixels)


def hash_array(array: NDArray[Any]) -> bytes:
    """Hash dtype, shape and bytes of an array, a piece at a time."""
    total = hashlib.blake2b(f"{array.dtype.str}{array.shape}".encode(), digest_size=16)
    for start in range(0, len(array), CHUNK):
        total.update(np.ascontiguousarray(array[start : start + CHUNK]).data)
    return total.digest()


def channel_moments(pixels: NDArray[Any], scale: float) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation per channel of `pixels / scale`, a piece at a time; 1 where a channel is constant."""
    channels = pixels.shape[1]
    total, squares = np.zeros(channels), np.zeros(channels)
    # Sums are taken around the first value, so that large offsets do not swallow the spread.
    offset = pixels[0, :, 0, 0].astype(np.float64)
    for start in range(0, len(pixels), CHUNK):
        piece = pixels[start : start + CHUNK].astype(np.float64) - offset.reshape(1, -1, 1, 1)
        total += piece.sum(axis=(0, 2, 3))
        squares += np.einsum("nchw,nchw->c", piece, piece)
    count = pixels.size / channels
    variance = np.maximum(squares / count - (total / count) ** 2, 0.0)
    std = np.sqrt(variance) / scale
    return tuple(((total / count + offset) / scale).tolist()), tuple(np.where(std > 1e-8, std, 1.0).tolist())


def as_pixels(array: NDArray[Any], layout: str | None = None) -> ImageArray:
    """Read an array (n, h, w), (n, c, h, w) or (n, h, w, c) as images.

    Whole numbers from 0 to 255 become uint8 with scale 255; booleans uint8 with scale 1; everything else float32 with
    scale 1. Without `layout`, the second axis holds the channels if it has 1 to 4 entries, otherwise the last one if
    that has 1 to 4.

    Raises:
        TaskError: no examples, no numbers, NaN or infinite pixels, or a shape that cannot be told.
    """
    if array.dtype.kind not in "biuf":
        raise TaskError(f"pixels must be numbers, got {array.dtype}")
    if array.size == 0:
        raise TaskError(f"the images are empty: shape {array.shape}")
    return raw_pixels(_channels_first(array, layout))


def _channels_first(array: NDArray[Any], layout: str | None) -> NDArray[Any]:
    if layout is not None and layout not in LAYOUTS:
        raise TaskError(f"the layout of images is one of {', '.join(LAYOUTS)}; got {layout!r}")
    if array.ndim == 3:
        return array[:, None]
    if array.ndim != 4:
        raise TaskError(f"images need 3 or 4 axes, (n, h, w) or (n, c, h, w), got shape {array.shape}")
    if layout is None:
        if array.shape[1] <= 4:
            layout = "nchw"
        elif array.shape[3] <= 4:
            layout = "nhwc"
        else:
            raise TaskError(
                f"cannot tell which axis of {array.shape} holds the channels", hint="layout='nchw' or layout='nhwc'"
            )
    return array if layout == "nchw" else np.ascontiguousarray(array.transpose(0, 3, 1, 2))


def raw_pixels(array: NDArray[Any]) -> ImageArray:
    """Choose the raw dtype and the scale of pixels (n, c, h, w).

    Raises:
        TaskError: NaN or infinite pixels.
    """
    if array.dtype == np.uint8:
        return ImageArray(array, 255.0)
    if array.dtype == bool:
        return ImageArray(array.astype(np.uint8), 1.0)
    if array.dtype.kind in "iu":
        if array.min() >= 0 and array.max() <= 255:
            return ImageArray(array.astype(np.uint8), 255.0)
        return ImageArray(array.astype(np.float32), 1.0)
    with np.errstate(over="ignore"):
        pixels = array.astype(np.float32)
    if not np.isfinite(pixels).all():
        bad = int(np.count_nonzero(~np.isfinite(pixels).all(axis=(1, 2, 3))))
        raise TaskError(f"{bad} of {len(pixels)} images hold NaN or infinite pixels", hint="repair or remove them")
    return ImageArray(pixels, 1.0)
