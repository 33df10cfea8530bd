"""Hyperband (Li, Jamieson, DeSalvo, Rostamizadeh & Talwalkar, JMLR 18, 2018, algorithm 1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from searchitect.strategies.halving import Halving
from searchitect.strategies.rung_samplers import make_sampler
from searchitect.strategies.rungs import hyperband_brackets, make_ladder
from searchitect.strategies.strategy import Setting

__all__ = ["Hyperband"]


class Hyperband(Halving):
    """Successive halving with every trade-off between many short and few long evaluations, in turn.

    Where short evaluations mislead, the brackets that begin high still find what is good.

    Args:
        eta: η.
        r_min: least amount of an evaluation; see `make_ladder`.
        axis: what a rung spends more of: "epochs", "data_fraction", "resolution".
        sampler: "random", or the strategy that chooses new configurations; `sampler_options` are its own.

    Raises:
        ConfigError: a number is out of range, or it is not known what a full evaluation spends.
    """

    def __init__(
        self,
        setting: Setting,
        *,
        eta: int = 3,
        r_min: float | None = None,
        axis: str = "epochs",
        sampler: str = "random",
        sampler_options: Mapping[str, Any] | None = None,
    ) -> None:
        ladder = make_ladder(setting, eta=eta, r_min=r_min, axis=axis)
        brackets = hyperband_brackets(len(ladder), eta)
        super().__init__(setting, ladder, brackets, make_sampler(setting, ladder, sampler, sampler_options))
