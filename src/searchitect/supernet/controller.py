"""ENAS: a controller draws the paths that train the shared weights, and learns by what its draws then score.

Pham, Guan, Zoph, Le & Dean, "Efficient neural architecture search via parameter sharing", 2018, §2.2. The two are
trained in turn: an epoch of the weights with the controller fixed, then the controller with the weights fixed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count

import torch
from torch import Tensor, nn

from searchitect.errors import ConfigError, EvaluationError
from searchitect.objectives import Objective
from searchitect.seeding import derive, stream
from searchitect.spaces import Architecture
from searchitect.strategies.lstm_controller import LSTMController
from searchitect.strategies.strategy import Setting
from searchitect.supernet.distillation import without_dropout
from searchitect.supernet.methods import Labelled, Routine, Setup
from searchitect.training.health import check_finite
from searchitect.trial import Proposal, Trial, TrialState

__all__ = ["Enas"]

_REWARD = "reward"


@dataclass(frozen=True)
class Enas:
    """Paths by a recurrent controller, which REINFORCE trains on batches of `SharedData.search`.

    The reward of an architecture is its accuracy (for regression the loss, negated) on one batch, with the statistics
    of that batch. The controller is the strategy `lstm`, which follows the rank of a reward among all earlier ones, so
    that rewards that rise while the weights improve do not swamp what differs between architectures.

    Attributes:
        samples: architectures from which the controller learns after every epoch; the authors took 30 steps of 20.
        batch_size: architectures to one step of the controller.
        learning_rate: of the controller's Adam.
        temperature, tanh_constant: T and C of the logits C tanh(z / T).
        baseline_decay: of the mean of earlier rewards.
        entropy: weight of the bonus for undecided logits.
    """

    samples: int = 200
    batch_size: int = 10
    learning_rate: float = 3.5e-4
    temperature: float = 5.0
    tanh_constant: float = 2.5
    baseline_decay: float = 0.99
    entropy: float = 1e-4
    hidden: int = 64
    name = "enas"
    clip_value = None

    def begin(self, setup: Setup) -> Routine:
        if self.samples < 1:
            raise ConfigError(f"a controller learns from at least one sample per epoch, got {self.samples}")
        if setup.data.search is setup.data.train:
            raise EvaluationError(
                "a controller that learns from the examples on which weights were trained learns what overfits",
                hint="keep a part for it: supernet.load(task, search_share=0.2)",
            )
        return _Controlled(setup, self)


class _Controlled(Labelled):
    """State is what the controller was told: it draws the same architectures again when it is told so again."""

    def __init__(self, setup: Setup, settings: Enas) -> None:
        super().__init__(setup, lambda step: (self._drawn(-1 - step),))
        self._settings = settings
        objectives = (Objective(_REWARD, "maximize"),)
        self._controller = LSTMController(
            Setting(setup.supernet.space, objectives, derive(setup.seed, "controller")),
            hidden=settings.hidden,
            learning_rate=settings.learning_rate,
            batch_size=settings.batch_size,
            tanh_constant=settings.tanh_constant,
            temperature=settings.temperature,
            baseline_decay=settings.baseline_decay,
            entropy=settings.entropy,
        )
        self._rewards: list[float] = []

    def end_epoch(self, epoch: int) -> Mapping[str, float]:
        before = len(self._rewards)
        # Training mode: running statistics fit no architecture, those of each batch do.
        with torch.no_grad(), without_dropout(self._setup.supernet):
            for inputs, targets in self._batches(epoch):
                architecture = self._drawn(len(self._rewards))
                self._tell(architecture, self._reward(architecture, inputs, targets, epoch))
        found = self._rewards[before:]
        return {"reward": math.fsum(found) / len(found)}

    def state(self) -> Mapping[str, Tensor]:
        return {"rewards": torch.tensor(self._rewards, dtype=torch.float64)}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        for reward in state["rewards"].tolist():
            self._tell(self._drawn(len(self._rewards)), reward)

    def _drawn(self, number: int) -> Architecture:
        """What the controller draws now; numbers from 0 are rewarded, those below train weights."""
        members = self._setup.members
        rng = stream(self._setup.seed, "controller paths", number)
        proposal = self._controller.ask(number)
        if proposal is None:
            return members.sample(rng)
        # The controller knows nothing of fixed decisions: what it says of them is not heard.
        architecture = members.around(proposal.architecture, rng)
        return architecture if members.holds(architecture) else members.sample(rng)

    def _tell(self, architecture: Architecture, reward: float) -> None:
        number = len(self._rewards)
        # A key of its own for every draw: the same architecture on another batch is no repetition.
        started = Trial(number, Proposal(architecture), TrialState.RUNNING, key=str(number), seed=0)
        self._controller.tell(started)
        measured = {_REWARD: reward}
        ended = Trial(
            number, Proposal(architecture), TrialState.COMPLETE, key=str(number), seed=0, measurements=measured
        )
        self._controller.tell(ended)
        self._rewards.append(reward)

    def _reward(self, architecture: Architecture, inputs: Tensor, targets: Tensor, epoch: int) -> float:
        scores = self._setup.scores(architecture, inputs).float()
        if self._setup.spec.kind == "classification":
            return float((scores.argmax(1) == targets).double().mean())
        loss = float(nn.functional.mse_loss(scores, targets))
        check_finite(loss, "loss of an architecture that the controller drew", epoch)
        return -loss

    def _batches(self, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        """As many batches as the controller wants samples, from as many passes as that takes."""
        left = self._settings.samples
        for passing in count():
            order = torch.Generator().manual_seed(derive(self._setup.seed, "controller batches", epoch, passing))
            for batch in self._setup.data.search.shuffled(self._setup.recipe.batch_size, order):
                yield batch
                left -= 1
                if not left:
                    return
