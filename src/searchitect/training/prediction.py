"""Scores of a model on a split, from raw inputs, as they will be after export."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from searchitect.nn.shapes import evaluating
from searchitect.training.examples import Examples, raw_tensors

__all__ = ["predict"]


def predict(model: nn.Module, split: Examples, batch_size: int = 512, device: str = "cpu") -> NDArray[np.float32]:
    """Return the raw outputs of `model` on every example, in the split's order.

    Args:
        model: takes raw inputs, as the split has them; its mode is put back afterwards, its device is changed.
        batch_size: examples at once. Another size may change the last bits of the scores.

    Returns:
        float32 (n, outputs): logits, or values in the unit of the targets.
    """
    parts = []
    with evaluating(model.to(device)), torch.inference_mode():
        for start in range(0, len(split), batch_size):
            indices = np.arange(start, min(start + batch_size, len(split)))
            parts.append(model(*raw_tensors(split, indices, device)).float().cpu().numpy())
    return np.concatenate(parts)
