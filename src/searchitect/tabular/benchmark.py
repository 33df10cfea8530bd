"""The seam between tables and the harness: a search problem whose every answer is known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from searchitect.objectives import Objective
from searchitect.spaces.architecture import Architecture
from searchitect.trial import Fidelity

__all__ = ["Benchmark", "recorded_epochs"]


def recorded_epochs(benchmark: Benchmark) -> tuple[int, ...]:
    """Return the numbers of epochs that a benchmark can be asked for, the full training last; () if it has no others.

    A benchmark says so by two attributes: `epochs` of the full training, and `fidelities`, those below it.
    """
    full, lower = getattr(benchmark, "epochs", None), tuple(getattr(benchmark, "fidelities", ()))
    return (*lower, full) if full is not None and lower else ()


class Benchmark(Protocol):
    """A space, a signal to search by, and a truth to report.

    Attributes:
        name: as typed by a user, such as "nasbench201/cifar10".
        space: the class marked `@space`.
        signals: what a search may be shown, by word: "valid" (default, the first), "test", … to measurement names.
        truth: name of the measurement that is reported of the chosen architecture; never shown to a strategy unless it
            is the signal that was asked for.
        cost_unit: "seconds" where the table recorded time, else what one unit of `cost` means, such as "epoch × MFLOP".
    """

    @property
    def name(self) -> str: ...

    @property
    def space(self) -> type: ...

    @property
    def signals(self) -> Mapping[str, str]: ...

    @property
    def truth(self) -> str: ...

    @property
    def cost_unit(self) -> str: ...

    def objective(self, measurement: str) -> Objective:
        """Return a measurement with its direction."""
        ...

    def check(self, architecture: Architecture) -> Sequence[str]:
        """Return why the table does not hold this architecture, as sentences; empty where it does. Microseconds."""
        ...

    def measure(
        self, architecture: Architecture, fidelity: Fidelity = Fidelity(), replicate: int = 0
    ) -> Mapping[str, float]:
        """Return the recorded measurements; a table with several seeds answers `replicate` with another of them.

        Raises:
            EvaluationError: the table does not hold this architecture or fidelity.
        """
        ...

    def cost(self, architecture: Architecture, fidelity: Fidelity = Fidelity()) -> float:
        """Return what one evaluation costs, in `cost_unit`."""
        ...

    def members(self) -> Iterator[Architecture]:
        """Yield every architecture of the table, in its order."""
        ...
