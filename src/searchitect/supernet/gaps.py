"""The discretisation gap: what is lost between the supernet and a model of one's own."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["DiscretisationGap"]


@dataclass(frozen=True, slots=True)
class DiscretisationGap:
    """One architecture in three states, by one figure: the task's first metric, or accuracy, else the negative loss.

    Attributes:
        supernet: inside the supernet as it was trained: mixed, or with the statistics that all subnets share.
        discretised: taken out, with inherited weights and statistics of its own.
        retrained: trained alone from fresh weights; None as long as nobody did.
    """

    supernet: float
    discretised: float
    retrained: float | None = None

    def text(self) -> str:
        """One line."""
        last = "not retrained" if self.retrained is None else f"retrained {self.retrained:.4f}"
        return f"the same architecture: supernet {self.supernet:.4f}, discretised {self.discretised:.4f}, {last}"
