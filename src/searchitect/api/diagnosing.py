"""`doctor`: what is wrong with a search space, found by building and counting, before any training.

Samples architectures, builds each without memory (on the meta device), and looks at single decisions: one that never
changes what the model computes, however it is set, is called dead.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from searchitect.api.placing import find_devices, limits_of
from searchitect.api.proxy_diagnosis import proxies_of, proxy_lines
from searchitect.errors import SearchitectError, SpaceError
from searchitect.objectives import Constraint, log_sd_name
from searchitect.seeding import isolated, stream
from searchitect.spaces import Architecture, SearchSpace, TaskSpec

if TYPE_CHECKING:
    from searchitect.hardware.devices import Device

__all__ = ["Diagnosis", "doctor"]

SAMPLES = 200
PAIRS = 6
"""Pairs of architectures that differ in one decision alone, tried before it is called dead."""

COSTS = frozenset({"parameters", "flops"})


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What the doctor found: `lines` for a person, `document` for a program."""

    lines: tuple[str, ...]
    document: dict[str, Any]


def doctor(
    space: Any,
    task: Any = None,
    *,
    constraints: Sequence[str | Constraint] = (),
    devices: Any = (),
    confidence: float | None = None,
    samples: int = SAMPLES,
    seed: int = 0,
    proxies: str | Sequence[str] | None = None,
) -> Diagnosis:
    """Examine a search space.

    Args:
        space: a class, a catalogue name, `FILE.py:CLASS`, or a file of layers.
        task: whose shapes the models are built for: a name, a path, a `Task`, or a `TaskSpec`; digits by default.
        constraints: limits whose feasible share is wanted.
        devices: where models must run, as for `search`: their latencies are shown, and limits on them counted.
        confidence: with which a limit on a prediction must be kept.
        samples: how many architectures are drawn.
        proxies: zero-cost proxies to try on a few of them, as for `search`; None tries none.
    """
    from searchitect.config import load_space

    found = SearchSpace.of(load_space(space) if isinstance(space, str) else space)
    task = _opened(task)
    spec = task if isinstance(task, TaskSpec) else task.spec
    limits = limits_of(constraints, confidence)
    places = find_devices(devices, [limit.name for limit in limits])
    rng = stream(seed, "doctor")
    drawn = [found.sample(rng) for _ in range(samples)]
    names = COSTS.union(f"latency_ms_{place.name}" for place in places).union(limit.name for limit in limits)
    costs, errors = _build_all(found, drawn, spec, names, places)
    size = _size(found)
    document: dict[str, Any] = {
        "space": found.name,
        "size": size if found.is_finite else None,
        "size_without_reals": size,
        "samples": samples,
        "duplicates": 1.0 - len({found.key(a) for a in drawn}) / samples,
        "invalid": len(errors) / samples,
        "infeasible": _infeasible(costs, limits),
        "costs": {name: _quantiles([c[name] for c in costs]) for name in _shown(costs)},
        "dead_decisions": _dead(found, drawn, spec),
        "never_active": _never_active(found, drawn),
        "errors": _distinct(errors)[:5],
        "proxies": None if proxies is None else proxies_of(found, task, drawn, proxies),
    }
    return Diagnosis(tuple(_lines(document, costs)), document)


def _size(space: SearchSpace) -> int | None:
    """The number of architectures; None where a condition ties too many decisions together to count them."""
    try:
        return space.size()
    except SpaceError:
        return None


def _opened(task: Any) -> Any:
    """A task, or the shapes alone where they are what was given."""
    if not isinstance(task, str) and task is not None:
        return task
    from searchitect.tasks import task as open_task

    return open_task("digits" if task is None else task)


def _build_all(
    space: SearchSpace,
    drawn: Sequence[Architecture],
    spec: TaskSpec,
    names: frozenset[str],
    places: Sequence[Device],
) -> tuple[list[dict[str, float]], list[dict[str, Any]]]:
    from searchitect.evaluators.building import inspect_model
    from searchitect.evaluators.on_devices import OnDevices

    there = OnDevices(None, space, spec, tuple(places))
    costs, errors = [], []
    for architecture in drawn:
        try:
            counted = inspect_model(space, architecture, spec, names)
            costs.append({**counted, **there.check(architecture, names)})
        except SearchitectError as error:
            errors.append({"architecture": architecture.to_json()["decisions"], "error": error.message})
    return costs, errors


def _distinct(errors: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The first architecture that shows each error."""
    first: dict[str, dict[str, Any]] = {}
    for error in errors:
        first.setdefault(error["error"], error)
    return list(first.values())


def _infeasible(costs: Sequence[dict[str, float]], limits: Sequence[Constraint]) -> float | None:
    known = [limit for limit in limits if costs and limit.name in costs[0]]
    if not known:
        return None
    return sum(not all(limit.holds(cost) for limit in known) for cost in costs) / len(costs)


def _shown(costs: Sequence[dict[str, float]]) -> list[str]:
    """Names of the costs, without the deviations of predictions."""
    return sorted(name for name in (costs[0] if costs else ()) if not name.endswith(log_sd_name("")))


def _quantiles(values: Sequence[float]) -> dict[str, float]:
    ordered = sorted(values)
    at = {"min": 0.0, "q25": 0.25, "median": 0.5, "q75": 0.75, "max": 1.0}
    return {name: ordered[round(share * (len(ordered) - 1))] for name, share in at.items()}


def _never_active(space: SearchSpace, drawn: Sequence[Architecture]) -> list[str]:
    seen = {path for architecture in drawn for path in architecture}
    return [decision.path for decision in space.decisions() if decision.path not in seen]


def _dead(space: SearchSpace, drawn: Sequence[Architecture], spec: TaskSpec) -> list[str]:
    """Active architecture decisions that left the model's output unchanged in every pair that was tried."""
    dead = []
    for decision in space.decisions():
        if decision.role == "training":
            continue
        pairs = [(_output(space, a, spec), _output(space, b, spec)) for a, b in _pairs(space, decision.path, drawn)]
        computed = [pair for pair in pairs if None not in pair]  # what cannot be built says nothing about a decision
        if computed and all(a == b for a, b in computed):
            dead.append(decision.path)
    return dead


def _pairs(space: SearchSpace, path: str, drawn: Sequence[Architecture]) -> Iterator[tuple[Architecture, Architecture]]:
    """Up to `PAIRS` pairs that differ in the decision at `path`, and in what depends on it."""
    left = PAIRS
    for architecture in drawn:
        if left == 0:
            return
        if path not in architecture:
            continue
        for neighbour in space.neighbours(architecture):
            if neighbour.get(path) != architecture[path]:
                left -= 1
                yield architecture, neighbour
                break


def _output(space: SearchSpace, architecture: Architecture, spec: TaskSpec) -> tuple[float, ...] | None:
    """What the model computes on fixed inputs from fixed weights in training mode; None where it cannot be built."""
    import torch

    with isolated(0):
        try:
            model = space.build(architecture, spec)
            inputs = torch.rand((4, *spec.inputs), generator=torch.Generator().manual_seed(0))
            torch.manual_seed(1)
            with torch.no_grad():
                scores = model(inputs)
        except Exception:  # noqa: BLE001 - a user's build may raise anything
            return None
    return tuple(round(float(value), 6) for value in scores.flatten()[:64])


def _lines(document: dict[str, Any], costs: Sequence[dict[str, float]]) -> Iterator[str]:
    size = document["size_without_reals"]
    if size is None:
        yield f"{document['space']}: too many architectures to count under their conditions"
    else:
        reals = "" if document["size"] is not None else " (real-valued decisions not counted)"
        yield f"{document['space']}: {size:,} architectures{reals}, ≈ 10^{math.log10(max(1, size)):.0f}"
    yield f"{document['samples']} drawn: {document['duplicates']:.1%} duplicates, {document['invalid']:.1%} invalid"
    if document["infeasible"] is not None:
        yield f"{document['infeasible']:.1%} break a limit"
    width = max([11, *map(len, document["costs"])])
    for name, values in document["costs"].items():
        marks = " … ".join(_amount(values[q]) for q in ("min", "median", "max"))
        yield f"{name:<{width}} {marks}   {_histogram([c[name] for c in costs])}"
    if document["dead_decisions"]:
        yield "dead decisions (no effect on the model was seen): " + ", ".join(document["dead_decisions"])
    if document["never_active"]:
        yield "never active in the sample: " + ", ".join(document["never_active"][:10])
    for problem in document["errors"]:
        yield f"cannot be built: {problem['error']}"
        yield f"    {problem['architecture']}"
    if document["proxies"] is not None:
        yield from proxy_lines(document["proxies"])


def _amount(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 or value == int(value) else f"{value:.3g}"


def _histogram(values: Sequence[float], bins: int = 12) -> str:
    """A line of bars over the logarithm of the values."""
    logs = [math.log(max(1e-9, value)) for value in values]
    low, high = min(logs), max(logs)
    counts = [0] * bins
    for value in logs:
        counts[min(bins - 1, int((value - low) / max(1e-12, high - low) * bins))] += 1
    return "".join("▁▂▃▄▅▆▇█"[math.ceil(7 * count / max(counts))] for count in counts)
