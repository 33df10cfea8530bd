"""`TableBenchmark`: a table and its description, as the search problem that the harness asks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from searchitect.errors import ConfigError, EvaluationError, did_you_mean
from searchitect.objectives import Direction, Objective
from searchitect.spaces import Architecture, SearchSpace
from searchitect.tabular.measuring import Measurement
from searchitect.tabular.naming import direction_of
from searchitect.trial import Fidelity

__all__ = ["TableBenchmark"]

WHOLE = Fidelity()
NOT_HELD = ("the table does not hold this architecture",)


@dataclass(frozen=True, eq=False)
class TableBenchmark:
    """A benchmark made of a table; see `Benchmark` for what the attributes mean.

    Attributes:
        rows: text of an architecture to its rows: several where it was trained more than once.
        measurements: name to its numbers, row by row.
        prices: what the full training of each row costs; None where every evaluation costs 1.
        epochs: of the full training; None where the table does not say.
        signal_fidelities: what a signal that is not of the full training needs.
        known: every architecture of the table, by text.
        about: one sentence.
        proxies: zero-cost scores by proxy, row by row; higher is better.
    """

    name: str
    space: type
    signals: Mapping[str, str]
    truth: str
    cost_unit: str
    rows: Mapping[str, tuple[int, ...]]
    measurements: Mapping[str, Measurement]
    prices: Measurement | None = None
    per_epoch: bool = False
    epochs: int | None = None
    signal_fidelities: Mapping[str, Fidelity] = field(default_factory=dict)
    directions: Mapping[str, Direction] = field(default_factory=dict)
    known: Mapping[str, Architecture] = field(default_factory=dict)
    about: str = ""
    proxies: Mapping[str, Measurement] = field(default_factory=dict)

    @cached_property
    def fidelities(self) -> tuple[int, ...]:
        """Every number of epochs below the full training at which something was recorded."""
        recorded = {epochs for one in self.measurements.values() for epochs in one.recorded()}
        return tuple(sorted(epochs for epochs in recorded if self.epochs is None or epochs < self.epochs))

    @cached_property
    def continues(self) -> bool:
        """Whether a longer training is the shorter one carried on: the signal is a curve, not several trainings."""
        signal = self.measurements[next(iter(self.signals.values()))]
        return bool(signal.curves) or signal.continues

    @cached_property
    def replicates(self) -> int:
        """The largest number of rows of one architecture."""
        return max(len(rows) for rows in self.rows.values())

    @cached_property
    def _canonical(self) -> bool:
        return hasattr(self.space, "canonical")

    @cached_property
    def _full(self) -> list[tuple[str, Sequence[float | None]]]:
        return [(name, one.full) for name, one in self.measurements.items()]

    def objective(self, measurement: str) -> Objective:
        if measurement not in self.measurements:
            raise ConfigError(
                f"{self.name} has no measurement {measurement!r}", hint=did_you_mean(measurement, self.measurements)
            )
        return Objective(measurement, self.directions.get(measurement) or direction_of(measurement))

    def check(self, architecture: Architecture) -> Sequence[str]:
        if architecture.text in self.rows or (self._canonical and self._places(architecture)):
            return ()
        return NOT_HELD

    def measure(
        self, architecture: Architecture, fidelity: Fidelity = WHOLE, replicate: int = 0
    ) -> Mapping[str, float]:
        row = self._row(architecture, replicate)
        epochs = self._epochs(fidelity)
        if epochs is None:
            return {name: value for name, cells in self._full if (value := cells[row]) is not None}
        found = {
            name: value for name, one in self.measurements.items() if (value := one.value(row, epochs)) is not None
        }
        if all(self.measurements[name].static for name in found):
            recorded = ", ".join(map(str, self.fidelities)) or "none but the full training"
            raise EvaluationError(f"{self.name} recorded nothing after {epochs} epochs", hint=f"recorded: {recorded}")
        return found

    def cost(self, architecture: Architecture, fidelity: Fidelity = WHOLE) -> float:
        epochs = self._epochs(fidelity)
        row = self._row(architecture, 0)
        if self.prices is None:
            return 1.0 if epochs is None or self.epochs is None else epochs / self.epochs
        if epochs is not None and (self.prices.at or self.prices.curves):
            recorded = self.prices.value(row, epochs)
            if recorded is not None:
                return recorded
        price = self.prices.full[row]
        assert price is not None  # a table without them is refused when it is opened
        if self.per_epoch:
            return price * (epochs or self.epochs or 1)
        return price if epochs is None or self.epochs is None else price * epochs / self.epochs

    def scores(self, architecture: Architecture) -> Mapping[str, float]:
        """Return the zero-cost scores that the table holds of an architecture; what it does not hold is missing."""
        row = self._row(architecture, 0)
        return {name: value for name, one in self.proxies.items() if (value := one.full[row]) is not None}

    def members(self) -> Iterator[Architecture]:
        return iter(self.known.values())

    def __len__(self) -> int:
        return len(self.rows)

    def _row(self, architecture: Architecture, replicate: int) -> int:
        rows = self.rows.get(architecture.text) or self._places(architecture)
        if not rows:
            raise EvaluationError(f"{self.name} does not hold {architecture.text[:200]}")
        return rows[replicate % len(rows)]

    def _places(self, architecture: Architecture) -> tuple[int, ...]:
        """Rows of the member that a written graph means."""
        if not self._canonical or architecture.space != SearchSpace.of(self.space).digest:
            return ()
        return self.rows.get(SearchSpace.of(self.space).canonical(architecture).text, ())

    def _epochs(self, fidelity: Fidelity) -> int | None:
        """Return the epochs of a shorter training, None for the full one."""
        if fidelity is WHOLE:  # the usual case, thousands of times a second
            return None
        whole = (fidelity.data_fraction, fidelity.resolution, fidelity.width) == (1.0, 1.0, 1.0)
        if not whole or fidelity.seconds is not None:
            raise EvaluationError(
                f"{self.name} recorded all data at full resolution only, got {fidelity}",
                hint="shorten by epochs where the table recorded some",
            )
        if fidelity.epochs is None or fidelity.epochs == self.epochs:
            return None
        return fidelity.epochs
