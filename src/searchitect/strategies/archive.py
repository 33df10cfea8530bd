"""What a model-based strategy remembers: a fold over tells, and the part of it that its model may know.

A model is fitted on the first m = k·⌊completed/k⌋ complete trials in the order in which they ended, so that a strategy
rebuilt from the journal holds the same model whenever it was rebuilt.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TYPE_CHECKING

from searchitect.predictors.gaussian_process import evenly
from searchitect.spaces.architecture import Architecture
from searchitect.spaces.encodings import Encoding
from searchitect.strategies.fresh import first_fresh
from searchitect.strategies.strategy import Setting
from searchitect.trial import Proposal, Trial

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Vector = npt.NDArray[np.float64]
    Matrix = npt.NDArray[np.float64]

__all__ = ["Archive", "initial_trials", "spread"]


def initial_trials(setting: Setting) -> int:
    """How many random trials come before a model: a quarter of the budget within 3..10."""
    return min(10, max(3, (setting.budget or 400) // 4))


class Archive:
    """Finished and running trials of one search.

    Args:
        refit_every: k; the model may change after every k-th complete trial.

    Attributes:
        complete: in the order in which they ended; reused ones are left out, since they say nothing new.
        running: by number, in the order in which they started.
        seen: canonical keys of all that started, was answered from the journal or was infeasible.
        failed: trials that ended without a result.
    """

    def __init__(self, setting: Setting, refit_every: int = 1) -> None:
        self._setting, self._every = setting, refit_every
        self.complete: list[Trial] = []
        self.running: dict[int, Trial] = {}
        self.failed: list[Trial] = []
        self.seen: set[str] = set()
        self._rows: dict[tuple[int, Encoding], Vector] = {}

    def tell(self, trial: Trial) -> None:
        self.seen.add(trial.key)
        if not trial.state.is_finished:
            self.running[trial.number] = trial
            return
        self.running.pop(trial.number, None)
        if trial.reused is not None:
            return
        (self.complete if trial.is_complete else self.failed).append(trial)

    def is_young(self, initial: int) -> bool:
        """Whether there are too few trials for a model; those that run count, two must be complete."""
        return len(self.complete) < 2 or len(self.complete) + len(self.running) < initial

    def opening(self, rng: random.Random) -> Proposal | None:
        """A trial before there is a model: the default architecture, then random ones; None where none is new."""
        setting, space = self._setting, self._setting.space
        if not self.seen and not setting.check(space.default()):
            return Proposal(space.default(), setting.fidelity)
        drawn = first_fresh(setting, self.seen, lambda: space.sample(rng))
        return None if drawn is None else Proposal(drawn, setting.fidelity)

    @property
    def known(self) -> int:
        """m: how many of the complete trials the model may be fitted on."""
        return len(self.complete) // self._every * self._every

    def losses(self, count: int) -> Vector:
        """First objective of the first `count` complete trials; smaller is better."""
        import numpy as np

        objective = self._setting.objectives[0]
        values = [objective.loss(trial.measurements[objective.name]) for trial in self.complete[:count]]
        return np.array(values, dtype=np.float64)

    def features(self, count: int, kind: Encoding = "one_hot") -> Matrix:
        """Encodings of the first `count` complete trials, one row each."""
        import numpy as np

        return np.stack([self._row(index, kind) for index in range(count)])

    def encoded(self, architectures: Sequence[Architecture], kind: Encoding = "one_hot") -> Matrix:
        """Encodings of other architectures, one row each."""
        import numpy as np

        return np.stack([self._setting.space.encode(architecture, kind) for architecture in architectures])

    def _row(self, index: int, kind: Encoding) -> Vector:
        row = self._rows.get((index, kind))
        if row is None:
            row = self._rows[index, kind] = self._setting.space.encode(self.complete[index].architecture, kind)
        return row


def spread(losses: Vector, most: int) -> list[int]:
    """Return all places, or where these are too many the best half and an even choice among the rest, in order."""
    if len(losses) <= most:
        return list(range(len(losses)))
    order = losses.argsort(kind="stable")
    best, others = order[: most // 2], order[most // 2 :]
    even = others[evenly(len(others), most - most // 2)]
    chosen: list[int] = sorted([*best.tolist(), *even.tolist()])
    return chosen
