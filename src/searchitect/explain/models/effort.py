"""What a method that makes maps is given and gives back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from searchitect.explain.models.subject import Floats

__all__ = ["Effort", "Found", "Groups"]

Groups = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Effort:
    """How much a method may compute.

    Attributes:
        steps: points on the line of integrated gradients.
        draws: noisy copies of SmoothGrad.
        noise: their standard deviation, in times of that of the points.
        evaluations: masks of LIME and Kernel SHAP; at least twice as many as there are parts are taken.
    """

    steps: int = 50
    draws: int = 16
    noise: float = 0.15
    evaluations: int = 256


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What a method computed: values (n, *places), the parts they are alike in, and the gap in their sum, if any."""

    values: Floats
    groups: Groups | None = None
    gap: float | None = None
