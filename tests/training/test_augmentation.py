from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings, strategies as st

from searchitect.errors import EvaluationError
from searchitect.training.augmentation import AUGMENTATIONS, augmentation, cutout, flip, noise, shift, shift_flip


def _generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _channels_last(images: torch.Tensor) -> torch.Tensor:
    return images.contiguous(memory_format=torch.channels_last)


def _shifted(image: torch.Tensor, dy: int, dx: int) -> torch.Tensor:
    h, w = image.shape[1:]
    rows = [min(max(y + dy, 0), h - 1) for y in range(h)]
    columns = [min(max(x + dx, 0), w - 1) for x in range(w)]
    return image[:, rows][:, :, columns]


def test_shift_moves_every_image_by_at_most_an_eighth_and_repeats_the_edge() -> None:
    images = _channels_last(torch.rand(50, 3, 16, 8))
    moved = shift(images, _generator())
    found = set()
    for before, after in zip(images, moved, strict=True):
        matches = [
            (dy, dx) for dy in range(-2, 3) for dx in range(-1, 2) if torch.equal(_shifted(before, dy, dx), after)
        ]
        assert len(matches) == 1
        found.update(matches)
    assert len(found) > 10


def test_flip_mirrors_about_half_of_the_images_and_leaves_the_others() -> None:
    images = _channels_last(torch.rand(400, 1, 4, 5))
    changed = flip(images, _generator())
    mirrored = [torch.equal(a.flip(2), b) for a, b in zip(images, changed, strict=True)]
    kept = [torch.equal(a, b) for a, b in zip(images, changed, strict=True)]
    assert all(m != k for m, k in zip(mirrored, kept, strict=True))
    assert 150 < sum(mirrored) < 250


def test_shift_flip_makes_shifts_of_the_image_or_of_its_mirror() -> None:
    images = _channels_last(torch.rand(40, 1, 8, 8))
    for before, after in zip(images, shift_flip(images, _generator()), strict=True):
        candidates = [
            _shifted(version, dy, dx) for version in (before, before.flip(2)) for dy in (-1, 0, 1) for dx in (-1, 0, 1)
        ]
        assert any(torch.equal(candidate, after) for candidate in candidates)


def test_cutout_sets_one_square_of_a_quarter_of_the_side_to_the_mean() -> None:
    images = torch.rand(200, 2, 16, 16) + 1.0
    holes = cutout(images, _generator()) == 0
    assert torch.equal(holes[:, 0], holes[:, 1])
    assert int(holes[:, 0].sum(dim=(1, 2)).max()) == 16
    assert int(holes[:, 0].sum(dim=(1, 2)).min()) >= 4  # cut off at a corner
    assert torch.equal(torch.where(holes, images, cutout(images, _generator())), images)


def test_noise_has_a_tenth_of_the_deviation_of_a_standardised_feature() -> None:
    added = noise(torch.zeros(2000, 5), _generator())
    assert float(added.std()) == pytest.approx(0.1, rel=0.05)


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(["shift", "flip", "shift_flip", "cutout", "noise"]),
    st.tuples(st.integers(1, 4), st.integers(1, 4), st.integers(1, 17), st.integers(1, 17)),
    st.integers(0, 100),
)
def test_augmentation_keeps_the_shape_and_follows_its_generator(
    name: str, shape: tuple[int, int, int, int], seed: int
) -> None:
    augment = AUGMENTATIONS[name]
    assert augment is not None
    images = torch.rand(shape)
    first = augment(images, _generator(seed))
    assert first.shape == images.shape
    assert torch.equal(first, augment(images, _generator(seed)))


def test_an_image_augmentation_on_a_table_is_refused_with_what_to_type() -> None:
    with pytest.raises(EvaluationError, match=r"'shift' needs images .* got examples of shape \(3,\)"):
        augmentation("shift", (3,))


def test_an_unknown_augmentation_is_answered_with_the_nearest() -> None:
    with pytest.raises(EvaluationError, match="did you mean 'cutout'"):
        augmentation("cutot", (1, 8, 8))
