"""A factorised policy: one softmax per categorical step, in closed form.

π(a) = ∏ₜ softmax(θₜ)[aₜ], over the active steps t of an architecture a. Its gradient needs no automatic
differentiation: ∂ log π(a) / ∂θₜ = onehot(aₜ) - softmax(θₜ). Williams, "Simple statistical gradient-following
algorithms for connectionist reinforcement learning", Machine Learning 1992.
"""

from __future__ import annotations

import bisect
import random
from collections.abc import Callable, Container, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import accumulate
from statistics import NormalDist
from typing import TYPE_CHECKING, Generic, TypeVar

from searchitect.errors import SpaceError
from searchitect.seeding import stream
from searchitect.spaces.architecture import Architecture
from searchitect.strategies.fresh import first_fresh
from searchitect.strategies.steps import Step, Steps
from searchitect.strategies.strategy import Setting
from searchitect.trial import Proposal, Trial

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Matrix = npt.NDArray[np.float64]
    Rows = npt.NDArray[np.intp]

__all__ = ["Baseline", "Episodes", "FactorisedPolicy", "Ranking", "Score", "drawn", "propose"]

T = TypeVar("T")

INITIAL_SD = 1e-3
"""Standard deviation of the initial logits around the prior."""

ATTEMPTS = 100
"""Draws from a policy before what it says again and again is left aside."""


@dataclass(frozen=True, slots=True)
class Score:
    """An architecture under the policy as it stood when its trial started; T active steps, W the longest list.

    Attributes:
        rows: which rows of the policy's matrix its steps are, shape (T,).
        places: the value taken at each step, shape (T,).
        probabilities: of all values at each step, shape (T, W).
    """

    rows: Rows
    places: Rows
    probabilities: Matrix

    def gradient(self) -> Matrix:
        """∂ log π / ∂θ, shape (T, W)."""
        import numpy as np

        gradient: Matrix = -self.probabilities
        gradient[np.arange(len(self.places)), self.places] += 1.0
        return gradient

    def entropy_gradient(self) -> Matrix:
        """∂H / ∂θ = -p (log p + H) for each step's own entropy H, shape (T, W)."""
        import numpy as np

        surprise: Matrix = np.log(np.maximum(self.probabilities, 1e-300))
        mean = (self.probabilities * surprise).sum(axis=1, keepdims=True)
        gradient: Matrix = self.probabilities * (mean - surprise)
        return gradient


class FactorisedPolicy:
    """Logits θ for every step that was met, with Adam (Kingma & Ba 2015) on the rows that an update touches.

    Rows of inactive decisions do not move, nor do their moments: they were not asked. A step that is met for the first
    time starts at its prior, so recursive spaces need no list of all their places.
    """

    def __init__(self, setting: Setting, learning_rate: float) -> None:
        import numpy as np

        self._setting, self._rate = setting, learning_rate
        self._steps = Steps(setting.space)
        self._row: dict[str, int] = {}
        self._theta, self._mean, self._square = np.empty((0, 1)), np.empty((0, 1)), np.empty((0, 1))
        self._updates = np.empty((0, 1))
        self._shares: dict[str, list[float]] = {}

    def draw(self, rng: random.Random) -> Architecture:
        """Draw an architecture; conditions between decisions are not tested."""
        return self._steps.draw(lambda step: drawn(self._cumulative(step), rng), rng)

    def score(self, architecture: Architecture) -> Score:
        """Return what an update needs to know of an architecture; a step that is met for the first time gets a row."""
        import numpy as np

        picked = self._steps.read(architecture)
        rows = np.array([self._row_of(step) for step, _ in picked], dtype=np.intp)
        places = np.array([place for _, place in picked], dtype=np.intp)
        return Score(rows, places, self.probabilities(rows))

    def probabilities(self, rows: Rows) -> Matrix:
        """Softmax of some rows as they stand now, shape (len(rows), W)."""
        import numpy as np

        logits = self._theta[rows]
        weights: Matrix = np.exp(logits - logits.max(axis=1, keepdims=True))
        weights /= weights.sum(axis=1, keepdims=True)
        return weights

    def ascend(self, gradients: Sequence[tuple[Rows, Matrix]]) -> None:
        """Take one step of Adam uphill along the sum of the gradients."""
        import numpy as np

        if len(gradients) == 1:
            ((rows, total),) = gradients
        else:
            rows, where = np.unique(np.concatenate([rows for rows, _ in gradients]), return_inverse=True)
            total = np.zeros((len(rows), self._theta.shape[1]))
            np.add.at(total, where, np.concatenate([self._padded(gradient) for _, gradient in gradients]))
        total = self._padded(total)
        count = self._updates[rows] + 1.0
        mean = 0.9 * self._mean[rows] + 0.1 * total
        square = 0.999 * self._square[rows] + 0.001 * total * total
        self._updates[rows], self._mean[rows], self._square[rows] = count, mean, square
        scale = np.sqrt(square / (1.0 - 0.999**count)) + 1e-8
        self._theta[rows] += self._rate * mean / (1.0 - 0.9**count) / scale
        self._shares.clear()

    def _padded(self, gradient: Matrix) -> Matrix:
        """A gradient that was taken before a longer list was met."""
        import numpy as np

        missing = self._theta.shape[1] - gradient.shape[1]
        return np.pad(gradient, ((0, 0), (0, missing))) if missing else gradient

    def _cumulative(self, step: Step) -> list[float]:
        shares = self._shares.get(step.name)
        if shares is None:
            import numpy as np

            row = self._row.get(step.name)
            logits = self._initial(step) if row is None else self._theta[row, : len(step.prior)]
            shares = self._shares[step.name] = list(accumulate(np.exp(logits - logits.max()).tolist()))
        return shares

    def _initial(self, step: Step) -> Matrix:
        import numpy as np

        rng = stream(self._setting.seed, "logits", step.name)
        return np.array([prior + rng.gauss(0.0, INITIAL_SD) for prior in step.prior])

    def _row_of(self, step: Step) -> int:
        row = self._row.get(step.name)
        if row is None:
            row = self._row[step.name] = len(self._row)
            self._make_room(row + 1, len(step.prior))
            self._theta[row, : len(step.prior)] = self._initial(step)
        return row

    def _make_room(self, rows: int, width: int) -> None:
        """Grow all arrays; what no step owns is a value that is never drawn."""
        import numpy as np

        have, wide = self._theta.shape
        if rows <= have and width <= wide:
            return
        more = ((0, max(0, 2 * rows - have) if rows > have else 0), (0, max(0, width - wide)))
        self._theta = np.pad(self._theta, more, constant_values=-np.inf)
        self._mean, self._square = np.pad(self._mean, more), np.pad(self._square, more)
        self._updates = np.pad(self._updates, (more[0], (0, 0)))


class Episodes(Generic[T]):
    """What is noted of the policy at each trial's start, given back with the loss when the trial completes.

    Args:
        note: from the architecture of a trial that starts to what an update will need.

    Attributes:
        seen: canonical keys of all that was told.
    """

    def __init__(self, setting: Setting, note: Callable[[Architecture], T]) -> None:
        self._objective, self._note = setting.objectives[0], note
        self._running: dict[int, T] = {}
        self.seen: set[str] = set()

    def tell(self, trial: Trial) -> tuple[T | None, float] | None:
        """Return the note (None: its start was not told) and the loss; None where there is no new result."""
        self.seen.add(trial.key)
        if not trial.state.is_finished:
            self._running[trial.number] = self._note(trial.architecture)
            return None
        noted = self._running.pop(trial.number, None)
        if not trial.is_complete or trial.reused is not None:
            return None
        return noted, self._objective.loss(trial.measurements[self._objective.name])


class Ranking:
    """Rewards on one scale for every task: the normal score of a result's rank among those that ended before it.

    A collapsed model cannot stretch the scale, and near the top, where results differ little, the scale does not
    shrink. Blom's positions, as in `predictors.targets`.
    """

    def __init__(self) -> None:
        self._losses: list[float] = []

    def reward(self, loss: float) -> float:
        """Return the reward of a loss and remember it."""
        better, not_worse = bisect.bisect_left(self._losses, loss), bisect.bisect_right(self._losses, loss)
        self._losses.insert(not_worse, loss)
        count = len(self._losses)
        place = count - (better + not_worse) / 2.0
        return NormalDist().inv_cdf((place - 0.375) / (count + 0.25))


class Baseline:
    """Exponential mean of earlier rewards, corrected for its start at zero; a sample is never part of its own."""

    def __init__(self, decay: float) -> None:
        self._decay, self._sum, self._weight = decay, 0.0, 0.0

    def advantage(self, reward: float) -> float:
        """Return the reward above the baseline (0 for the first), then take it in."""
        advantage = reward - self._sum / self._weight if self._weight else 0.0
        self._sum = self._decay * self._sum + (1.0 - self._decay) * reward
        self._weight = self._decay * self._weight + 1.0 - self._decay
        return advantage


def drawn(cumulative: Sequence[float], rng: random.Random) -> int:
    """Return a place with probability proportional to its share."""
    return min(bisect.bisect_right(cumulative, rng.random() * cumulative[-1]), len(cumulative) - 1)


def propose(
    setting: Setting,
    seen: Container[str],
    draw: Callable[[], Architecture],
    rng: random.Random,
    attempts: int = ATTEMPTS,
) -> Proposal | None:
    """Return the first new and feasible architecture that a policy draws.

    Draws that break a condition, and repeats, cost nothing and teach nothing. A policy that keeps repeating itself is
    sharp: it is explored one mutation away from what it says, and at last anywhere.
    """
    space = setting.space
    valid = _Valid(setting, draw, rng)
    fresh = first_fresh(setting, seen, valid, attempts)
    last = valid.last
    if fresh is None and last is not None:
        with suppress(SpaceError):  # a space of one architecture has no mutations
            fresh = first_fresh(setting, seen, lambda: space.mutate(last, rng), attempts)
    if fresh is None:
        fresh = first_fresh(setting, seen, lambda: space.sample(rng))
    return None if fresh is None else Proposal(fresh, setting.fidelity)


class _Valid:
    """A policy's draws that keep the conditions of the space; where that is rare, the space's own draws."""

    def __init__(self, setting: Setting, draw: Callable[[], Architecture], rng: random.Random) -> None:
        self._space, self._draw, self._rng = setting.space, draw, rng
        self.last: Architecture | None = None

    def __call__(self) -> Architecture:
        for _ in range(20):
            architecture = self._draw()
            if self._space.contains(architecture):
                self.last = architecture
                return architecture
        return self._space.sample(self._rng)
