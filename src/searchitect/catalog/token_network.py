"""What networks of tokens share: from an example to tokens with their places, and from tokens to scores."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from searchitect.catalog.inputs import sequence_shape
from searchitect.errors import EvaluationError
from searchitect.spaces import TaskSpec

if TYPE_CHECKING:
    from torch import nn

__all__ = ["token_network"]

MOST_PATCHES = 64
"""Where no size of a patch is given, it is doubled from 2 until an image has no more patches than this."""


def token_network(
    blocks: nn.Module,
    task: TaskSpec,
    family: str,
    width: Any,
    *,
    patch: int | None,
    norm: Any = "layer",
    pooling: Any = "mean",
    dropout: Any = 0.0,
    has_class_token: bool = True,
    place: str = "learned",
) -> nn.Module:
    """Patches or sequence to tokens, `blocks`, a normalisation, one vector, scores. Width and words may be open.

    Args:
        blocks: keeps the shape (n, tokens, width).
        family: for messages.
        patch: pixels along the side of a patch of an image; None finds one.
        norm, pooling, place: keys of `nn.TOKEN_NORMS`, `nn.TOKEN_POOLINGS` and `nn.POSITIONS`.
        dropout: before the classifier.
        has_class_token: whether a learned token stands before the others; the mean leaves it out.

    Raises:
        EvaluationError: no tokens can be made of the inputs.
    """
    from torch import nn

    from searchitect.nn import class_token, classifier, pool_tokens, positions, token_norm

    entry, count = _entry(task, family, width, patch)
    skipped = int(has_class_token)
    return nn.Sequential(
        entry,
        *([class_token(width)] if has_class_token else []),
        positions(place, count + skipped, width),
        blocks,
        token_norm(norm, width),
        pool_tokens(pooling, skipped),
        classifier((width,), task.outputs, dropout=dropout),
    )


def _entry(task: TaskSpec, family: str, width: Any, patch: int | None) -> tuple[nn.Module, int]:
    """A module from examples to tokens, and how many there are."""
    from torch import nn

    from searchitect.nn import as_sequence, fully_connected, patch_embedding

    if len(task.inputs) != 3:
        length, features = sequence_shape(task, family)
        sequence, _ = as_sequence(task.inputs)
        return nn.Sequential(sequence, fully_connected(features, width)), length
    channels, *size = task.inputs
    side = 2 if patch is None else patch
    if side < 1:
        raise EvaluationError(f"{family} cuts images into patches of at least 1 pixel, got {side}")
    while patch is None and _patches(size, side) > MOST_PATCHES:
        side *= 2
    return patch_embedding(channels, side, width), _patches(size, side)


def _patches(size: list[int], side: int) -> int:
    return math.prod(-(-n // side) for n in size)
