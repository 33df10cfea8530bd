"""`Request`: the arguments of one search as a value, and the parts they become."""

from __future__ import annotations

import dataclasses
import datetime
import os
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from searchitect.api.executing import check_device, check_executing
from searchitect.api.keeping import check_artifacts
from searchitect.api.placing import device_measurement_names, find_devices, limits_of, names_a_device, predicted_names
from searchitect.api.scoring import check_proxies
from searchitect.api.serving import own_metrics, with_scenarios
from searchitect.config import load_space, parse_memory
from searchitect.errors import ConfigError
from searchitect.objectives import Constraint, Objective, parse_constraint, parse_objective
from searchitect.portfolio.planning import PortfolioPlan
from searchitect.spaces import Recipe, SearchSpace
from searchitect.strategies import Strategy, check_name
from searchitect.strategies.tessellation import niche_features
from searchitect.study.gain import GAIN
from searchitect.study.incidents import MAX_FAILURES, RETRIES
from searchitect.study.stopping import stopping_rule
from searchitect.tasks import METRICS, Task, task as open_task

if TYPE_CHECKING:
    from searchitect.hardware.devices import Device

__all__ = ["Parts", "Request", "default_name", "make_parts"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What one call of `search` asks for. The fields are explained there."""

    data: Any = None
    target: str | None = None
    groups: Any = None
    time: Any = None
    space: Any = None
    evaluate: Callable[..., Any] | None = None
    strategy: str | Strategy = "auto"
    options: Mapping[str, Any] = field(default_factory=dict)
    objectives: Sequence[str | Objective] | None = None
    constraints: Sequence[str | Constraint] = ()
    trials: int | None = None
    budget: str | float | None = None
    until: str | Sequence[str] | None = None
    workers: int | None = None
    memory: str | int | None = None
    seed: int = 0
    device: str = "cpu"
    store: Any = None
    name: str | None = None
    folder: str | Path | None = None
    recipe: Recipe | None = None
    random_search: bool = True
    confirm_seeds: int = 3
    trial_seconds: float | None = None
    deterministic: bool = False
    profile: bool = False
    allow_changed_code: bool = False
    devices: Sequence[Any] = ()
    confidence: float | None = None
    warm_start: Any = None
    supernet: Any = None
    owed_seconds: float | None = None
    proxies: str | Sequence[str] | None = None
    stopping: str | None = None
    prune_space: bool = False
    scenarios: Any = None
    size: int | None = None
    reference: Any = None
    executor: str | None = None
    ray_address: str | None = None
    trial_cpus: float = 1.0
    trial_gpus: float = 0.0
    hang_seconds: float | None = None
    retries: int = RETRIES
    max_failures: float = MAX_FAILURES
    disk: str | int | None = None
    artifacts: str | None = None
    ranks: int = 1


@dataclass(frozen=True, slots=True)
class Parts:
    """The objects a request stands for.

    Attributes:
        space: the user's or a catalogue's class.
        task: None where the evaluation is the user's own function.
        workers: processes; 0 evaluates in this one.
        memory_bytes: what one evaluation may take; None for no limit.
        features: measurements that the niches of the strategy refer to.
        devices: where models must run; measurements are predicted for each.
        portfolio: the scenarios that models are searched for; None where one model is wanted.
    """

    space: type
    task: Task | None
    recipe: Recipe
    objectives: tuple[Objective, ...]
    constraints: tuple[Constraint, ...]
    until: tuple[Constraint, ...]
    workers: int
    memory_bytes: int | None = None
    features: tuple[str, ...] = ()
    devices: tuple[Device, ...] = ()
    portfolio: PortfolioPlan | None = None


def make_parts(request: Request) -> Parts:
    """Resolve names, read the data and check every word before anything is spent.

    Raises:
        ConfigError, SpaceError, TaskError, ConstraintError: something in the request cannot be used.
    """
    _check_kinds(request)
    _check_numbers(request)
    check_device(request.device)
    check_proxies(request)
    check_executing(request)
    memory_bytes = _memory(request)
    if request.supernet is not None:
        request = _of_supernet(request)
    task = _task(request)
    request, portfolio = with_scenarios(request, task)
    task = task if task is None or portfolio is None else _with_wanted_metrics(task, request)
    space = _space(request.space, task)
    features = niche_features(request.strategy, request.options, SearchSpace.of(space))
    named = (*_named(request), *features) if request.evaluate is None else ()
    devices = find_devices(request.devices, named)
    objectives = _objectives(request, task)
    until = (request.until,) if isinstance(request.until, str) else tuple(request.until or ())
    if task is not None and request.evaluate is None:
        own = own_metrics(portfolio, objectives[0].name)
        _check_measured([name for name in (*(o.name for o in objectives), *named) if name not in own], task, devices)
    workers = _workers(request, task)
    check_artifacts(request.artifacts, workers)
    return Parts(
        space,
        task,
        request.recipe or Recipe(),
        objectives,
        limits_of(request.constraints, request.confidence),
        tuple(parse_constraint(text) for text in until),
        workers,
        memory_bytes,
        features,
        devices,
        portfolio,
    )


def default_name(request: Request, parts: Parts) -> str:
    """A name that the same command finds again; a fresh one for data and functions that exist in memory only."""
    strategy = request.strategy if isinstance(request.strategy, str) else type(request.strategy).__name__
    space = SearchSpace.of(parts.space).name
    if request.supernet is not None and parts.task is not None:
        shared = f"{request.supernet.method}-{request.supernet.digest[:6]}"
        return f"{parts.task.name}-{space}-{strategy}-seed{request.seed}-{shared}"
    if parts.task is not None and request.evaluate is None and isinstance(request.data, (str, Path)):
        start = ("" if request.warm_start is None else "-warm") + ("" if request.proxies is None else "-proxies")
        start += f"-{request.stopping}" if request.stopping else ""
        start += "-pruning" if request.prune_space else ""
        return f"{parts.task.name}-{space}-{strategy}-seed{request.seed}{start}"
    what = parts.task.name if parts.task is not None else getattr(request.evaluate, "__name__", "function")
    now = datetime.datetime.now(datetime.UTC).strftime("%Y%m%d-%H%M%S")
    return f"{what}-{space}-{now}-{uuid.uuid4().hex[:4]}"


def _of_supernet(request: Request) -> Request:
    """The request with the task and the space that the supernet was trained on.

    Raises:
        ConfigError: it names others, or there is a function that evaluates as well.
    """
    from searchitect.api.sharing import check_space, check_supernet, check_task

    trained = check_supernet(request.supernet)
    if request.evaluate is not None:
        raise ConfigError("a search is evaluated by a supernet or by your own function, not by both")
    if request.data is not None:
        check_task(trained, _opened(request))
    if request.space is not None:
        check_space(trained, load_space(request.space) if isinstance(request.space, str) else request.space)
    return dataclasses.replace(request, data=trained.task, target=None, groups=None, time=None, space=trained.space)


def _task(request: Request) -> Task | None:
    if request.evaluate is not None and request.data is None:
        return None
    if request.data is None:
        raise ConfigError(
            "there is nothing to search on", hint="name a task ('digits'), a path, (X, y), or evaluate=FUNCTION"
        )
    return _with_wanted_metrics(_opened(request), request)


def _opened(request: Request) -> Task:
    return open_task(request.data, target=request.target, groups=request.groups, time=request.time, seed=request.seed)


def _with_wanted_metrics(task: Task, request: Request) -> Task:
    """The task, measuring also the metrics that an objective, a limit or a stop condition names."""
    wanted = [name for name in _named(request) if name in METRICS and name not in task.metrics]
    return dataclasses.replace(task, metrics=(*task.metrics, *dict.fromkeys(wanted))) if wanted else task


def _named(request: Request) -> list[str]:
    """Measurements that objectives, limits and stop conditions name."""
    until = (request.until,) if isinstance(request.until, str) else request.until or ()
    names = [parse_objective(text).name for text in request.objectives or ()]
    named = [parse_constraint(text).name for text in request.constraints]
    return names + named + [name for text in until if (name := parse_constraint(text).name) != GAIN]


def _space(space: Any, task: Task | None) -> type:
    if isinstance(space, str):
        return load_space(space)
    if space is None or isinstance(space, (list, tuple, Mapping)):
        return _from_catalog(space, task)
    return SearchSpace.of(space).source


def _from_catalog(space: Any, task: Task | None) -> type:
    from searchitect import catalog

    if space is None and task is None:
        raise ConfigError("your own function needs a search space", hint="space=MySpace, marked with @sa.space")
    if space is None:
        assert task is not None
        return catalog.default_for(task.spec)
    return catalog.layers(space) if isinstance(space, Mapping) else catalog.layers(*space)


def _objectives(request: Request, task: Task | None) -> tuple[Objective, ...]:
    texts = request.objectives
    if texts is None:
        texts = ("score",) if task is None or request.evaluate is not None else (task.metrics[0],)
    if isinstance(texts, str):
        texts = (texts,)
    objectives = tuple(parse_objective(text) for text in texts)
    names = [objective.name for objective in objectives]
    if len(set(names)) != len(names):
        raise ConfigError(f"an objective is named twice: {', '.join(names)}")
    return objectives


def _check_measured(names: Sequence[str], task: Task, devices: Sequence[Device]) -> None:
    from searchitect.errors import did_you_mean
    from searchitect.evaluators import MEASUREMENTS

    known = {name for name, metric in METRICS.items() if metric.kind in (task.spec.kind, "any")} | set(MEASUREMENTS)
    known |= set(predicted_names(devices))
    for name in names:
        if name not in known:
            near = did_you_mean(name, device_measurement_names() if names_a_device(name) else known)
            raise ConfigError(f"nothing on task {task.name!r} measures {name!r}", hint=near)


def _workers(request: Request, task: Task | None) -> int:
    if request.workers is not None:
        return request.workers
    if request.executor == "serial":
        return 0
    if request.executor is None and (task is None or request.evaluate is not None):
        # Only another process can be kept to a limit.
        return 0 if request.memory is None and request.hang_seconds is None else 1
    return 1 if request.device != "cpu" else max(1, len(os.sched_getaffinity(0)) // request.ranks)


def _memory(request: Request) -> int | None:
    if request.memory is None:
        return None
    if request.workers == 0:
        raise ConfigError("memory is limited in worker processes only, and workers=0 starts none", hint="workers=1")
    if request.device != "cpu":
        raise ConfigError(
            f"memory limits the address space of a worker, of which the device {request.device!r} reserves more than "
            "it uses",
            hint="leave memory out, or device='cpu'",
        )
    return parse_memory(request.memory)


def _check_kinds(request: Request) -> None:
    """A program that is not type-checked learns here what it passed, not from deep inside."""
    if request.stopping is not None and not isinstance(request.stopping, str):
        raise ConfigError(
            f"stopping must be the name of a rule, got {request.stopping!r}",
            hint="'median' or 'curve'; sa.Study takes a rule of your own",
        )
    stopping_rule(request.stopping)
    if request.stopping is not None and request.supernet is not None:
        raise ConfigError(
            "a trial that is judged by shared weights trains nothing, so there is nothing to stop",
            hint="leave stopping out, or the supernet",
        )
    if request.recipe is not None and not isinstance(request.recipe, Recipe):
        raise ConfigError(f"recipe must be a sa.Recipe, got {request.recipe!r}", hint="sa.Recipe(optimizer='sgd')")
    if isinstance(request.strategy, str):
        check_name(request.strategy)  # before anything is measured or trained
    elif not callable(getattr(request.strategy, "ask", None)):
        raise ConfigError(
            f"strategy must be a name or have ask and tell, got {request.strategy!r}",
            hint="searchitect list strategies",
        )
    if isinstance(request.until, (int, float)):
        raise ConfigError(f"until must be a condition, got {request.until!r}", hint="until='accuracy>=0.95'")
    texts = (request.until,) if isinstance(request.until, str) else tuple(request.until or ())
    limits = [parse_constraint(text) for text in texts]
    if any(limit.name == GAIN for limit in limits) and (len(limits) > 1 or limits[0].relation == ">="):
        raise ConfigError(
            "gain, what the next ten evaluations are expected to bring, is a condition by itself, with an upper limit",
            hint="until='gain<=0.001'",
        )
    if (
        request.store is not None
        and not isinstance(request.store, (str, Path))
        and not hasattr(request.store, "journal")
    ):
        raise ConfigError(f"store must be a URL, a file or a store, got {request.store!r}", hint="store='memory:'")


def _check_numbers(request: Request) -> None:
    for name, least in (("trials", 1), ("workers", 0), ("confirm_seeds", 0)):
        value = getattr(request, name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < least):
            raise ConfigError(f"{name} must be a whole number of at least {least}, got {value!r}")
    if isinstance(request.seed, bool) or not isinstance(request.seed, int):
        raise ConfigError(f"seed must be a whole number, got {request.seed!r}")
    seconds = request.trial_seconds
    if seconds is not None and not (isinstance(seconds, (int, float)) and seconds > 0):
        raise ConfigError(f"trial_seconds must be positive, got {request.trial_seconds!r}")
