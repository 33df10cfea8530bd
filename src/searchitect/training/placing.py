"""Where a model's weights lie: on which device, and in which order in memory."""

from __future__ import annotations

import torch
from torch import nn

__all__ = ["place"]


def place(model: nn.Module, device: str | torch.device, *, channels_last: bool) -> None:
    """Move a model; convolutions are fastest with channels last, files want plain rows."""
    layout = torch.channels_last if channels_last else torch.contiguous_format
    model.to(device=torch.device(device))
    for parameter in model.parameters():
        if parameter.ndim == 4:
            parameter.data = parameter.data.contiguous(memory_format=layout)
