"""A strategy decides what to try next: it is asked for a proposal and told what became of it.

Strategies know spaces and trials, nothing else: no loop, no clock, no disk, no model. `STRATEGIES` lists them by name;
listing a new one there puts it under the contract tests of `searchitect.testing.strategies`.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Mapping
from typing import Any

from searchitect.errors import ConfigError, did_you_mean
from searchitect.strategies.prior import PriorTrial
from searchitect.strategies.strategy import Belief, Believer, Setting, Strategy, nothing_forbidden

__all__ = [
    "STRATEGIES",
    "Belief",
    "Believer",
    "PriorTrial",
    "Setting",
    "Strategy",
    "check_name",
    "make_strategy",
    "nothing_forbidden",
    "warmed",
]

STRATEGIES: dict[str, str] = {
    "auto": "searchitect.strategies.auto:Auto",
    "random": "searchitect.strategies.random_search:RandomSearch",
    "grid": "searchitect.strategies.grid:Grid",
    "greedy": "searchitect.strategies.greedy:Greedy",
    "local_search": "searchitect.strategies.local_search:LocalSearch",
    "hill_climbing": "searchitect.strategies.hill_climbing:HillClimbing",
    "sobol": "searchitect.strategies.sobol:Sobol",
    "multi_greedy": "searchitect.strategies.multi_greedy:MultiGreedy",
    "regularized_evolution": "searchitect.strategies.regularized_evolution:RegularizedEvolution",
    "optuna": "searchitect.strategies.optuna_sampler:OptunaSampler",
    "tpe": "searchitect.strategies.tpe:TPE",
    "genetic": "searchitect.strategies.genetic:Genetic",
    "reinforce": "searchitect.strategies.reinforce:Reinforce",
    "lstm_controller": "searchitect.strategies.lstm_controller:LSTMController",
    "ppo": "searchitect.strategies.ppo:PPO",
    "generate": "searchitect.strategies.generate:Generate",
    "gp": "searchitect.strategies.gp:GP",
    "gp_wl": "searchitect.strategies.gp_wl:GPWL",
    "predictor": "searchitect.strategies.predictor:PredictorGuided",
    "bananas": "searchitect.strategies.bananas:Bananas",
    "nao": "searchitect.strategies.nao:NAO",
    "successive_halving": "searchitect.strategies.successive_halving:SuccessiveHalving",
    "asha": "searchitect.strategies.asha:ASHA",
    "hyperband": "searchitect.strategies.hyperband:Hyperband",
    "bohb": "searchitect.strategies.bohb:BOHB",
    "dehb": "searchitect.strategies.dehb:DEHB",
    "priorband": "searchitect.strategies.priorband:PriorBand",
    "nsga2": "searchitect.strategies.nsga2:NSGA2",
    "nsga3": "searchitect.strategies.nsga3:NSGA3",
    "parego": "searchitect.strategies.parego:ParEGO",
    "ehvi": "searchitect.strategies.ehvi:EHVI",
    "map_elites": "searchitect.strategies.map_elites:MapElites",
    "cvt_map_elites": "searchitect.strategies.cvt_map_elites:CVTMapElites",
    "bop_elites": "searchitect.strategies.bop_elites:BOPElites",
    "scenarios": "searchitect.strategies.scenarios:Scenarios",
    "qd_hb": "searchitect.strategies.qd_hyperband:QDHyperband",
    "bop_elites_hb": "searchitect.strategies.qd_hyperband:BOPElitesHyperband",
}
"""Short name to import path."""


def check_name(name: str) -> None:
    """Refuse a name that no strategy has.

    Raises:
        ConfigError: names the nearest.
    """
    if name not in STRATEGIES:
        raise ConfigError(f"there is no strategy {name!r}", hint=did_you_mean(name, STRATEGIES))


def make_strategy(name: str, setting: Setting, options: Mapping[str, Any] | None = None) -> Strategy:
    """Make the strategy of this name; one that starts from the setting's scores and prior trials where it holds some.

    Args:
        options: the strategy's own keyword arguments.

    Raises:
        ConfigError: there is no such strategy or option.
    """
    check_name(name)
    module, attribute = STRATEGIES[name].split(":")
    maker = getattr(importlib.import_module(module), attribute)
    known = [parameter for parameter in inspect.signature(maker).parameters if parameter != "setting"]
    for option in options or {}:
        if option not in known:
            hint = did_you_mean(option, known) if known else "it takes none"
            raise ConfigError(f"strategy {name!r} has no option {option!r}", hint=hint)
    return warmed(maker(setting, **(options or {})), setting)


def warmed(strategy: Strategy, setting: Setting) -> Strategy:
    """Return the strategy as it is, or started from the setting's zero-cost scores and prior trials, if any.

    Raises:
        SpaceError: a prior architecture is of another space.
    """
    if setting.prior:
        from searchitect.strategies.warm_start import WarmStart

        strategy = WarmStart(setting, strategy)
    if setting.scores is None:
        return strategy
    from searchitect.strategies.proxy_seeding import ProxySeeding

    return ProxySeeding(setting, strategy)
