"""A recurrent controller trained by policy gradient.

Zoph & Le, "Neural Architecture Search with Reinforcement Learning", ICLR 2017; Zoph et al., "Learning Transferable
Architectures for Scalable Image Recognition" (NASNet), CVPR 2018; Pham et al., "Efficient Neural Architecture Search
via Parameter Sharing" (ENAS), ICML 2018, whose logits C tanh(z / T) are used.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

from searchitect.errors import ConfigError
from searchitect.predictors.quiet import generator, one_thread
from searchitect.seeding import derive, stream
from searchitect.spaces.architecture import Architecture
from searchitect.strategies.policy import Baseline, Episodes, Ranking, drawn, propose
from searchitect.strategies.steps import Picked, Step, Steps
from searchitect.strategies.strategy import Setting
from searchitect.trial import Proposal, Trial

if TYPE_CHECKING:
    from torch import Tensor

    Weights = Mapping[str, Tensor]
    Lookup = Callable[[str, tuple[int, int]], Tensor]

__all__ = ["LSTMController"]

_PLACE = re.compile(r"\.\d+(?=\.|$)")


class LSTMController:
    """An LSTM writes an architecture decision by decision; what it decided last is what it reads next.

    Places of a repeat share a softmax and an embedding, as in ENAS: the recurrent state knows where it is. Inactive
    decisions are not asked. A step of Adam maximises the mean of (R - b) log π(a) + β H over a batch, each
    architecture under the weights with which its trial started; R is the normal score of its rank, b the mean of
    earlier rewards. The published learning rate (0.00035) is for thousands of steps on shared weights; the default
    here is for hundreds of trials.

    Args:
        hidden: width of the LSTM and the embeddings.
        learning_rate: of Adam.
        batch_size: complete trials to an update.
        tanh_constant: C, bounds the logits so that no value becomes certain.
        temperature: T, flattens them.
        baseline_decay: of the exponential mean b.
        entropy: β.
    """

    def __init__(
        self,
        setting: Setting,
        *,
        hidden: int = 64,
        learning_rate: float = 0.01,
        batch_size: int = 5,
        tanh_constant: float = 2.5,
        temperature: float = 5.0,
        baseline_decay: float = 0.95,
        entropy: float = 1e-4,
    ) -> None:
        if batch_size < 1 or hidden < 1:
            raise ConfigError(f"expected a batch and a hidden width of at least 1, got {batch_size} and {hidden}")
        self._setting, self._batch_size, self._entropy = setting, batch_size, entropy
        self._steps = Steps(setting.space)
        self._network = _Network(setting.seed, hidden, tanh_constant, temperature)
        self._adam = _Adam(learning_rate)
        self._ranking, self._baseline = Ranking(), Baseline(baseline_decay)
        self._weights: Weights = {}
        # The weights of a start are never changed in place: an update makes new ones.
        self._episodes = Episodes(setting, lambda architecture: self._weights)
        self._batch: list[_Sample] = []

    def ask(self, number: int) -> Proposal | None:
        import torch

        rng = stream(self._setting.seed, "controller", number)
        with one_thread(), torch.no_grad():
            return propose(self._setting, self._episodes.seen, lambda: self._draw(rng), rng)

    def tell(self, trial: Trial) -> None:
        ended = self._episodes.tell(trial)
        if ended is None:
            return
        weights, loss = ended
        reward = self._ranking.reward(loss)
        if weights is not None:
            picked = self._steps.read(trial.architecture)
            self._batch.append(_Sample(weights, picked, self._baseline.advantage(reward)))
        if len(self._batch) == self._batch_size:
            with one_thread():
                self._learn()
            self._batch = []

    def _draw(self, rng: random.Random) -> Architecture:
        network, lookup = self._network, self._network.lookup(self._weights)
        state = network.start(lookup, 1)

        def pick(step: Step) -> int:
            nonlocal state
            state, logs = network.decide(lookup, state, step)
            place = drawn(list(accumulate(logs[0].exp().tolist())), rng)
            state = network.read(lookup, state, step, [place])
            return place

        return self._steps.draw(pick, rng)

    def _learn(self) -> None:
        """One step of Adam; architectures with the same steps and the same weights run through the LSTM together."""
        groups: dict[tuple[int, tuple[str, ...]], list[_Sample]] = {}
        for sample in self._batch:
            groups.setdefault((id(sample.weights), sample.names), []).append(sample)
        total: dict[str, Tensor] = {}
        for group in groups.values():
            for name, gradient in self._gradient(group).items():
                total[name] = total[name] + gradient if name in total else gradient
        mean = {name: gradient / len(self._batch) for name, gradient in total.items()}
        self._weights = self._adam.ascended(self._network.lookup(self._weights), self._weights, mean)

    def _gradient(self, group: Sequence[_Sample]) -> Weights:
        """Gradient of Σ A log π + β H over architectures with the same steps."""
        import torch

        network, lookup = self._network, self._network.lookup(group[0].weights)
        leaves: dict[str, Tensor] = {}

        def leaf(name: str, shape: tuple[int, int]) -> Tensor:
            if name not in leaves:
                leaves[name] = lookup(name, shape).clone().requires_grad_()
            return leaves[name]

        state = network.start(leaf, len(group))
        advantages = torch.tensor([sample.advantage for sample in group], dtype=torch.float64)
        objective = torch.zeros((), dtype=torch.float64)
        for place, (step, _) in enumerate(group[0].picked):
            state, logs = network.decide(leaf, state, step)
            chosen = [sample.picked[place][1] for sample in group]
            objective = objective + (advantages * logs[range(len(group)), chosen]).sum()
            objective = objective - self._entropy * (logs.exp() * logs.clamp_min(-1e3)).sum()
            state = network.read(leaf, state, step, chosen)
        gradients = torch.autograd.grad(objective, list(leaves.values()), allow_unused=True)
        return {name: g for name, g in zip(leaves, gradients, strict=True) if g is not None}


@dataclass(frozen=True, slots=True)
class _Sample:
    """A complete trial: the weights at its start, its steps and the value taken at each, its advantage."""

    weights: Weights
    picked: Picked
    advantage: float

    @property
    def names(self) -> tuple[str, ...]:
        return tuple([step.name for step, _ in self.picked])


@dataclass(frozen=True, slots=True)
class _State:
    """Input of the next step, hidden state and cell of the LSTM, each of shape (batch, hidden)."""

    input: Tensor
    hidden: Tensor
    cell: Tensor


class _Network:
    """The controller as plain functions of its weights, which start as U(-0.1, 0.1) and are named by their use."""

    def __init__(self, seed: int, hidden: int, tanh_constant: float, temperature: float) -> None:
        self._seed, self._hidden = seed, hidden
        self._constant, self._temperature = tanh_constant, temperature
        self._initial: dict[str, Tensor] = {}

    def lookup(self, weights: Weights) -> Lookup:
        """Weights by name; those that no update has touched yet have their initial values."""

        def find(name: str, shape: tuple[int, int]) -> Tensor:
            found = weights.get(name)
            return self._made(name, shape) if found is None else found

        return find

    def start(self, weight: Lookup, batch: int) -> _State:
        import torch

        zeros = torch.zeros(batch, self._hidden, dtype=torch.float64)
        return _State(weight("start", (1, self._hidden)).expand(batch, -1), zeros, zeros)

    def decide(self, weight: Lookup, state: _State, step: Step) -> tuple[_State, Tensor]:
        """Advance the LSTM; return its state and log-probabilities of shape (batch, values)."""
        import torch

        size = self._hidden
        gates = torch.cat([state.input, state.hidden], 1) @ weight("lstm", (2 * size, 4 * size))
        enter, forget, leave = gates[:, : 3 * size].sigmoid().chunk(3, 1)
        cell = forget * state.cell + enter * gates[:, 3 * size :].tanh()
        hidden = leave * cell.tanh()
        scores = hidden @ weight(f"softmax {_shared(step)}", (size, len(step.prior)))
        logits = torch.tensor(step.prior, dtype=torch.float64) + self._constant * (scores / self._temperature).tanh()
        return _State(state.input, hidden, cell), logits.log_softmax(1)

    def read(self, weight: Lookup, state: _State, step: Step, places: Sequence[int]) -> _State:
        """Make the embedding of what was decided the next input."""
        table = weight(f"embedding {_shared(step)}", (len(step.prior), self._hidden))
        return _State(table[list(places)], state.hidden, state.cell)

    def _made(self, name: str, shape: tuple[int, int]) -> Tensor:
        import torch

        if name not in self._initial:
            own = generator(derive(self._seed, "controller weights", name))
            made = torch.empty(shape, dtype=torch.float64).uniform_(-0.1, 0.1, generator=own)
            self._initial[name] = made
        return self._initial[name]


class _Adam:
    """Adam on the weights that an update touches; it makes new weights and leaves the old ones as they are."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._moments: dict[str, tuple[int, Tensor, Tensor]] = {}

    def ascended(self, lookup: Lookup, weights: Weights, gradients: Weights) -> Weights:
        import torch

        new = dict(weights)
        for name, gradient in gradients.items():
            zero = torch.zeros_like(gradient)
            count, mean, square = self._moments.get(name, (0, zero, zero))
            count, mean, square = count + 1, 0.9 * mean + 0.1 * gradient, 0.999 * square + 0.001 * gradient**2
            self._moments[name] = (count, mean, square)
            scale = (square / (1.0 - 0.999**count)).sqrt() + 1e-8
            old = lookup(name, (gradient.shape[0], gradient.shape[1]))
            new[name] = old + self._rate * (mean / (1.0 - 0.9**count)) / scale
        return new


def _shared(step: Step) -> str:
    """Name of a step without its place in a repeat, and with its length: places of a repeat share their weights."""
    return f"{_PLACE.sub('.*', step.name)}/{len(step.prior)}"
