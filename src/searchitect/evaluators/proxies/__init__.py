"""Zero-cost proxies: what a model without training tells of the model with it. They filter and seed, never select.

`PROXIES` lists them, `score_model` scores a model, `ProxyScorer` the architectures of a space. How scores become a vote
and how far it is trusted stands in `predictors.proxy_votes`, how a search starts from it in `strategies.proxy_seeding`.
Names are fetched when they are first used: the list loads no torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from searchitect.evaluators.proxies.registry import GROUPS, PROXIES, proxy_names

_PUBLIC = {
    "Probe": "searchitect.evaluators.proxies.probe",
    "probe_of": "searchitect.evaluators.proxies.probe",
    "random_probe": "searchitect.evaluators.proxies.probe",
    "ProxyScores": "searchitect.evaluators.proxies.scoring",
    "score_fresh": "searchitect.evaluators.proxies.scoring",
    "score_model": "searchitect.evaluators.proxies.scoring",
    "ProxyScorer": "searchitect.evaluators.proxies.scorer",
    "fitting_names": "searchitect.evaluators.proxies.scorer",
}

__all__ = [
    "GROUPS",
    "PROXIES",
    "Probe",
    "ProxyScorer",
    "ProxyScores",
    "fitting_names",
    "probe_of",
    "proxy_names",
    "random_probe",
    "score_fresh",
    "score_model",
]

if TYPE_CHECKING:
    from searchitect.evaluators.proxies.probe import (
        Probe as Probe,
        probe_of as probe_of,
        random_probe as random_probe,
    )
    from searchitect.evaluators.proxies.scorer import ProxyScorer as ProxyScorer, fitting_names as fitting_names
    from searchitect.evaluators.proxies.scoring import (
        ProxyScores as ProxyScores,
        score_fresh as score_fresh,
        score_model as score_model,
    )


def __getattr__(name: str) -> object:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'searchitect.evaluators.proxies' has no attribute {name!r}")
    return getattr(importlib.import_module(_PUBLIC[name]), name)
