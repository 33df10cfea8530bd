"""`Portfolio`: the models chosen for the scenarios, as a study's journal tells it."""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from searchitect.objectives import Objective, cut_to_range
from searchitect.portfolio.diversity import distances, mean_off_diagonal
from searchitect.portfolio.feasibility import Feasibility, measured_feasibility, single_feasibility
from searchitect.portfolio.planning import Assignment, PortfolioPlan, measured_of
from searchitect.portfolio.regrets import broken, regrets_of
from searchitect.portfolio.scenario import Scenario
from searchitect.portfolio.trade_offs import TradeOff
from searchitect.spaces.architecture import Architecture
from searchitect.study.finalists import Finalist, handed_over
from searchitect.study.verdict import Verdict
from searchitect.trial import Trial

__all__ = ["COUNTED", "Cell", "Member", "Portfolio", "Service", "mean_interval", "member_of", "service_of"]

COUNTED = ("parameters", "flops", "activations", "peak_memory", "flash")
"""How the names of measurements begin that are exact: nothing varies between two runs, on whatever device."""


@dataclass(frozen=True, slots=True)
class Member:
    """One model of the portfolio.

    Attributes:
        label: "A", "B", … in the order in which they serve the scenarios.
        found: trial that found it; trials: its confirmations.
        mean, std: of every measurement over fresh seeds; of the one trial where nothing was confirmed.
    """

    label: str
    architecture: Architecture
    key: str
    found: int
    trials: tuple[int, ...]
    mean: Mapping[str, float]
    std: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Cell:
    """One member in one scenario.

    Attributes:
        value: of the scenario's metric, mean over fresh seeds; None where it was not measured.
        regret: against the best known for the scenario, both as the search saw them; None where a limit is broken.
        broken: the limits that are not kept on fresh seeds.
    """

    value: float | None
    regret: float | None
    broken: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Service:
    """What one scenario gets.

    Attributes:
        member: label of the model; None where no model keeps the limits, and `problem` says why.
        metric: the measurement that counts here; value: its mean over fresh seeds on validation data, or on this
            scenario's own; interval: 95 %, from the seeds.
        regret: against the best known for this scenario.
        trial: whose weights are handed over; None without a confirmation.
        test: metric on the test data of this scenario, mean over seeds, with its 95 % interval.
        folder: name of the model's folder below the study's.
    """

    scenario: str
    member: str | None
    metric: str
    problem: str = ""
    value: float | None = None
    interval: tuple[float, float] | None = None
    regret: float | None = None
    feasibility: tuple[Feasibility, ...] = ()
    trial: int | None = None
    test: float | None = None
    test_interval: tuple[float, float] | None = None
    folder: str | None = None


@dataclass(frozen=True)
class Portfolio:
    """The models chosen for the scenarios.

    Attributes:
        scenarios, members, services: the last one for each scenario, in their order.
        cells: (slug of the scenario, label of the member) to what that member would be there.
        unit: measurement in whose unit regrets are; None where objectives are weighed against each other.
        expected_regret: over the scenarios that are served, weighted by importance.
        bound: no portfolio of as many of the models seen has a smaller expected regret.
        exact: the choice is proven best, and fresh seeds left it as it was.
        agreement, negative_flips: between members, on validation data, rows and columns as `members`; empty where they
            were not measured.
        diversity: mean architectural distance between members; None for one.
        random: the same of random search at equal cost; None where it was not run.
        verdict: whether the search helped over all scenarios.
        trade_offs: what each limit costs.
        folder: where the models' folders lie.
    """

    scenarios: tuple[Scenario, ...]
    members: tuple[Member, ...]
    services: tuple[Service, ...]
    cells: Mapping[tuple[str, str], Cell]
    size: int
    unit: str | None
    expected_regret: float | None
    bound: float | None = None
    exact: bool = False
    agreement: tuple[tuple[float, ...], ...] = ()
    negative_flips: tuple[tuple[float, ...], ...] = ()
    random: Portfolio | None = None
    verdict: Verdict | None = None
    trade_offs: tuple[TradeOff, ...] = ()
    folder: Path | None = None

    def __getitem__(self, scenario: str) -> Service:
        """What the scenario of this name gets."""
        from searchitect.errors import ConfigError, did_you_mean

        for one, service in zip(self.scenarios, self.services, strict=True):
            if scenario in (one.name, one.slug):
                return service
        raise ConfigError(
            f"there is no scenario {scenario!r}", hint=did_you_mean(scenario, [s.name for s in self.scenarios])
        )

    @property
    def diversity(self) -> float | None:
        """Mean share of the decisions in which two members differ."""
        return mean_off_diagonal(distances([member.architecture for member in self.members])) if self.members else None

    @property
    def served(self) -> float:
        """Share of the importance that is served."""
        total = sum(scenario.importance for scenario in self.scenarios)
        pairs = zip(self.scenarios, self.services, strict=True)
        return sum(scenario.importance for scenario, service in pairs if service.member is not None) / total

    def member(self, label: str) -> Member:
        """The member of this label."""
        return next(member for member in self.members if member.label == label)

    def document(self) -> dict[str, Any]:
        """The JSON document that `--json` prints under "portfolio"; its keys are described in docs/portfolio.md."""
        return {
            "size": self.size,
            "unit": self.unit,
            "expected_regret": self.expected_regret,
            "bound": self.bound,
            "exact": self.exact,
            "served": self.served,
            "members": [
                {
                    "label": member.label,
                    "found": member.found,
                    "trials": list(member.trials),
                    "architecture": member.architecture.to_json()["decisions"],
                    "mean": dict(member.mean),
                }
                for member in self.members
            ],
            "scenarios": [dataclasses.asdict(service) for service in self.services],
            "agreement": [list(row) for row in self.agreement],
            "negative_flips": [list(row) for row in self.negative_flips],
            "diversity": self.diversity,
            "random": None if self.random is None else self.random.document(),
            "verdict": None if self.verdict is None else self.verdict.to_json(),
            "trade_offs": [one.to_json() for one in self.trade_offs],
        }


def mean_interval(values: Sequence[float]) -> tuple[float, float] | None:
    """95 % interval of a mean over seeds (Student's t); None with fewer than two."""
    if len(values) < 2:
        return None
    from scipy import stats

    half = float(stats.t.ppf(0.975, len(values) - 1)) * statistics.stdev(values) / math.sqrt(len(values))
    return statistics.fmean(values) - half, statistics.fmean(values) + half


def member_of(label: str, finalist: Finalist) -> Member:
    """A confirmed member."""
    return Member(
        label,
        finalist.architecture,
        finalist.key,
        finalist.found,
        finalist.trials,
        finalist.mean,
        {name: value for name, value in finalist.std.items() if math.isfinite(value)},
    )


def service_of(
    assignment: Assignment,
    labels: Mapping[str, str],
    trials: Sequence[Trial],
    objectives: Sequence[Objective],
    latencies: Mapping[str, Sequence[float]],
) -> Service:
    """What a scenario gets from its assignment; regret and test are added by who knows them.

    Args:
        labels: key of the architecture to the label of the member.
        latencies: number of a handed-over trial, as text, to its repeated latencies in milliseconds.
    """
    scenario, finalist = assignment.scenario, assignment.finalist
    metric = Objective(scenario.metric(objectives[0].name), objectives[0].direction)
    if finalist is None:
        return Service(scenario.name, None, metric.name, assignment.problem)
    best = handed_over(finalist, trials, metric)
    values = [trials[n].measurements[metric.name] for n in finalist.trials]
    repeated = {"latency_ms": list(latencies[str(best.number)])} if str(best.number) in latencies else {}
    sure = tuple(_feasibility(limit, finalist.mean, repeated) for limit in scenario.constraints())
    interval = mean_interval(values)
    return Service(
        scenario.name,
        labels[finalist.key],
        metric.name,
        value=statistics.fmean(values),
        interval=None if interval is None else cut_to_range(metric.name, interval),
        feasibility=sure,
        trial=best.number,
    )


def _feasibility(limit: Any, mean: Mapping[str, float], repeated: Mapping[str, Sequence[float]]) -> Feasibility:
    if limit.name in repeated:
        return measured_feasibility(limit, repeated[limit.name], confidence=limit.confidence)
    counted = {name for name in mean if name.startswith(COUNTED)}
    return single_feasibility(limit, mean, counted)


def cells_of(
    plan: PortfolioPlan,
    members: Sequence[Member],
    trials: Sequence[Trial],
    objectives: Sequence[Objective],
    known: Sequence[Mapping[str, float]],
) -> tuple[dict[tuple[str, str], Cell], str | None]:
    """Every member in every scenario; regrets are of what the search saw, so that luck is the same on both sides."""
    rows = [measured_of(trials[member.found]) for member in members]
    regrets = regrets_of(plan.scenarios, rows, objectives, known)
    cells = {}
    for scenario, line in zip(plan.scenarios, regrets.values, strict=True):
        metric = scenario.metric(objectives[0].name)
        for member, regret in zip(members, line, strict=True):
            wrong = tuple(str(limit) for limit in broken(scenario, member.mean))
            kept = None if wrong or math.isinf(regret) else float(regret)
            cells[scenario.slug, member.label] = Cell(member.mean.get(metric), kept, wrong)
    return cells, regrets.unit
