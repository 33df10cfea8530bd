"""Score a model by proxies: on copies, seeded, averaged over initialisations, timed; finite or a clear failure."""

from __future__ import annotations

import copy
import importlib
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import nn

from searchitect.errors import SearchitectError
from searchitect.evaluators.proxies.probe import Probe
from searchitect.evaluators.proxies.registry import PROXIES, proxy_names
from searchitect.seeding import derive, isolated

__all__ = ["INITIALISATIONS", "ProxyScores", "score_fresh", "score_model"]

INITIALISATIONS = 3
"""Initialisations that a score is the mean of."""

_MOST_WORDS = 200


@dataclass(frozen=True, slots=True)
class ProxyScores:
    """What the proxies say of one model.

    Attributes:
        values: proxy → finite score, higher is better; those that failed are missing.
        failures: proxy → why it has no score.
        seconds: function → wall time of all its runs; proxies of one pass share it.
    """

    values: Mapping[str, float]
    failures: Mapping[str, str] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)


def score_model(
    model: nn.Module,
    probe: Probe,
    names: str | Sequence[str] = "default",
    *,
    seed: int = 0,
    initialisations: int = INITIALISATIONS,
) -> ProxyScores:
    """Score a model that exists; it is left exactly as it is, weights, mode, hooks and random numbers.

    The first initialisation is its own, the others are what its layers' `reset_parameters` draw.
    """

    def fresh(number: int) -> nn.Module:
        twin = _copied(model)
        for module in twin.modules() if number else ():
            reset = getattr(module, "reset_parameters", None)
            if callable(reset):
                reset()
        return twin

    return score_fresh(fresh, probe, names, seed=seed, initialisations=initialisations)


def score_fresh(
    make: Callable[[int], nn.Module],
    probe: Probe,
    names: str | Sequence[str] = "default",
    *,
    seed: int = 0,
    initialisations: int = INITIALISATIONS,
) -> ProxyScores:
    """Score what `make(0)`, `make(1)`, … return: the same model with other weights each time.

    Every function gets a copy of its own. The global random generators are seeded for each and put back.

    Args:
        make: called under the seed of the initialisation.
        names: as `proxy_names` reads them.

    Raises:
        ConfigError: there is no such proxy.
        SearchitectError: whatever `make` raises.
    """
    wanted = proxy_names(names)
    found: dict[str, list[float]] = {name: [] for name in wanted}
    failures: dict[str, str] = {}
    seconds: dict[str, float] = {}
    for number in range(initialisations):
        with isolated(derive(seed, "proxy weights", number)):
            model = make(number)
        for path, given in _by_function(wanted).items():
            if number > 0 and not PROXIES[given[0]].random:
                continue
            before, label = time.perf_counter(), path.rpartition(":")[2]
            scored = _scored(path, model, probe, derive(seed, "proxy draws", number))
            seconds[label] = seconds.get(label, 0.0) + time.perf_counter() - before
            for name in given:
                value = scored if isinstance(scored, str) else scored[name]
                if isinstance(value, str):
                    failures.setdefault(name, value)
                else:
                    found[name].append(value)
    values = {name: sum(few) / len(few) for name, few in found.items() if few and name not in failures}
    return ProxyScores(values, failures, seconds)


def _by_function(names: Sequence[str]) -> dict[str, list[str]]:
    """Function → the wanted proxies that it gives: one pass serves all of them."""
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(PROXIES[name].function, []).append(name)
    return found


def _scored(path: str, model: nn.Module, probe: Probe, seed: int) -> Mapping[str, float | str] | str:
    """Run one function on a copy; a sentence where it fails, or in the place of a score that is not finite."""
    module, attribute = path.split(":")
    function: Callable[[nn.Module, Probe], Mapping[str, float]] = getattr(importlib.import_module(module), attribute)
    try:
        with isolated(seed), torch.enable_grad():
            given = function(_copied(model), probe)
    except SearchitectError as error:
        return error.message
    except Exception as error:  # noqa: BLE001 - a user's forward may raise anything
        return f"{type(error).__name__}: {error}"[:_MOST_WORDS]
    return {name: value if math.isfinite(value) else f"the score is {value}" for name, value in given.items()}


def _copied(model: nn.Module) -> nn.Module:
    """A deep copy without the hooks and gradients of the original, all weights trainable."""
    twin = copy.deepcopy(model)
    for module in twin.modules():
        for kind in ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks"):
            getattr(module, kind).clear()
    for parameter in twin.parameters():
        parameter.grad = None
        parameter.requires_grad_(parameter.is_floating_point())
    return twin
