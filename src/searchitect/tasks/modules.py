"""The modules that preprocessing becomes: plain tensor operations, so that they go into an exported graph.

This room loads torch only when it is needed, so each class is made on first use. `__getattr__` lets `pickle` and
`from searchitect.tasks.modules import Preprocessed` find it under its name.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from torch import nn

__all__ = ["image_module", "preprocessed", "table_module"]


@functools.cache
def _image_class() -> type[nn.Module]:
    import torch
    from torch import nn

    class ImageModule(nn.Module):
        """Raw pixels (n, c, h, w), uint8 or float32, to float32: ((x / scale) - mean) / std per channel."""

        __qualname__ = "ImageModule"
        mean: torch.Tensor
        std: torch.Tensor

        def __init__(self, scale: float, mean: Sequence[float], std: Sequence[float]) -> None:
            super().__init__()
            self.scale = scale
            self.register_buffer("mean", torch.tensor(mean, dtype=torch.float32).view(1, -1, 1, 1))
            self.register_buffer("std", torch.tensor(std, dtype=torch.float32).view(1, -1, 1, 1))

        def forward(self, pixels: torch.Tensor) -> torch.Tensor:
            return (pixels.to(torch.float32) / self.scale - self.mean) / self.std

    return ImageModule


@functools.cache
def _table_class() -> type[nn.Module]:
    import torch
    from torch import nn

    class TableModule(nn.Module):
        """Raw columns to float32 (n, features): standardised numbers, marks for missing ones, one-hot categories."""

        __qualname__ = "TableModule"
        mean: torch.Tensor
        std: torch.Tensor
        marked: torch.Tensor
        column: torch.Tensor
        code: torch.Tensor

        def __init__(
            self, mean: Sequence[float], std: Sequence[float], marked: Sequence[int], sizes: Sequence[int]
        ) -> None:
            super().__init__()
            self.has_numeric, self.has_codes, self.has_marks = len(mean) > 0, len(sizes) > 0, len(marked) > 0
            if self.has_numeric:
                self.register_buffer("mean", torch.tensor(mean, dtype=torch.float32))
                self.register_buffer("std", torch.tensor(std, dtype=torch.float32))
            if self.has_marks:
                self.register_buffer("marked", torch.tensor(marked, dtype=torch.int64))
            if self.has_codes:
                columns = [i for i, size in enumerate(sizes) for _ in range(size)]
                codes = [code for size in sizes for code in range(size)]
                self.register_buffer("column", torch.tensor(columns, dtype=torch.int64))
                self.register_buffer("code", torch.tensor(codes, dtype=torch.int64))

        def forward(self, *raw: torch.Tensor) -> torch.Tensor:
            parts = []
            if self.has_numeric:
                missing = torch.isnan(raw[0])
                parts.append(torch.where(missing, torch.zeros_like(raw[0]), (raw[0] - self.mean) / self.std))
                if self.has_marks:
                    parts.append(missing.index_select(1, self.marked).to(torch.float32))
            if self.has_codes:
                chosen: torch.Tensor = raw[-1].index_select(1, self.column)
                parts.append(torch.eq(chosen, self.code).to(torch.float32))
            return torch.cat(parts, dim=1)

    return TableModule


@functools.cache
def _preprocessed_class() -> type[nn.Module]:
    import torch
    from torch import nn

    class Preprocessed(nn.Module):
        """`body(preprocess(*raw))`, for regression multiplied back into the unit of the targets.

        Attributes:
            preprocess: raw inputs to what `build` was promised.
            body: the model.
            output_mean, output_std: buffers (outputs,) for regression; absent from a classification.
        """

        __qualname__ = "Preprocessed"
        output_mean: torch.Tensor
        output_std: torch.Tensor

        def __init__(self, preprocess: nn.Module, body: nn.Module, mean: Sequence[float], std: Sequence[float]) -> None:
            super().__init__()
            self.preprocess, self.body = preprocess, body
            self.rescales = len(mean) > 0
            if self.rescales:
                self.register_buffer("output_mean", torch.tensor(mean, dtype=torch.float32))
                self.register_buffer("output_std", torch.tensor(std, dtype=torch.float32))

        def forward(self, *raw: torch.Tensor) -> torch.Tensor:
            scores: torch.Tensor = self.body(self.preprocess(*raw))
            return scores * self.output_std + self.output_mean if self.rescales else scores

    return Preprocessed


_CLASSES = {"ImageModule": _image_class, "TableModule": _table_class, "Preprocessed": _preprocessed_class}


def __getattr__(name: str) -> Any:
    if name not in _CLASSES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return _CLASSES[name]()


def image_module(scale: float, mean: Sequence[float], std: Sequence[float]) -> nn.Module:
    """Return the module of images: ((x / scale) - mean) / std per channel."""
    return _image_class()(scale, mean, std)


def table_module(mean: Sequence[float], std: Sequence[float], marked: Sequence[int], sizes: Sequence[int]) -> nn.Module:
    """Return the module of tables.

    Args:
        mean, std: of the numeric columns.
        marked: places of the numeric columns whose missing values get a 0/1 column of their own.
        sizes: number of categories of each column of codes.
    """
    return _table_class()(mean, std, marked, sizes)


def preprocessed(preprocess: nn.Module, body: nn.Module, mean: Sequence[float], std: Sequence[float]) -> nn.Module:
    """Return `body` after `preprocess`; for regression the outputs are multiplied by `std` and shifted by `mean`."""
    return _preprocessed_class()(preprocess, body, mean, std)
