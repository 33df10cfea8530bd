"""`ProxyScorer`: architecture to scores, for the architectures of one space on one task."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn

from searchitect.errors import EvaluationError
from searchitect.evaluators.building import build
from searchitect.evaluators.proxies.dss import attends
from searchitect.evaluators.proxies.probe import Probe
from searchitect.evaluators.proxies.registry import GROUPS, proxy_names
from searchitect.evaluators.proxies.scoring import INITIALISATIONS, ProxyScores, score_fresh
from searchitect.seeding import isolated
from searchitect.spaces.architecture import Architecture
from searchitect.spaces.search_space import SearchSpace

__all__ = ["ProxyScorer", "fitting_names"]


@dataclass(frozen=True, eq=False)
class ProxyScorer:
    """Scores architectures; a function of the architecture and the fields alone, on one machine.

    Args:
        space: the class marked `@space`, or a `SearchSpace`.
        names: proxies, as `proxy_names` returns them.
        seed: of the weights.
    """

    space: Any
    probe: Probe
    names: tuple[str, ...]
    seed: int = 0
    initialisations: int = INITIALISATIONS

    def __call__(self, architecture: Architecture) -> ProxyScores:
        """Return the scores; where no model can be built, every proxy has failed with the reason."""

        def make(number: int) -> nn.Module:
            return build(self.space, architecture, self.probe.spec)

        try:
            return score_fresh(make, self.probe, self.names, seed=self.seed, initialisations=self.initialisations)
        except EvaluationError as error:
            return ProxyScores({}, dict.fromkeys(self.names, error.message))


def fitting_names(asked: str | Sequence[str], space: Any, probe: Probe) -> tuple[str, ...]:
    """Return what was asked for; for "default" the group that fits the space's default architecture.

    Raises:
        ConfigError: there is no such proxy.
        EvaluationError: the default architecture cannot be built.
    """
    if asked != "default":
        return proxy_names(asked)
    with isolated(0):
        model = build(space, SearchSpace.of(space).default(), probe.spec)
    return GROUPS["transformer" if attends(model) else "default"]
