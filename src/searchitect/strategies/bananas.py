"""BANANAS: Bayesian optimisation with an ensemble of neural predictors on path encodings.

White, Neiswanger & Savani, AAAI 2021, algorithm 1. Independent Thompson sampling over candidates mutated from the
best; the models are trained again after every batch.
"""

from __future__ import annotations

from functools import partial

from searchitect.predictors.neural_ensemble import NeuralEnsemble
from searchitect.strategies.cell_graphs import graph_reader
from searchitect.strategies.features import soft_one_hot
from searchitect.strategies.path_features import path_rows
from searchitect.strategies.strategy import Setting
from searchitect.strategies.thompson import ThompsonSampling

__all__ = ["Bananas"]


class Bananas(ThompsonSampling):
    """Thompson sampling on a neural ensemble; no candidate's value is looked up, only the chosen one is evaluated.

    Where the space is one of graphs (`cell_graphs`), models read their paths, otherwise the one-hot encoding.

    Args:
        startup, refit_every, candidates: see `ThompsonSampling`; in the paper 10, 10 and 100.
        members, layers, width, epochs, learning_rate: see `NeuralEnsemble`.
    """

    def __init__(
        self,
        setting: Setting,
        *,
        startup: int = 10,
        refit_every: int = 10,
        candidates: int = 200,
        members: int = 5,
        layers: int = 10,
        width: int = 20,
        epochs: int = 150,
        learning_rate: float = 0.01,
    ) -> None:
        space, graph = setting.space, graph_reader(setting.space)
        super().__init__(
            setting,
            NeuralEnsemble(members, layers, width, epochs, learning_rate),
            partial(path_rows, space, graph) if graph else lambda known: partial(soft_one_hot, space),
            name="bananas",
            startup=startup,
            refit_every=refit_every,
            candidates=candidates,
        )
