"""REINFORCE on a factorised policy: learn which values good architectures have.

Williams 1992; as a search strategy: Dong et al., "NATS-Bench", TPAMI 2021 (REINFORCE).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from searchitect.errors import ConfigError
from searchitect.seeding import stream
from searchitect.strategies.policy import Baseline, Episodes, FactorisedPolicy, Ranking, Score, propose
from searchitect.strategies.strategy import Setting
from searchitect.trial import Proposal, Trial

if TYPE_CHECKING:
    from searchitect.strategies.policy import Matrix, Rows

__all__ = ["Reinforce"]


class Reinforce:
    """θ ← Adam(θ, (R - b) ∂ log π(a)/∂θ + β ∂H/∂θ): what did better than usual becomes more likely.

    R is the normal score of the rank, b the mean of earlier rewards, H the entropy. The gradient is that of the policy
    which drew the architecture, as it stood when the trial started. A failed trial has no reward and moves nothing.

    Args:
        learning_rate: of Adam. At a tenth of the default it hardly differs from random search in 300 trials.
        batch_size: complete trials to an update.
        baseline_decay: of the exponential mean b.
        entropy: β, keeps the policy from becoming certain too early.
        ranked: False takes the measurement itself as R, as NATS-Bench does; one collapsed model then weighs more than
            all differences between good ones.
    """

    def __init__(
        self,
        setting: Setting,
        *,
        learning_rate: float = 0.1,
        batch_size: int = 1,
        baseline_decay: float = 0.9,
        entropy: float = 0.01,
        ranked: bool = True,
    ) -> None:
        if batch_size < 1:
            raise ConfigError(f"an update needs at least one trial, got batch_size={batch_size}")
        self._setting, self._batch_size, self._entropy = setting, batch_size, entropy
        self._policy = FactorisedPolicy(setting, learning_rate)
        self._ranking, self._baseline = Ranking() if ranked else None, Baseline(baseline_decay)
        self._episodes = Episodes(setting, self._policy.score)
        self._batch: list[tuple[Rows, Matrix]] = []

    def ask(self, number: int) -> Proposal | None:
        rng = stream(self._setting.seed, "reinforce", number)
        return propose(self._setting, self._episodes.seen, lambda: self._policy.draw(rng), rng)

    def tell(self, trial: Trial) -> None:
        ended = self._episodes.tell(trial)
        if ended is None:
            return
        score, loss = ended
        reward = -loss if self._ranking is None else self._ranking.reward(loss)
        if score is not None:
            self._learn(score, self._baseline.advantage(reward))

    def _learn(self, score: Score, advantage: float) -> None:
        gradient = advantage * score.gradient() + self._entropy * score.entropy_gradient()
        self._batch.append((score.rows, gradient))
        if len(self._batch) == self._batch_size:
            self._policy.ascend(self._batch)
            self._batch = []
