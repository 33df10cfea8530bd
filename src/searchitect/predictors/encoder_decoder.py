"""Encoder, predictor and decoder: architectures as points of a continuous space in which one can go uphill.

Luo, Tian, Qin, Chen & Liu, "Neural Architecture Optimization", NeurIPS 2018. An LSTM reads the tokens of an
architecture, its states z are the point; a small model predicts the loss from them; another LSTM with attention to z
writes the tokens again. Both are trained together on λ·MSE + (1 − λ)·NLL (eq. 3).
"""

from __future__ import annotations

from dataclasses import dataclass
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
    Codes = npt.NDArray[np.int64]
    Rows = Matrix | Codes

__all__ = ["EncoderDecoder", "LatentPosterior"]


@dataclass(frozen=True)
class EncoderDecoder:
    """Sizes and training of the three parts.

    Attributes:
        sizes: how many tokens each place of a sequence has.
        hidden: units of the LSTMs and of the embedding.
        epochs, learning_rate, batch, weight_decay: Adam.
        trade_off: λ, the weight of the prediction against the reconstruction.
    """

    sizes: tuple[int, ...]
    hidden: int = 64
    epochs: int = 200
    learning_rate: float = 3e-3
    batch: int = 64
    weight_decay: float = 1e-4
    trade_off: float = 0.8

    def fit(self, features: Rows, targets: Vector, seed: int) -> LatentPosterior:
        """Train from scratch on one thread; torch's global generator is not touched.

        Args:
            features: (n, places) tokens, each below the size of its place.
        """
        import torch

        with one_thread():
            source = generator(seed)
            parts = _Parts(self.sizes, self.hidden, source)
            tokens = torch.tensor(features, dtype=torch.int64)
            values, mean, unit = standardized(targets)
            self._train(parts, tokens, torch.tensor(values, dtype=torch.float32), source)
        return LatentPosterior(self, parts, (mean, unit), (features, targets, seed))

    def _train(self, parts: _Parts, tokens: torch.Tensor, values: torch.Tensor, source: torch.Generator) -> None:
        import torch

        optimizer = Adam(parts.tensors(), self.learning_rate, weight_decay=self.weight_decay, longest=5.0)
        for _ in range(self.epochs):
            for chosen in torch.split(torch.randperm(len(tokens), generator=source), self.batch):
                states = parts.encoded(tokens[chosen])
                error = (parts.predicted(states) - values[chosen]).square().mean()
                surprise = parts.surprise(states, tokens[chosen])
                optimizer.step(self.trade_off * error + (1.0 - self.trade_off) * surprise)


class LatentPosterior:
    """The fitted parts: predictions, and architectures uphill of others."""

    def __init__(
        self,
        predictor: EncoderDecoder,
        parts: _Parts,
        scale: tuple[float, float],
        fitted_on: tuple[Rows, Vector, int],
    ) -> None:
        self._predictor, self._parts, self._scale, self._fitted_on = predictor, parts, scale, fitted_on
        self._held_out: Vector | None = None

    def predict(self, features: Rows) -> tuple[Vector, Vector]:
        """Return the prediction of each row, and a deviation of 0: this model knows no doubt."""
        import numpy as np
        import torch

        with one_thread(), torch.no_grad():
            states = self._parts.encoded(torch.tensor(features, dtype=torch.int64))
            found = self._parts.predicted(states).double().numpy()
        mean, unit = self._scale
        return mean + unit * found, np.zeros(len(found))

    def held_out(self) -> Vector:
        """Return what four models predict, each fitted without a quarter of the rows; made when first asked for."""
        if self._held_out is None:
            self._held_out = held_out_by_folds(self._predictor, *self._fitted_on)
        return self._held_out

    def uphill(self, features: Rows, step: float) -> Codes:
        """Move every row's point against the gradient of its predicted loss and write down what is there.

        z' = z − η|z|·∇f/|∇f|: unlike in the paper the step is relative to the point, so that one η suits any space.

        Args:
            features: (n, places) tokens.
            step: η.

        Returns:
            (n, places) tokens, each below the size of its place.
        """
        import torch

        with one_thread():
            states = self._parts.encoded(torch.tensor(features, dtype=torch.int64)).detach().requires_grad_()
            (slope,) = torch.autograd.grad(self._parts.predicted(states).sum(), states)
            with torch.no_grad():
                lengths = states.flatten(1).norm(dim=1) / slope.flatten(1).norm(dim=1).clamp_min(1e-12)
                moved = states - step * lengths[:, None, None] * slope
                found: Codes = self._parts.decoded(moved).numpy()
        return found


class _Parts:
    """Weights of encoder, predictor and decoder, drawn from one source."""

    def __init__(self, sizes: tuple[int, ...], hidden: int, source: torch.Generator) -> None:
        import torch

        self._first = torch.tensor([0, *sizes[:-1]]).cumsum(0)  # places have tokens of their own
        every = torch.arange(sum(sizes))
        places = torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes))
        self._forbidden = torch.zeros(len(sizes), len(every), dtype=torch.float32)
        self._forbidden[places[None, :] != torch.arange(len(sizes))[:, None]] = -1e9
        nn, meta = torch.nn, torch.device("meta")  # nothing is drawn there: our own source fills the weights below
        # The last token begins a sequence.
        self._embedding = nn.Embedding(len(every) + 1, hidden, device=meta, dtype=torch.float32)
        self._encoder = nn.LSTM(hidden, hidden, batch_first=True, device=meta, dtype=torch.float32)
        self._middle = nn.Linear(hidden, hidden, device=meta, dtype=torch.float32)
        self._value = nn.Linear(hidden, 1, device=meta, dtype=torch.float32)
        self._decoder = nn.LSTM(hidden, hidden, batch_first=True, device=meta, dtype=torch.float32)
        self._mixed = nn.Linear(2 * hidden, hidden, device=meta, dtype=torch.float32)
        self._written = nn.Linear(hidden, len(every), device=meta, dtype=torch.float32)
        for module in self._modules():
            module.to_empty(device="cpu")
        with torch.no_grad():
            for tensor in self.tensors():
                drawn = torch.rand(tensor.shape, generator=source, dtype=torch.float32)
                tensor.copy_((2.0 * drawn - 1.0) * hidden**-0.5)

    def _modules(self) -> tuple[torch.nn.Module, ...]:
        reading = (self._embedding, self._encoder, self._middle, self._value)
        return (*reading, self._decoder, self._mixed, self._written)

    def tensors(self) -> list[torch.Tensor]:
        return [tensor for module in self._modules() for tensor in module.parameters()]

    def encoded(self, tokens: torch.Tensor) -> torch.Tensor:
        """z: states of length 1, shape (n, places, hidden)."""
        import torch

        states, _ = self._encoder(self._embedding(tokens + self._first))
        return torch.nn.functional.normalize(states, dim=2)

    def predicted(self, states: torch.Tensor) -> torch.Tensor:
        """f(z), shape (n,)."""
        found: torch.Tensor = self._value(self._middle(self._summary(states)).relu()).squeeze(1)
        return found

    def surprise(self, states: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
        """Mean negative log-likelihood of a token, given the true ones before it."""
        import torch

        written = tokens + self._first
        begin = torch.full((len(tokens), 1), self._embedding.num_embeddings - 1)
        scores, _ = self._scores(states, torch.cat([begin, written[:, :-1]], dim=1), self._start(states))
        return torch.nn.functional.cross_entropy((scores + self._forbidden).flatten(0, 1), written.flatten())

    def decoded(self, states: torch.Tensor) -> torch.Tensor:
        """The likeliest token at each place in turn, among those of the place."""
        import torch

        last = torch.full((len(states), 1), self._embedding.num_embeddings - 1)
        carry, found = self._start(states), []
        for place in range(states.shape[1]):
            scores, carry = self._scores(states, last, carry)
            last = (scores[:, 0] + self._forbidden[place]).argmax(dim=1, keepdim=True)
            found.append(last)
        return torch.cat(found, dim=1) - self._first

    def _scores(
        self, states: torch.Tensor, before: torch.Tensor, carry: tuple[torch.Tensor, torch.Tensor]
    ) -> tuple[torch.Tensor, tuple[torch.Tensor, torch.Tensor]]:
        """Scores of all tokens after those before, with dot-product attention to z."""
        import torch

        own, carry = self._decoder(self._embedding(before), carry)
        attended = torch.softmax(own @ states.transpose(1, 2), dim=2) @ states
        scores: torch.Tensor = self._written(self._mixed(torch.cat([attended, own], dim=2)).tanh())
        return scores, carry

    def _start(self, states: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        summary = self._summary(states)[None]
        return summary, summary

    @staticmethod
    def _summary(states: torch.Tensor) -> torch.Tensor:
        import torch

        return torch.nn.functional.normalize(states.mean(dim=1), dim=1)
