"""Successive halving (Jamieson & Talwalkar, AISTATS 2016; Karnin et al., ICML 2013)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from searchitect.errors import ConfigError
from searchitect.strategies.halving import Halving
from searchitect.strategies.rung_samplers import make_sampler
from searchitect.strategies.rungs import Bracket, halving_sizes, make_ladder
from searchitect.strategies.strategy import Setting

__all__ = ["SuccessiveHalving"]


class SuccessiveHalving(Halving):
    """n configurations begin on the lowest rung; the best 1/η of each rung go on. Then the next n begin.

    Args:
        eta: η.
        configurations: n; by default η^(rungs − 1), so that one reaches the full evaluation.
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
        configurations: int | None = None,
        r_min: float | None = None,
        axis: str = "epochs",
        sampler: str = "random",
        sampler_options: Mapping[str, Any] | None = None,
    ) -> None:
        ladder = make_ladder(setting, eta=eta, r_min=r_min, axis=axis)
        first = eta ** (len(ladder) - 1) if configurations is None else configurations
        if first < 1:
            raise ConfigError(f"configurations is a whole number from 1 on, got {configurations!r}")
        bracket = Bracket(0, halving_sizes(first, len(ladder), eta))
        super().__init__(setting, ladder, (bracket,), make_sampler(setting, ladder, sampler, sampler_options))
