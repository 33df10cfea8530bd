"""A branch that starts silent."""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["ZeroGate"]


class ZeroGate(nn.Module):
    """Times one learned number that starts at 0 (Bachlechner 2021, "ReZero", equation 2); the shape stays.

    `nn.Residual(body, ZeroGate(), nn.Identity())` is `body` with a skip that changes nothing until it is learned, so a
    model can grow it and still compute what it did.
    """

    def __init__(self) -> None:
        super().__init__()
        self.gate = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gate
