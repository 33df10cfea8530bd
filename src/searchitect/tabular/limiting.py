"""A benchmark under limits: only what keeps them can be evaluated, and its optimum is the best of those."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from searchitect.errors import ConfigError, ConstraintError, did_you_mean
from searchitect.objectives import Constraint, Objective, parse_constraint
from searchitect.spaces.architecture import Architecture
from searchitect.tabular.benchmark import Benchmark
from searchitect.trial import Fidelity

__all__ = ["LimitedBenchmark", "limited"]


def limited(benchmark: Benchmark, constraints: Sequence[str | Constraint]) -> Benchmark:
    """Return the benchmark under limits on measurements that training does not change, such as the latency of a device.

    Every limit is checked before an evaluation and rejections are free, as in a study on real models. An architecture
    of which the table does not hold the measurement keeps no limit on it.

    Raises:
        ConfigError: the table has no such measurement; with the nearest name.
        ConstraintError: a limit cannot be read, or nothing in the table keeps all of them.
    """
    limits = tuple(parse_constraint(text) for text in constraints)
    if not limits:
        return benchmark
    for limit in limits:
        _check_name(benchmark, limit.name)
    found = LimitedBenchmark(benchmark, limits)
    if next(found.members(), None) is None:
        raise ConstraintError(_impossible(benchmark, limits))
    return found


def _check_name(benchmark: Benchmark, name: str) -> None:
    try:
        benchmark.objective(name)
    except ConfigError:
        names = {name for a, _ in zip(benchmark.members(), range(50), strict=False) for name in benchmark.measure(a)}
        raise ConfigError(f"{benchmark.name} has no measurement {name!r}", hint=did_you_mean(name, names)) from None


def _impossible(benchmark: Benchmark, limits: Sequence[Constraint]) -> str:
    nearest = min(max(limit.excess(benchmark.measure(a)) for limit in limits) for a in benchmark.members())
    wanted = ", ".join(map(str, limits))
    return f"nothing in {benchmark.name} keeps {wanted}; the nearest breaks a limit by {nearest:.1%} of it"


@dataclasses.dataclass(frozen=True, eq=False)
class LimitedBenchmark:
    """See `limited`; whatever else the benchmark has is its own still."""

    inner: Benchmark
    constraints: tuple[Constraint, ...]

    @property
    def name(self) -> str:
        return f"{self.inner.name} under {', '.join(map(str, self.constraints))}"

    @property
    def space(self) -> type:
        return self.inner.space

    @property
    def signals(self) -> Mapping[str, str]:
        return self.inner.signals

    @property
    def truth(self) -> str:
        return self.inner.truth

    @property
    def cost_unit(self) -> str:
        return self.inner.cost_unit

    def objective(self, measurement: str) -> Objective:
        return self.inner.objective(measurement)

    def check(self, architecture: Architecture) -> Sequence[str]:
        problems = self.inner.check(architecture)
        if problems:
            return problems
        measured = self.inner.measure(architecture)
        return [limit.explained(measured) for limit in self.constraints if not limit.holds(measured)]

    def measure(
        self, architecture: Architecture, fidelity: Fidelity = Fidelity(), replicate: int = 0
    ) -> Mapping[str, float]:
        return self.inner.measure(architecture, fidelity, replicate)

    def cost(self, architecture: Architecture, fidelity: Fidelity = Fidelity()) -> float:
        return self.inner.cost(architecture, fidelity)

    def members(self) -> Iterator[Architecture]:
        return (architecture for architecture in self.inner.members() if not self.check(architecture))

    def __len__(self) -> int:
        return sum(1 for _ in self.members())

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "inner":  # not there yet while it is unpickled
            raise AttributeError(name)
        return getattr(self.inner, name)
