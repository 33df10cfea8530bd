"""What an architecture is expected to cost, as a differentiable function of the probabilities of its operations.

Cai et al., "ProxylessNAS", 2019, section 3.3: E[cost] = Σ p · cost, where an operation below other decisions costs only
where those are taken. Parameters and operations are exact: at probabilities of 0 and 1 they are those of the extracted
model. Latency is the sum of operations timed alone; the layers that no decision changes are left out of it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from searchitect.errors import ConfigError, did_you_mean
from searchitect.hardware.latency import latency_ms
from searchitect.nn.mixed import Mixed
from searchitect.supernet.architecture_weights import MixedDecision
from searchitect.supernet.open_build import Supernet

__all__ = ["COSTS", "CostTable", "CostTerm", "cost_table", "penalised"]

COSTS = ("parameters", "flops", "latency_ms")
"""What can be expected of an architecture."""

Conditions = tuple[tuple[str, int], ...]
"""Which options must be taken: (path of the decision, place of the option)."""


@dataclass(frozen=True, slots=True)
class CostTerm:
    """A cost in the search loss.

    Attributes:
        name: one of `COSTS`.
        target: what is aimed at, in the unit of the name.
        weight: w or λ.
        form: "power": loss · (E / target)^w; "log": loss + λ log(E / target).
    """

    name: str
    target: float
    weight: float = 0.1
    form: Literal["power", "log"] = "log"

    def __post_init__(self) -> None:
        if self.name not in COSTS:
            raise ConfigError(f"no cost is called {self.name!r}", hint=did_you_mean(self.name, COSTS))
        if not (math.isfinite(self.target) and self.target > 0.0):
            raise ConfigError(f"the target of {self.name} is above 0, got {self.target}")
        if self.form not in ("power", "log"):
            raise ConfigError(f"a cost enters as 'power' or 'log', got {self.form!r}")


@dataclass(frozen=True, slots=True)
class CostTable:
    """Costs and the options under which they are paid."""

    terms: Mapping[Conditions, float]

    def expected(self, probabilities: Mapping[str, Tensor]) -> Tensor:
        """Return E[cost], a scalar; gradients reach the probabilities.

        Args:
            probabilities: path to the probabilities of the options (options,); decisions are independent.
        """
        total = torch.zeros(())
        for conditions, cost in self.terms.items():
            share = torch.ones(())
            for path, place in conditions:
                share = share * probabilities[path][place]
            total = total + cost * share
        return total


def cost_table(supernet: Supernet, decisions: Sequence[MixedDecision], name: str) -> CostTable:
    """Count or measure what every option costs. All operations run once on one example.

    Raises:
        ConfigError: no cost has this name.
    """
    if name not in COSTS:
        raise ConfigError(f"no cost is called {name!r}", hint=did_you_mean(name, COSTS))
    modules = dict(supernet.named_modules())
    costs: Iterator[tuple[str, float]]
    if name == "parameters":
        costs = _parameters(modules)
    elif name == "flops":
        costs = _flops(supernet, decisions, modules)
    else:
        costs = _latencies(supernet, decisions, modules)
    terms: dict[Conditions, float] = {}
    for place, cost in costs:
        conditions = _conditions(place, modules)
        terms[conditions] = terms.get(conditions, 0.0) + cost
    return CostTable({conditions: cost for conditions, cost in terms.items() if cost})


def penalised(loss: Tensor, expected: Sequence[tuple[CostTerm, Tensor]]) -> Tensor:
    """Return a loss with its cost terms (ProxylessNAS, equation 7, and MnasNet's power)."""
    for term, cost in expected:
        share = cost.to(loss) / term.target
        if term.form == "power":
            loss = loss * share.clamp_min(1e-12) ** term.weight
        else:
            loss = loss + term.weight * share.clamp_min(1e-12).log()
    return loss


def _conditions(place: str, modules: Mapping[str, nn.Module]) -> Conditions:
    """The options on the way to a module: `body.3.operations.2.0` is paid for option 2 of the mixed `body.3`."""
    parts, found = place.split("."), []
    for end in range(1, len(parts) - 1):
        module = modules[".".join(parts[:end])]
        if isinstance(module, Mixed) and parts[end] == "operations":
            found.append((module.option.path, int(parts[end + 1])))
    return tuple(dict.fromkeys(found))


def _parameters(modules: Mapping[str, nn.Module]) -> Iterator[tuple[str, float]]:
    seen: set[int] = set()
    for place, module in modules.items():
        fresh = [p for p in module.parameters(recurse=False) if id(p) not in seen]
        seen |= {id(p) for p in fresh}
        yield place, float(sum(p.numel() for p in fresh))


def _flops(
    supernet: Supernet, decisions: Sequence[MixedDecision], modules: Mapping[str, nn.Module]
) -> Iterator[tuple[str, float]]:
    root = type(supernet).__name__
    with FlopCounterMode(display=False) as counter:
        _run_all(supernet, decisions)
    counted: dict[str, int] = {}
    for name, operations in counter.get_flop_counts().items():
        if name == root or name.startswith(root + "."):
            counted[name[len(root) + 1 :]] = sum(operations.values())
    for place, module in modules.items():
        below = [f"{place}.{name}" if place else name for name, _ in module.named_children()]
        yield place, float(counted.get(place, 0) - sum(counted.get(child, 0) for child in below))


def _latencies(
    supernet: Supernet, decisions: Sequence[MixedDecision], modules: Mapping[str, nn.Module]
) -> Iterator[tuple[str, float]]:
    read: dict[nn.Module, tuple[Any, ...]] = {}
    places = [(name, module) for name, module in modules.items() if isinstance(module, Mixed)]
    hooks = [m.register_forward_pre_hook(read.__setitem__) for _, m in places]
    try:
        _run_all(supernet, decisions)
    finally:
        for hook in hooks:
            hook.remove()
    for name, mixed in places:
        for place, operation in enumerate(mixed.operations):
            # What holds decisions of its own is the sum of their operations; what lies between is left out.
            if mixed in read and not any(isinstance(module, Mixed) for module in operation.modules()):
                yield f"{name}.operations.{place}", latency_ms(operation, read[mixed], seconds=0.02).median_ms


def _run_all(supernet: Supernet, decisions: Sequence[MixedDecision]) -> None:
    """One example through every option."""
    weights = supernet.selection.weights
    kept, training = dict(weights), supernet.training
    weights.update({d.path: [1.0 / len(d.options)] * len(d.options) for d in decisions})
    supernet.eval()
    try:
        with torch.no_grad():
            supernet(torch.zeros(1, *supernet.spec.inputs, device=next(supernet.parameters()).device))
    finally:
        weights.clear()
        weights.update(kept)
        supernet.train(training)
