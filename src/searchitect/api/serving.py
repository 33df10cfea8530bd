"""Scenarios at the front door: what they make of a request, its evaluator, its checks and its judge."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from searchitect.errors import ConfigError, SearchitectError
from searchitect.objectives import Constraint, Objective, parse_objective
from searchitect.portfolio.gate import Gate, refuse_impossible, refuse_limits
from searchitect.portfolio.planning import PortfolioPlan, check_size
from searchitect.portfolio.scenario import HERE, Scenario, objectives_of, scenarios_of
from searchitect.portfolio.serving import Serving
from searchitect.portfolio.units import written
from searchitect.spaces import SearchSpace
from searchitect.tasks import Task

if TYPE_CHECKING:
    from searchitect.api.request import Parts, Request
    from searchitect.hardware.devices import Device
    from searchitect.study.plan import Plan

__all__ = [
    "gated",
    "own_metrics",
    "planned",
    "portfolio_judge",
    "refuse_unservable",
    "scenario_details",
    "served",
    "sure_niches",
    "viewed",
    "with_scenarios",
]

DEFAULT_STRATEGY = "scenarios"
"""What `auto` is where there are scenarios; `benchmarks/portfolio.py` has the figures."""

NICHED = frozenset({"bop_elites", "map_elites"})
"""Strategies that take the scenarios as their niches unless they are given others."""

SMALL_MEMORY = 64_000_000
"""Bytes of memory below which a device's own memory and flash are limits without being written."""


def with_scenarios(request: Request, task: Task | None) -> tuple[Request, PortfolioPlan | None]:
    """The request as it stands with scenarios: devices, objectives, strategy and niches filled in; and the plan.

    Raises:
        ConfigError: a scenario cannot be used, its device is unknown (the nearest is named), or it has data of its own
            where the evaluation is the user's function.
    """
    if request.scenarios is None:
        if request.size is not None:
            raise ConfigError("a size is that of a portfolio, and there are no scenarios", hint="scenarios='FILE.toml'")
        return request, None
    given = scenarios_of(request.scenarios)
    size = check_size(request.size, given)
    devices = {device.name: device for device in _devices(request.devices)}
    own = request.evaluate is not None and task is None  # the function measures for the devices that it knows
    scenarios = given if own else tuple(_placed(scenario, devices) for scenario in given)
    _check_data(scenarios, request, task)
    first = _first(request, task)
    wanted = {parse_objective(text).name: text for text in request.objectives or ()}
    for objective in objectives_of(scenarios, first.name):
        wanted.setdefault(objective.name, first if objective.name == first.name else objective)
    strategy = DEFAULT_STRATEGY if request.strategy == "auto" else request.strategy
    options = dict(request.options)
    if isinstance(strategy, str) and strategy in NICHED:
        options.setdefault("niches", _niches(scenarios))
    if strategy == DEFAULT_STRATEGY:
        options.setdefault("places", _places(scenarios, first.name))
        options.setdefault("size", size)
    changed = dataclasses.replace(
        request,
        objectives=tuple(wanted.values()),
        devices=tuple(devices.values()),
        strategy=strategy,
        options=options,
    )
    return changed, PortfolioPlan(scenarios, size)


def served(request: Request, parts: Parts) -> Request:
    """The request with what its scenarios made of it."""
    if parts.portfolio is None:
        return request
    again = dataclasses.replace(request, scenarios=parts.portfolio.scenarios, size=parts.portfolio.size)
    return with_scenarios(dataclasses.replace(again, devices=parts.devices), parts.task)[0]


def planned(plan: Plan, portfolio: PortfolioPlan | None) -> Plan:
    """The plan of a study that hands over a portfolio: its models are the finalists of each arm."""
    if portfolio is None:
        return plan
    campaign = dataclasses.replace(plan.campaign, places=Serving(portfolio), confirm_count=portfolio.size)
    return dataclasses.replace(plan, campaign=campaign)


def sure_niches(request: Request, parts: Parts, evaluator: Any) -> Request:
    """The request with the scenarios' niches drawn in by how uncertain predictions are, so that limits hold surely.

    Judged on the space's default architecture: a prediction's spread is the device's, much the same for all models.
    """
    niches = request.options.get("niches")
    check = getattr(evaluator, "check", None)
    if parts.portfolio is None or not callable(check) or niches != _niches(parts.portfolio.scenarios):
        return request
    limits = [limit for scenario in parts.portfolio.scenarios for limit in scenario.constraints()]
    names = frozenset(name for limit in limits for name in limit.names)
    try:
        known = check(SearchSpace.of(parts.space).default(), names) if names else {}
    except SearchitectError:  # nothing can be built of it; the study says so
        return request
    drawn = _niches(parts.portfolio.scenarios, lambda limit: _median_limit(limit, known))
    return dataclasses.replace(request, options={**request.options, "niches": drawn})


def own_metrics(portfolio: PortfolioPlan | None, first: str) -> frozenset[str]:
    """Names of the metrics on data that scenarios have for themselves."""
    return frozenset(s.metric(first) for s in portfolio.scenarios if s.has_own_data) if portfolio else frozenset()


def refuse_unservable(parts: Parts, evaluator: Any, seed: int) -> None:
    """Refuse limits, and scenarios, that no architecture keeps as far as that is known without training."""
    if not callable(getattr(evaluator, "check", None)):
        return
    refuse_limits(SearchSpace.of(parts.space), parts.constraints, evaluator.check, seed)
    if parts.portfolio is not None:
        refuse_impossible(SearchSpace.of(parts.space), parts.portfolio.scenarios, evaluator.check, seed)


def viewed(evaluator: Any, parts: Parts) -> Any:
    """The evaluator, scoring also on what each scenario sees of the data."""
    if parts.portfolio is None:
        return evaluator
    first = parts.objectives[0].name
    views = tuple(_view(s, first) for s in parts.portfolio.scenarios if s.has_own_data)
    if views:
        from searchitect.tasks.views import view_of

        assert parts.task is not None
        for view in views:  # a slice that cannot be read is refused before anything is trained
            view_of(parts.task, parts.task.validation, view)
            if parts.task.test is not None:
                view_of(parts.task, parts.task.test, view)
        evaluator = dataclasses.replace(evaluator, views=views)
    return evaluator


def gated(evaluator: Any, parts: Parts) -> dict[str, Any]:
    """The arguments `facts` and `allowed` of a study: with scenarios, what can serve none of them is infeasible."""
    check = getattr(evaluator, "check", None)
    facts, allowed = check if callable(check) else None, getattr(evaluator, "allowed", None)
    if parts.portfolio is None or facts is None:
        return {"facts": facts, "allowed": allowed}
    gate = Gate(parts.portfolio.scenarios, facts, allowed)
    return {"facts": gate.facts, "allowed": gate.allowed}


def portfolio_judge(parts: Parts, plan: PortfolioPlan, restore: Callable[[int], Any], seed: int, device: str) -> Any:
    """The judge of a study with scenarios."""
    from searchitect.evaluators.portfolio_judge import Place, PortfolioJudge

    assert parts.task is not None
    first = parts.objectives[0]
    places = [
        Place(s.slug, share, _view(s, first.name) if s.has_own_data else None, s.test)
        for s, share in zip(plan.scenarios, plan.importance(), strict=True)
    ]
    return PortfolioJudge(parts.task, first, restore, places, seed=seed, device=device)


def _first(request: Request, task: Task | None) -> Objective:
    if request.objectives:
        return parse_objective(request.objectives[0])
    if task is None or request.evaluate is not None:
        return parse_objective("score")
    return parse_objective(task.metrics[0])


def _devices(wanted: Any) -> list[Device]:
    from searchitect.hardware.devices import device

    given = [wanted] if isinstance(wanted, str) or not hasattr(wanted, "__iter__") else list(wanted)
    return [device(one) for one in given]


def _placed(scenario: Scenario, devices: dict[str, Device]) -> Scenario:
    """The scenario with the name of its device, and what a small device has as limits; `devices` grows."""
    if scenario.device is None or scenario.device in HERE:
        return scenario
    if scenario.device in devices:
        return scenario
    from searchitect.hardware.devices import device

    try:
        found = device(scenario.device)
    except ConfigError as error:
        raise ConfigError(f"scenario {scenario.name!r}: {error.message}", hint=error.hint) from error
    devices.setdefault(found.name, found)
    limits = list(scenario.limits)
    written = {limit.name for limit in scenario.constraints()}
    named = dataclasses.replace(scenario, device=found.name)
    if found.memory_bytes is not None and found.memory_bytes < SMALL_MEMORY:
        for quantity, room in (("peak_memory_bytes", found.memory_bytes), ("flash_bytes", found.flash_bytes)):
            if room is not None and named.measurement(quantity) not in written:
                limits.append(f"{quantity}<={room}")
    return dataclasses.replace(named, limits=tuple(limits))


def _check_data(scenarios: tuple[Scenario, ...], request: Request, task: Task | None) -> None:
    for scenario in scenarios:
        own = scenario.has_own_data or scenario.test is not None
        if own and (task is None or request.evaluate is not None):
            raise ConfigError(
                f"scenario {scenario.name!r} has data of its own, and the evaluation is your own function",
                hint="leave slice, corruption and test out, and return a measurement for each scenario yourself",
            )
        if scenario.test is not None and task is not None:
            from searchitect.tasks.views import labelled_split

            labelled_split(task, scenario.test)  # refused now what would be refused after the search


def _places(scenarios: tuple[Scenario, ...], first: str) -> list[dict[str, Any]]:
    """The scenarios as the strategy `scenarios` reads them."""
    return [
        {
            "name": scenario.slug,
            "limits": [written(limit) for limit in scenario.constraints()],
            "importance": float(scenario.importance),
            "wanted": scenario.wanted(first),
        }
        for scenario in scenarios
    ]


def _median_limit(limit: Constraint, known: Mapping[str, float]) -> float:
    """What the median of a prediction may be, so that the limit holds with its confidence."""
    value = known.get(limit.name, 0.0)
    bound = limit.bound(known) if value > 0.0 else value
    return limit.limit if not value > 0.0 or bound == value else limit.limit * value / bound


def _niches(
    scenarios: tuple[Scenario, ...], at: Callable[[Constraint], float] = lambda limit: limit.limit
) -> list[dict[str, Any]]:
    """The scenarios as niches; one without limits holds every architecture."""
    found = []
    for scenario in scenarios:
        bounds: dict[str, list[float | None]] = {}
        for limit in scenario.constraints():
            low, high = bounds.get(limit.name, [None, None])
            if limit.relation == "<=":
                bounds[limit.name] = [low, at(limit)]
            else:  # a niche is open below: the limit itself belongs to it
                bounds[limit.name] = [at(limit) - 1e-12 * max(1.0, abs(at(limit))), high]
        found.append({"name": scenario.slug, "bounds": bounds or {"active_decisions": [None, None]}})
    return found


def _view(scenario: Scenario, first: str) -> Any:
    from searchitect.tasks.views import View

    return View(
        name=scenario.slug,
        metric=first,
        slice=scenario.slice,
        corruption=scenario.corruption,
        severity=scenario.severity,
    )


def scenario_details(portfolio: PortfolioPlan | None) -> dict[str, Any]:
    """What a resumed study must repeat."""
    return {} if portfolio is None else {"portfolio": portfolio.to_json()}
