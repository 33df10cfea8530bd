"""Augmentation of whole batches on tensors: no Python per example, randomness from a generator that is passed in."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from searchitect.errors import EvaluationError, did_you_mean

__all__ = ["AUGMENTATIONS", "Augment", "augmentation", "cutout", "flip", "noise", "shift", "shift_flip"]

Augment = Callable[[Tensor, torch.Generator], Tensor]
"""From a float batch (n, *inputs) and a generator on the CPU to a batch of the same shape."""

_IMAGE_ONLY = ("shift", "flip", "shift_flip", "cutout")


def shift(images: Tensor, generator: torch.Generator) -> Tensor:
    """Move every image (n, c, h, w) by up to an eighth of its side, at least 1 pixel; edge pixels are repeated."""
    return _moved(images, generator, shifting=True, flipping=False)


def flip(images: Tensor, generator: torch.Generator) -> Tensor:
    """Mirror every second image on average, left to right."""
    return _moved(images, generator, shifting=False, flipping=True)


def shift_flip(images: Tensor, generator: torch.Generator) -> Tensor:
    """Shift, and mirror every second image on average."""
    return _moved(images, generator, shifting=True, flipping=True)


def cutout(images: Tensor, generator: torch.Generator) -> Tensor:
    """Set a square of a quarter of the side to the mean, centred anywhere (DeVries & Taylor 2017)."""
    n, _, h, w = images.shape
    inside = []
    for length in (h, w):
        side = max(1, length // 4)
        first = torch.randint(0, length, (n, 1), generator=generator) - side // 2
        place = torch.arange(length)
        inside.append((place >= first) & (place < first + side))
    hole = inside[0][:, :, None] & inside[1][:, None, :]
    return images.masked_fill(hole[:, None].to(images.device), 0.0)


def noise(features: Tensor, generator: torch.Generator) -> Tensor:
    """Add Gaussian noise with a standard deviation of 0.1, a tenth of that of a standardised feature."""
    return features + 0.1 * torch.randn(features.shape, generator=generator).to(features.device)


AUGMENTATIONS: dict[str, Augment | None] = {
    "none": None,
    "shift": shift,
    "flip": flip,
    "shift_flip": shift_flip,
    "cutout": cutout,
    "noise": noise,
}
"""Name in a recipe to its function; None does nothing."""


def augmentation(name: str, inputs: tuple[int, ...]) -> Augment | None:
    """Return the augmentation of this name for examples of shape `inputs`.

    Raises:
        EvaluationError: no augmentation has this name, or it needs images and the examples are none.
    """
    if name not in AUGMENTATIONS:
        raise EvaluationError(f"no augmentation is called {name!r}", hint=did_you_mean(name, AUGMENTATIONS))
    if name in _IMAGE_ONLY and len(inputs) != 3:
        raise EvaluationError(
            f"augmentation {name!r} needs images (channels, height, width), got examples of shape {inputs}",
            hint="augmentation='noise' or 'none'",
        )
    return AUGMENTATIONS[name]


def _moved(images: Tensor, generator: torch.Generator, *, shifting: bool, flipping: bool) -> Tensor:
    """One gather does both moves. The rows of a channels-last image are contiguous, so a pixel is one short copy."""
    n, c, h, w = images.shape
    rows, columns = torch.arange(h).expand(n, h), torch.arange(w).expand(n, w)
    if flipping:
        mirrored = torch.rand((n, 1), generator=generator) < 0.5
        columns = torch.where(mirrored, w - 1 - columns, columns)
    if shifting:
        rows = (rows + _offsets(n, h, generator)).clamp(0, h - 1)
        # Positions move, not pixels: clamping the index repeats the edge, also under a mirror.
        places = (torch.arange(w) + _offsets(n, w, generator)).clamp(0, w - 1)
        columns = columns.gather(1, places)
    first = torch.arange(n)[:, None, None] * (h * w)
    index = (first + rows[:, :, None] * w + columns[:, None, :]).flatten().to(images.device)
    pixels = images.permute(0, 2, 3, 1).reshape(n * h * w, c)
    return pixels.index_select(0, index).view(n, h, w, c).permute(0, 3, 1, 2)


def _offsets(n: int, length: int, generator: torch.Generator) -> Tensor:
    most = max(1, length // 8)
    return torch.randint(-most, most + 1, (n, 1), generator=generator)
