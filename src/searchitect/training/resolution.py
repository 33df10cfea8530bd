"""Fidelity by resolution: images shrunk inside the preprocessing, the model built for the smaller shape."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from searchitect.errors import EvaluationError
from searchitect.spaces.task_spec import TaskSpec

__all__ = ["Resized", "at_resolution"]


class _Preprocessing(Protocol):
    def module(self) -> nn.Module: ...

    def to_json(self) -> dict[str, Any]: ...


def at_resolution(spec: TaskSpec, resolution: float) -> TaskSpec:
    """Return the spec with both sides of its images multiplied by `resolution`, rounded, at least 1.

    Raises:
        EvaluationError: the resolution lies outside (0, 1], or the examples are no images.
    """
    if resolution == 1.0:
        return spec
    if not 0.0 < resolution <= 1.0:
        raise EvaluationError(f"a resolution lies in (0, 1], got {resolution}")
    if len(spec.inputs) != 3:
        raise EvaluationError(
            f"a resolution of {resolution} needs images, got examples of shape {spec.inputs}",
            hint="lower Fidelity.epochs or Fidelity.data_fraction instead",
        )
    channels, *sides = spec.inputs
    return dataclasses.replace(spec, inputs=(channels, *(max(1, round(side * resolution)) for side in sides)))


@dataclass(frozen=True)
class Resized:
    """A preprocessing followed by shrinking to `size` = (height, width).

    Its state dict has other names than the full one's, so weights trained at a low resolution are never loaded by
    mistake into a model at full resolution.
    """

    inner: _Preprocessing
    size: tuple[int, int]

    def __getattr__(self, name: str) -> Any:
        # What a preprocessing carries beyond the protocol (statistics of the targets) belongs to the inner one.
        if name.startswith("__") or name == "inner":
            raise AttributeError(name)
        return getattr(self.inner, name)

    def module(self) -> nn.Module:
        """The module whose forward takes raw inputs and returns float32 (n, channels, *size)."""
        return _Shrink(self.inner.module(), self.size)

    def to_json(self) -> dict[str, Any]:
        return {"kind": "resized", "size": list(self.size), "inner": self.inner.to_json()}


class _Shrink(nn.Module):
    def __init__(self, inner: nn.Module, size: tuple[int, int]) -> None:
        super().__init__()
        self.inner, self.size = inner, size

    def forward(self, *raw: Tensor) -> Tensor:
        full = self.inner(*raw)
        # Area averaging is the exact mean of the pixels covered: no aliasing, and deterministic.
        return F.interpolate(full, size=self.size, mode="area").to(torch.float32)
