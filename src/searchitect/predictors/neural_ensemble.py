"""An ensemble of small fully connected models, as in BANANAS.

White, Neiswanger & Savani, "BANANAS: Bayesian Optimization with Neural Architectures for Neural Architecture Search",
AAAI 2021, §4; sizes as in the authors' code: 5 members of 10 layers of 20 units, Adam, mean absolute error.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from searchitect.predictors.adam import Adam
from searchitect.predictors.folds import held_out_by_folds
from searchitect.predictors.quiet import generator, one_thread
from searchitect.predictors.targets import standardized

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import torch

    Vector = npt.NDArray[np.float64]
    Matrix = npt.NDArray[np.float64]
    Layer = tuple[torch.Tensor, torch.Tensor]

__all__ = ["NeuralEnsemble", "NeuralPosterior"]


@dataclass(frozen=True)
class NeuralEnsemble:
    """Members that differ by their initial weights and by the order of their batches.

    All members are trained at once, as one batched matrix product per layer.

    Attributes:
        members, layers, width: of the ensemble.
        epochs, learning_rate, batch: of each training.
    """

    members: int = 5
    layers: int = 10
    width: int = 20
    epochs: int = 150
    learning_rate: float = 0.01
    batch: int = 32

    def fit(self, features: Matrix, targets: Vector, seed: int) -> NeuralPosterior:
        """Train from scratch on one thread; torch's global generator is not touched."""
        import torch

        with one_thread():
            source = generator(seed)
            rows = torch.tensor(features, dtype=torch.float32)
            values, mean, unit = standardized(targets)
            layers = self._initial(features.shape[1], source)
            self._train(layers, rows, torch.tensor(values, dtype=torch.float32), source)
        return NeuralPosterior(self, layers, (mean, unit), (features, targets, seed))

    def _initial(self, columns: int, source: torch.Generator) -> list[Layer]:
        """Weights (members, in, out) after Glorot, biases (members, 1, out) of zero."""
        import torch

        sizes = [columns, *[self.width] * self.layers, 1]
        layers = []
        for inside, out in pairwise(sizes):
            bound = (6.0 / (inside + out)) ** 0.5
            drawn = torch.rand(self.members, inside, out, generator=source, dtype=torch.float32)
            weight = ((2.0 * drawn - 1.0) * bound).requires_grad_()
            layers.append((weight, torch.zeros(self.members, 1, out, dtype=torch.float32, requires_grad=True)))
        return layers

    def _train(self, layers: list[Layer], rows: torch.Tensor, values: torch.Tensor, source: torch.Generator) -> None:
        import torch

        tensors = [tensor for layer in layers for tensor in layer]
        optimizer = Adam(tensors, self.learning_rate, betas=(0.9, 0.99))
        count = len(rows)
        for _ in range(self.epochs):
            order = torch.rand(self.members, count, generator=source, dtype=torch.float32).argsort(dim=1)
            for start in range(0, count, self.batch):
                chosen = order[:, start : start + self.batch]
                errors = (_forward(layers, rows[chosen]) - values[chosen]).abs()
                optimizer.step(errors.mean(dim=1).sum())


class NeuralPosterior:
    """Mean over the members, and their disagreement."""

    def __init__(
        self,
        predictor: NeuralEnsemble,
        layers: list[Layer],
        scale: tuple[float, float],
        fitted_on: tuple[Matrix, Vector, int],
    ) -> None:
        self._predictor, self._layers, self._scale, self._fitted_on = predictor, layers, scale, fitted_on
        self._held_out: Vector | None = None

    def predict(self, features: Matrix) -> tuple[Vector, Vector]:
        """Return mean and standard deviation over the members, shape (n,)."""
        import torch

        with one_thread(), torch.no_grad():
            rows = torch.tensor(features, dtype=torch.float32)
            each = _forward(self._layers, rows.expand(self._predictor.members, *rows.shape)).double().numpy()
        mean, unit = self._scale
        spread = each.std(axis=0, ddof=1) if len(each) > 1 else 0.0 * each[0]
        return mean + unit * each.mean(axis=0), unit * spread

    def held_out(self) -> Vector:
        """Return what four ensembles predict, each fitted without a quarter of the rows; made when first asked for."""
        if self._held_out is None:
            self._held_out = held_out_by_folds(self._predictor, *self._fitted_on)
        return self._held_out


def _forward(layers: list[Layer], rows: torch.Tensor) -> torch.Tensor:
    """From rows (members, n, d) to predictions (members, n)."""
    import torch

    for weight, bias in layers[:-1]:
        rows = torch.baddbmm(bias, rows, weight).relu()
    return torch.baddbmm(layers[-1][1], rows, layers[-1][0]).squeeze(2)
