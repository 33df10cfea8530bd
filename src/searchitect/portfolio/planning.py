"""What a study with scenarios does beside an ordinary one: which trials go into the confirmation, and who serves whom.

Pure functions of trials; the campaign writes what they return into the journal.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from searchitect.errors import ConfigError
from searchitect.objectives import Objective
from searchitect.portfolio.choosing import Choice, choose
from searchitect.portfolio.regrets import Regrets, collision, regrets_of
from searchitect.portfolio.scenario import Scenario
from searchitect.study.finalists import Finalist
from searchitect.trial import Fidelity, Trial

__all__ = [
    "Assignment",
    "PortfolioPlan",
    "assigned",
    "candidates_of",
    "check_size",
    "choice_among",
    "chosen_event",
    "measured_of",
    "plan_from",
]

ARMS = ("search", "random")


@dataclass(frozen=True, slots=True)
class PortfolioPlan:
    """For which scenarios a study searches, and how many models it hands over at most."""

    scenarios: tuple[Scenario, ...]
    size: int

    def importance(self) -> list[float]:
        """Of each scenario, summing to 1."""
        total = sum(scenario.importance for scenario in self.scenarios)
        return [scenario.importance / total for scenario in self.scenarios]

    def to_json(self) -> dict[str, Any]:
        return {"scenarios": [scenario.to_json() for scenario in self.scenarios], "size": self.size}


def plan_from(document: Mapping[str, Any]) -> PortfolioPlan:
    """Read what `PortfolioPlan.to_json` wrote."""
    return PortfolioPlan(tuple(Scenario(**one) for one in document["scenarios"]), document["size"])


def check_size(size: int | None, scenarios: Sequence[Scenario]) -> int:
    """Return the number of models: as many as scenarios where none is given.

    Raises:
        ConfigError: it is no positive whole number.
    """
    if size is None:
        return len(scenarios)
    if isinstance(size, bool) or not isinstance(size, int) or size < 1:
        raise ConfigError(f"size must be a whole number of at least 1, got {size!r}", hint=f"size={len(scenarios)}")
    return min(size, len(scenarios))


def measured_of(trial: Trial) -> dict[str, float]:
    """Everything that was measured in a trial, what depends on the clock included."""
    timed = {name: value for name, value in trial.clock.items() if name not in ("elapsed", "seconds")}
    return {**timed, **trial.measurements}


def candidates_of(trials: Iterable[Trial], arm: str, full: Fidelity) -> list[Trial]:
    """Complete trials of an arm, one for each architecture: those at the ordinary fidelity, where there are any."""
    own = [t for t in trials if t.phase == arm and t.is_complete and t.reused is None]
    ordinary = [t for t in own if t.proposal.fidelity == full]
    kept: dict[str, Trial] = {}
    for trial in ordinary or own:
        kept.setdefault(trial.key, trial)
    return list(kept.values())


def chosen_event(
    trials: Sequence[Trial], plan: PortfolioPlan, objectives: Sequence[Objective], full: Fidelity
) -> dict[str, Any]:
    """The event that says which trials of each arm are the portfolio, before any of them is confirmed."""
    arms = {}
    for arm in ARMS:
        found = candidates_of(trials, arm, full)
        if found:
            _, choice = choice_among([measured_of(trial) for trial in found], plan, objectives)
            arms[arm] = {
                "members": [found[i].number for i in choice.models],
                "expected_regret": choice.regret,
                "bound": choice.bound,
                "exact": choice.exact,
                "served": choice.served,
            }
    return {"kind": "portfolio", **plan.to_json(), "arms": arms}


def choice_among(
    rows: Sequence[Mapping[str, float]],
    plan: PortfolioPlan,
    objectives: Sequence[Objective],
    known: Sequence[Mapping[str, float]] | None = None,
) -> tuple[Regrets, Choice]:
    """The matrix of regrets of candidates and the choice made on it."""
    regrets = regrets_of(plan.scenarios, rows, objectives, known)
    return regrets, choose(regrets.values, plan.size, plan.importance())


@dataclass(frozen=True, slots=True)
class Assignment:
    """Who serves a scenario.

    Attributes:
        finalist: None where no member keeps the limits on fresh seeds.
        problem: why not, in words; empty where one does.
    """

    scenario: Scenario
    finalist: Finalist | None
    problem: str = ""


def assigned(
    plan: PortfolioPlan, finalists: Sequence[Finalist], objectives: Sequence[Objective]
) -> tuple[Assignment, ...]:
    """Which member serves which scenario: the best by its means over fresh seeds that keep the limits."""
    rows = [finalist.mean for finalist in finalists]
    regrets = regrets_of(plan.scenarios, rows, objectives).values
    found = []
    for scenario, row in zip(plan.scenarios, regrets, strict=True):
        best = min(range(len(finalists)), key=lambda i: (row[i], finalists[i].found), default=None)
        if best is None or math.isinf(row[best]):
            found.append(Assignment(scenario, None, collision(scenario, rows)))
        else:
            found.append(Assignment(scenario, finalists[best]))
    return tuple(found)
