"""Proximal policy optimisation on the factorised policy.

Schulman et al., "Proximal Policy Optimization Algorithms", 2017, equation 7. An architecture is an episode, each of its
decisions an action, the reward comes at the end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from searchitect.errors import ConfigError
from searchitect.seeding import stream
from searchitect.strategies.policy import Episodes, FactorisedPolicy, Ranking, Score, propose
from searchitect.strategies.strategy import Setting
from searchitect.trial import Proposal, Trial

if TYPE_CHECKING:
    from searchitect.strategies.policy import Matrix

__all__ = ["PPO"]


class PPO:
    """Several steps of Adam per batch on min(r A, clip(r, 1-ε, 1+ε) A) + β H, r = π(aₜ) / π_start(aₜ).

    π_start is the policy as it stood when the trial started. A is the normal score of the trial's rank, with mean 0
    and deviation 1 within the batch; its own reward in that mean only changes the scale, and that is divided out.

    Args:
        learning_rate: of Adam.
        batch_size: complete trials to an update.
        epochs: passes over the batch.
        clip: ε; a decision whose probability went further than that with the sign of A has learned enough.
        entropy: β.
    """

    def __init__(
        self,
        setting: Setting,
        *,
        learning_rate: float = 0.1,
        batch_size: int = 10,
        epochs: int = 4,
        clip: float = 0.2,
        entropy: float = 0.01,
    ) -> None:
        if batch_size < 2 or epochs < 1:
            raise ConfigError(f"advantages need two trials and one epoch, got {batch_size} and {epochs}")
        self._setting, self._batch_size, self._epochs = setting, batch_size, epochs
        self._clip, self._entropy = clip, entropy
        self._policy = FactorisedPolicy(setting, learning_rate)
        self._ranking = Ranking()
        self._episodes = Episodes(setting, self._policy.score)
        self._batch: list[tuple[Score, float]] = []

    def ask(self, number: int) -> Proposal | None:
        rng = stream(self._setting.seed, "ppo", number)
        return propose(self._setting, self._episodes.seen, lambda: self._policy.draw(rng), rng)

    def tell(self, trial: Trial) -> None:
        ended = self._episodes.tell(trial)
        if ended is None:
            return
        score, loss = ended
        reward = self._ranking.reward(loss)
        if score is not None:
            self._batch.append((score, reward))
        if len(self._batch) == self._batch_size:
            self._learn()
            self._batch = []

    def _learn(self) -> None:
        import numpy as np

        rewards = np.array([reward for _, reward in self._batch])
        advantages = (rewards - rewards.mean()) / (rewards.std() + 1e-8)
        scores = [score for score, _ in self._batch]
        for _ in range(self._epochs):
            gradients = [self._gradient(score, a) for score, a in zip(scores, advantages.tolist(), strict=True)]
            self._policy.ascend([(score.rows, g) for score, g in zip(scores, gradients, strict=True)])

    def _gradient(self, start: Score, advantage: float) -> Matrix:
        """Gradient of the clipped objective of one architecture, shape (T, W)."""
        import numpy as np

        now = Score(start.rows, start.places, self._policy.probabilities(start.rows))
        at = np.arange(len(start.places)), start.places
        ratio = now.probabilities[at] / np.maximum(start.probabilities[at], 1e-300)
        enough = ratio > 1.0 + self._clip if advantage > 0 else ratio < 1.0 - self._clip
        weight = np.where(enough, 0.0, ratio * advantage)[:, None]
        gradient: Matrix = weight * now.gradient() + self._entropy * now.entropy_gradient()
        return gradient
