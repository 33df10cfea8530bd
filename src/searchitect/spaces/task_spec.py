"""`TaskSpec`: the shapes of a task, which is all that a `build` may know of the data."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

__all__ = ["TaskSpec"]

Kind = Literal["classification", "regression"]


@dataclass(frozen=True, slots=True)
class TaskSpec:
    """What goes in and what comes out of a model, after preprocessing.

    Attributes:
        inputs: shape of one example without the batch: (channels, height, width), (length, features) or (features,).
        outputs: number of classes, or of regression targets.
        kind: "classification" or "regression".
        domain: "image" or "tabular", as the readers of `tasks` say; "sequence" for (length, features).
    """

    inputs: tuple[int, ...]
    outputs: int
    kind: Kind = "classification"
    domain: str = "image"

    @property
    def features(self) -> int:
        """Number of input values of one example."""
        return math.prod(self.inputs)

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"inputs": list(self.inputs)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> TaskSpec:
        return cls(tuple(value["inputs"]), int(value["outputs"]), value["kind"], value["domain"])
