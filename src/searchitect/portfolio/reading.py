"""From the records of a study to its `Portfolio`: the one that was chosen and confirmed, or one for other scenarios."""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from searchitect.errors import ConfigError, did_you_mean
from searchitect.objectives import Objective
from searchitect.portfolio.planning import (
    ARMS,
    Assignment,
    PortfolioPlan,
    assigned,
    candidates_of,
    choice_among,
    measured_of,
)
from searchitect.portfolio.record import Member, Portfolio, Service, cells_of, member_of, service_of
from searchitect.portfolio.regrets import broken, collision, regrets_of
from searchitect.portfolio.scenario import Scenario
from searchitect.portfolio.trade_offs import trade_offs
from searchitect.portfolio.verdict import judge_portfolios
from searchitect.storage.journal import Event
from searchitect.study.finalists import Finalist
from searchitect.trial import Fidelity, Trial

__all__ = ["Records", "fresh_portfolio", "recorded_portfolio", "seed_deviation"]

PORTFOLIO_FOLDER = "portfolio"


@dataclasses.dataclass(frozen=True, slots=True)
class Records:
    """What a portfolio is read from.

    Attributes:
        chosen: the "portfolio" event; served: the "served" event; tested: "portfolio" in the test result.
        full: what an ordinary trial of the search spent.
    """

    trials: Sequence[Trial]
    finalists: Sequence[Finalist]
    objectives: Sequence[Objective]
    full: Fidelity
    chosen: Event | None = None
    served: Event | None = None
    tested: Mapping[str, Any] | None = None
    folder: Path | None = None


def recorded_portfolio(records: Records, plan: PortfolioPlan) -> Portfolio:
    """The portfolio that the study chose, confirmed and tested, and random search's beside it."""
    arms = {arm: _of_arm(records, plan, arm) for arm in ARMS if any(f.arm == arm for f in records.finalists)}
    if "search" not in arms:
        return _nothing(records, plan)
    random = arms.get("random")
    verdict = judge_portfolios(plan, records.finalists, records.objectives, records.trials, records.tested)
    known = _known(records)
    return dataclasses.replace(
        arms["search"],
        random=random,
        verdict=verdict,
        trade_offs=trade_offs(plan.scenarios, known, records.objectives, seed_deviation(records)),
    )


def fresh_portfolio(records: Records, scenarios: Sequence[Scenario], size: int) -> Portfolio:
    """A portfolio for other scenarios, from what the search measured; its members may be unconfirmed.

    Raises:
        ConfigError: a scenario asks for a quantity that was not measured, with the nearest that was.
    """
    plan = PortfolioPlan(tuple(scenarios), size)
    trials = candidates_of(records.trials, "search", records.full)
    confirmed = {f.key: f for f in records.finalists if f.arm == "search"}
    rows = [dict(confirmed[t.key].mean) if t.key in confirmed else measured_of(t) for t in trials]
    _check_measured(plan, records.objectives[0].name, rows)
    objectives = _with_wanted(records.objectives, plan)
    regrets, choice = choice_among(rows, plan, objectives)
    members = []
    for label, i in zip(_labels(), choice.models, strict=False):
        trial = trials[i]
        own = confirmed.get(trial.key)
        plain = Member(label, trial.architecture, trial.key, trial.number, (), rows[i])
        members.append(plain if own is None else member_of(label, own))
    label_of = {i: member.label for i, member in zip(choice.models, members, strict=True)}
    services = []
    for scenario, serves, line in zip(plan.scenarios, choice.serves, regrets.values, strict=True):
        metric = scenario.metric(records.objectives[0].name)
        if serves is None:
            services.append(Service(scenario.name, None, metric, collision(scenario, rows)))
            continue
        key, label = trials[serves].key, label_of[serves]
        if key in confirmed:
            service = service_of(Assignment(scenario, confirmed[key]), {key: label}, records.trials, objectives, {})
        else:
            service = Service(scenario.name, label, metric, value=rows[serves].get(metric))
        services.append(dataclasses.replace(service, regret=float(line[serves])))
    cells, unit = cells_of(plan, members, records.trials, objectives, rows)
    deviation = seed_deviation(records)
    return Portfolio(
        plan.scenarios,
        tuple(members),
        tuple(services),
        cells,
        size,
        unit,
        choice.regret,
        choice.bound,
        choice.exact,
        trade_offs=trade_offs(plan.scenarios, rows, objectives, deviation),
    )


def seed_deviation(records: Records) -> float | None:
    """Pooled standard deviation of the metric between seeds; None without two confirmations of one architecture."""
    groups = [f.values for f in records.finalists if len(f.values) > 1]
    freedom = sum(len(values) - 1 for values in groups)
    if not freedom:
        return None
    return math.sqrt(sum(statistics.variance(values) * (len(values) - 1) for values in groups) / freedom)


def _of_arm(records: Records, plan: PortfolioPlan, arm: str) -> Portfolio:
    finalists = [f for f in records.finalists if f.arm == arm]
    assignments = assigned(plan, finalists, records.objectives)
    used = {a.finalist.key: a.finalist for a in assignments if a.finalist is not None}
    members = [member_of(label, finalist) for label, finalist in zip(_labels(), used.values(), strict=False)]
    labels = {member.key: member.label for member in members}
    latencies = (records.served or {}).get("latencies", {}) if arm == "search" else {}
    known = _known(records)
    cells, unit = cells_of(plan, members, records.trials, records.objectives, known)
    tested = (records.tested or {}).get("arms", {}).get(arm, {})
    tried = [measured_of(t) for t in candidates_of(records.trials, arm, records.full)]
    services = []
    for assignment in assignments:
        service = service_of(assignment, labels, records.trials, records.objectives, latencies)
        slug = assignment.scenario.slug
        if service.member is not None:
            found = tested.get(slug, {})
            service = dataclasses.replace(
                service,
                regret=cells[slug, service.member].regret,
                test=found.get("value"),
                test_interval=tuple(found["interval"]) if found.get("interval") else None,
                folder=f"{PORTFOLIO_FOLDER}/{slug}" if arm == "search" else None,
            )
        else:
            service = dataclasses.replace(service, problem=_unserved(assignment.scenario, tried, service.problem))
        services.append(service)
    chosen = (records.chosen or {}).get("arms", {}).get(arm, {})
    bound, exact = _proof(records, plan, chosen, services, unit)
    return Portfolio(
        plan.scenarios,
        tuple(members),
        tuple(services),
        cells,
        plan.size,
        unit,
        _expected(plan, services),
        bound,
        exact,
        **(_between(records, members) if arm == "search" else {}),
        folder=records.folder,
    )


def _between(records: Records, members: Sequence[Member]) -> dict[str, Any]:
    """Agreement and negative flips, in the order of the members."""
    served = records.served or {}
    order = served.get("members", [])
    if not served.get("agreement") or any(member.found not in order for member in members):
        return {}
    places = [order.index(member.found) for member in members]
    return {
        name: tuple(tuple(served[name][i][j] for j in places) for i in places)
        for name in ("agreement", "negative_flips")
    }


def _expected(plan: PortfolioPlan, services: Sequence[Service]) -> float | None:
    pairs = [(p, s.regret) for p, s in zip(plan.importance(), services, strict=True) if s.regret is not None]
    total = sum(share for share, _ in pairs)
    return sum(share * regret for share, regret in pairs) / total if pairs else None


def _proof(
    records: Records, plan: PortfolioPlan, chosen: Mapping[str, Any], services: Sequence[Service], unit: str | None
) -> tuple[float | None, bool]:
    """The bound of the choice in regrets against the best that either arm knows, and whether it is still proven best.

    Fresh seeds decide anew who serves whom; where that undoes what was chosen, the proof is of another choice.
    """
    rows = [measured_of(records.trials[number]) for number in chosen.get("members", ())]
    expected = _expected(plan, services)
    if not rows or expected is None:
        return None, False
    least = regrets_of(plan.scenarios, rows, records.objectives, _known(records)).values.min(axis=1)
    pairs = [(share, value) for share, value in zip(plan.importance(), least, strict=True) if math.isfinite(value)]
    total = sum(share for share, _ in pairs)
    seen = sum(share * value for share, value in pairs) / total if total else math.inf
    as_chosen = len(pairs) == sum(s.member is not None for s in services) and expected <= seen + 1e-9 * max(1.0, seen)
    exact = bool(chosen.get("exact", False) and as_chosen)
    if exact:
        return expected, True
    slack = chosen["expected_regret"] - chosen["bound"]
    return (None if unit is None or not total else max(0.0, float(seen - slack))), False


def _unserved(scenario: Scenario, tried: Sequence[Mapping[str, float]], confirmed: str) -> str:
    """Why nothing serves a scenario: by all that was tried, or where one of these kept its limits, by fresh seeds."""
    return confirmed if not tried or any(not broken(scenario, row) for row in tried) else collision(scenario, tried)


def _known(records: Records) -> list[dict[str, float]]:
    """What was measured of every candidate, of both arms."""
    return [measured_of(t) for arm in ARMS for t in candidates_of(records.trials, arm, records.full)]


def _nothing(records: Records, plan: PortfolioPlan) -> Portfolio:
    known = _known(records)
    metric = records.objectives[0].name
    services = []
    for scenario in plan.scenarios:
        why = collision(scenario, known)
        services.append(Service(scenario.name, None, scenario.metric(metric), why))
    return Portfolio(plan.scenarios, (), tuple(services), {}, plan.size, None, None)


def _labels() -> list[str]:
    letters = [chr(65 + i) for i in range(26)]
    return letters + [f"{letter}{n}" for n in range(2, 5) for letter in letters]


def _with_wanted(objectives: Sequence[Objective], plan: PortfolioPlan) -> tuple[Objective, ...]:
    """The study's objectives and those that the scenarios weigh besides."""
    from searchitect.portfolio.scenario import objectives_of

    names = {objective.name: objective for objective in objectives}
    for objective in objectives_of(plan.scenarios, objectives[0].name):
        names.setdefault(objective.name, objective)
    return tuple(names.values())


def _check_measured(plan: PortfolioPlan, first: str, rows: Sequence[Mapping[str, float]]) -> None:
    known = {name for row in rows for name in row}
    for scenario in plan.scenarios:
        for name in (*scenario.wanted(first), *(limit.name for limit in scenario.constraints())):
            if name not in known:
                raise ConfigError(
                    f"scenario {scenario.name!r} asks for {name!r}, which this search did not measure",
                    hint=did_you_mean(name, known) if known else "no trial was complete",
                )
