"""Architectures as vectors of fixed length: one column group per decision of the fully unrolled space.

`one_hot` (for predictors): 1 for the value taken; integer ranges of more than 64 values and real numbers take one
column in 0..1; a subset marks its elements; an inactive decision is all zeros (`mask` tells which columns are active).
`unit_cube` (for continuous optimisers): every decision is a place in 0..1, a subset one per element; 0.5 where
inactive.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from searchitect.errors import SpaceError
from searchitect.spaces.architecture import Value
from searchitect.spaces.describing import static
from searchitect.spaces.forms import DecisionForm, Record, fill

if TYPE_CHECKING:  # numpy takes a tenth of a second; who only describes or samples a space need not wait for it
    import numpy as np
    import numpy.typing as npt

    Vector = npt.NDArray[np.float64]

__all__ = ["Encoding", "Layout"]

Encoding = Literal["one_hot", "unit_cube"]


class Layout:
    """Where each decision lies in the two kinds of vector; made once per space.

    Attributes:
        hot_width, unit_width: lengths of the vectors.
    """

    def __init__(self, root: Record) -> None:
        self._root = root
        self._hot: dict[str, int] = {}
        self._unit: dict[str, int] = {}
        self._decisions: dict[str, DecisionForm] = {}
        self.hot_width = self.unit_width = 0
        for path, _, _, decision in static(root):
            self._decisions[path] = decision
            self._hot[path], self._unit[path] = self.hot_width, self.unit_width
            self.hot_width += decision.domain.hot_width
            self.unit_width += decision.domain.unit_width

    def encode(self, values: Mapping[str, Value], kind: Encoding) -> Vector:
        """Return the vector of a valid architecture, which holds its active decisions and no others."""
        vector = self._blank(kind)
        hot = kind == "one_hot"
        starts = self._hot if hot else self._unit
        for path, value in values.items():
            domain, start = self._decisions[path].domain, starts[path]
            numbers = domain.to_hot(value) if hot else domain.to_unit(value)
            vector[start : start + len(numbers)] = numbers
        return vector

    def mask(self, values: Mapping[str, Value], kind: Encoding) -> npt.NDArray[np.bool_]:
        """Return which columns belong to active decisions."""
        import numpy as np

        hot = kind == "one_hot"
        inside = np.zeros(len(self._blank(kind)), dtype=bool)
        for path in values:
            domain, start = self._decisions[path].domain, self._hot[path] if hot else self._unit[path]
            inside[start : start + (domain.hot_width if hot else domain.unit_width)] = True
        return inside

    def decode(self, vector: npt.ArrayLike) -> dict[str, Value]:
        """Return the decisions at a point of the unit cube; numbers outside 0..1 are moved to the border.

        Raises:
            SpaceError: the vector has another length, or holds a NaN.
        """
        import numpy as np

        numbers = np.asarray(vector, dtype=np.float64)
        if numbers.shape != (self.unit_width,):
            raise SpaceError(f"expected a vector of {self.unit_width} numbers, got shape {numbers.shape}")
        if np.isnan(numbers).any():
            raise SpaceError("a point of the unit cube holds no NaN")
        places: list[float] = np.clip(numbers, 0.0, 1.0).tolist()

        def choose(path: str, decision: DecisionForm) -> Value:
            start = self._unit[path]
            return decision.domain.from_unit(places[start : start + decision.domain.unit_width])

        out: dict[str, Value] = {}
        fill(self._root, "", choose, out)
        return out

    def _blank(self, kind: Encoding) -> Vector:
        import numpy as np

        if kind == "one_hot":
            return np.zeros(self.hot_width)
        if kind == "unit_cube":
            return np.full(self.unit_width, 0.5)
        raise SpaceError(f"expected 'one_hot' or 'unit_cube', got {kind!r}")
