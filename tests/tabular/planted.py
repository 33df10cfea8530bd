"""A small benchmark in memory whose every answer can be worked out by hand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import searchitect as sa
from searchitect.objectives import Objective
from searchitect.spaces import Architecture, SearchSpace
from searchitect.trial import Fidelity


@sa.space
class Digits:
    """Three digits; the true accuracy is their number, read from left to right."""

    hundreds: int = sa.choice(*range(10))
    tens: int = sa.choice(*range(10))
    ones: int = sa.choice(*range(10))


@sa.space
class Folded(Digits):
    """The same; all architectures are said to be one model."""

    @staticmethod
    def canonical(architecture: Architecture) -> Architecture:
        return SearchSpace.of(Folded).default()


@dataclass
class Planted:
    """valid = number / 10, test = number / 10 + 0.05; 999 is missing where `holes`; cost 1 + hundreds."""

    space: type = Digits
    direction: str = "maximize"
    holes: bool = False
    name: str = "planted/digits"
    truth: str = "test_percent"
    cost_unit: str = "seconds"
    signals: Mapping[str, str] = field(default_factory=lambda: {"valid": "valid_percent", "test": "test_percent"})

    def objective(self, measurement: str) -> Objective:
        return Objective(measurement, self.direction)  # type: ignore[arg-type]

    def number(self, architecture: Architecture) -> int:
        return int("".join(str(architecture[name]) for name in ("hundreds", "tens", "ones")))

    def check(self, architecture: Architecture) -> Sequence[str]:
        return ("the table does not hold 999",) if self.holes and self.number(architecture) == 999 else ()

    def measure(
        self, architecture: Architecture, fidelity: Fidelity = Fidelity(), replicate: int = 0
    ) -> Mapping[str, float]:
        value = self.number(architecture) / 10
        return {"valid_percent": value, "test_percent": value + 0.05}

    def cost(self, architecture: Architecture, fidelity: Fidelity = Fidelity()) -> float:
        return 1.0 + float(str(architecture["hundreds"]))

    def members(self) -> Iterator[Architecture]:
        return (a for a in SearchSpace.of(self.space).enumerate() if not self.check(a))
