"""Search led by a cheap predictor: ridge regression on decisions and their pairs, or a random forest.

On NAS-Bench-201 the ridge model ties with Gaussian processes and beats neural predictors up to a few hundred trials.
"""

from __future__ import annotations

from functools import partial
from typing import Literal

from searchitect.errors import ConfigError, did_you_mean
from searchitect.predictors.predictor import Predictor
from searchitect.predictors.ridge import Ridge
from searchitect.predictors.trees import Trees
from searchitect.strategies.features import soft_one_hot
from searchitect.strategies.strategy import Setting
from searchitect.strategies.thompson import ThompsonSampling

__all__ = ["PredictorGuided"]

MODELS: dict[str, type[Ridge] | type[Trees]] = {"ridge": Ridge, "trees": Trees}


class PredictorGuided(ThompsonSampling):
    """Thompson sampling on a ridge model or a forest.

    Args:
        model: "ridge" (pairwise effects, exact uncertainty) or "trees" (rough effects, thresholds in numbers).
        startup, refit_every, candidates, per_cost: see `ThompsonSampling`.

    Raises:
        ConfigError: there is no such model.
    """

    def __init__(
        self,
        setting: Setting,
        *,
        model: Literal["ridge", "trees"] = "ridge",
        startup: int = 10,
        refit_every: int = 5,
        candidates: int = 200,
        per_cost: bool = False,
    ) -> None:
        if model not in MODELS:
            raise ConfigError(f"there is no predictor {model!r}", hint=did_you_mean(model, MODELS))
        predictor: Predictor = MODELS[model]()
        super().__init__(
            setting,
            predictor,
            lambda known: partial(soft_one_hot, setting.space),
            name="predictor",
            startup=startup,
            refit_every=refit_every,
            candidates=candidates,
            per_cost=per_cost,
        )
