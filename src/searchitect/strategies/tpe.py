"""Tree-structured Parzen estimator.

Bergstra, Bardenet, Bengio & Kégl, "Algorithms for Hyper-Parameter Optimization", NIPS 2011, section 4; as one
multivariate mixture (Falkner, Klein & Hutter, BOHB, ICML 2018), with the kernels of Optuna (Watanabe, 2023).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from searchitect.errors import ConfigError, SpaceError
from searchitect.seeding import derive, stream
from searchitect.spaces.architecture import Architecture
from searchitect.strategies.archive import Archive
from searchitect.strategies.fresh import first_fresh
from searchitect.strategies.parzen import Parzen, columns_of
from searchitect.strategies.selection import from_best
from searchitect.strategies.strategy import Belief, Setting
from searchitect.trial import Proposal, Trial

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Matrix = npt.NDArray[np.float64]
    Mask = npt.NDArray[np.bool_]

__all__ = ["TPE"]

MOST_GOOD = 25
"""The good trials are never more than this."""

VAIN = 20
"""Batches of draws before a space counts as nearly used up."""


class TPE:
    """Model where the good trials lie, l(x), and where the others do, g(x); try the draw from l with the best l/g.

    Trials are split at γ(n) = min(⌈share·n⌉, 25). Running trials count among the others, lest several workers try the
    same (constant liar); failed ones are left out. Several objectives are split by non-dominated rank.

    l and g are densities of architectures, not of scores: there is no predictive interval whose coverage could be
    tested, and `belief` reports no rank correlation.

    Args:
        startup: trials drawn at random first, the space's default among them.
        candidates: fresh draws from l that are compared.
        share: of the complete trials that count as good.

    Raises:
        ConfigError: a number makes no sense.
    """

    def __init__(self, setting: Setting, *, startup: int = 10, candidates: int = 24, share: float = 0.1) -> None:
        if startup < 2 or candidates < 1 or not 0 < share < 1:
            raise ConfigError(
                f"expected startup ≥ 2, candidates ≥ 1, 0 < share < 1: {startup=}, {candidates=}, {share=}"
            )
        self._setting, self._startup, self._candidates, self._share = setting, startup, candidates, share
        self._archive = Archive(setting)
        self._columns = columns_of(setting.space)
        self._rows: dict[str, tuple[Matrix, Mask]] = {}

    def ask(self, number: int) -> Proposal | None:
        space, archive = self._setting.space, self._archive
        if not archive.seen and not self._setting.check(space.default()):
            return Proposal(space.default(), self._setting.fidelity)
        chosen = self._best_draw(number) if len(archive.complete) >= self._startup else None
        if chosen is None:
            rng = stream(self._setting.seed, "tpe", number)
            chosen = first_fresh(self._setting, archive.seen, lambda: space.sample(rng))
        return None if chosen is None else Proposal(chosen, self._setting.fidelity)

    def tell(self, trial: Trial) -> None:
        self._archive.tell(trial)

    def belief(self) -> Belief:
        """The complete trial with the greatest l/g."""
        complete = self._archive.complete
        if len(complete) < self._startup:
            best = from_best(complete, self._setting.objectives, self._setting.constraints)
            return Belief(best[0].number if best else None, note="drawing at random until there is something to model")
        good, rest = self._split()
        ratio = self._ratio([trial.architecture for trial in complete])
        note = f"where {len(good)} good trials are dense and {len(rest)} others are not"
        return Belief(complete[int(ratio.argmax())].number, note=note)

    def _best_draw(self, number: int) -> Architecture | None:
        import numpy as np

        rng = np.random.default_rng(derive(self._setting.seed, "tpe", "draws", number))
        space, seen = self._setting.space, self._archive.seen
        good = self._estimator(self._split()[0])
        fresh: dict[str, Architecture] = {}
        for _ in range(VAIN):
            for point in good.draw(rng, self._candidates):
                try:
                    architecture = space.decode(point)
                except SpaceError:  # it breaks a constraint of the space
                    continue
                key = space.key(architecture)
                if key not in seen and key not in fresh and not self._setting.check(architecture):
                    fresh[key] = architecture
            if len(fresh) >= self._candidates:
                break
        candidates = list(fresh.values())[: self._candidates]
        return candidates[int(self._ratio(candidates).argmax())] if candidates else None

    def _split(self) -> tuple[list[Architecture], list[Architecture]]:
        setting, complete = self._setting, self._archive.complete
        ordered = [trial.architecture for trial in from_best(complete, setting.objectives, setting.constraints)]
        count = min(math.ceil(self._share * len(ordered)), MOST_GOOD)
        running = [trial.architecture for trial in self._archive.running.values()]
        return ordered[:count], ordered[count:] + running

    def _ratio(self, architectures: list[Architecture]) -> npt.NDArray[np.float64]:
        """log l(x) − log g(x)."""
        good, rest = self._split()
        points, active = self._encoded(architectures)
        return self._estimator(good).log_density(points, active) - self._estimator(rest).log_density(points, active)

    def _estimator(self, architectures: list[Architecture]) -> Parzen:
        return Parzen(self._columns, *self._encoded(architectures))

    def _encoded(self, architectures: list[Architecture]) -> tuple[Matrix, Mask]:
        import numpy as np

        space = self._setting.space
        for architecture in architectures:
            if architecture.text not in self._rows:
                row = space.encode(architecture, "unit_cube"), space.mask(architecture, "unit_cube")
                self._rows[architecture.text] = row
        rows = [self._rows[architecture.text] for architecture in architectures]
        if not rows:
            return np.empty((0, len(self._columns))), np.empty((0, len(self._columns)), dtype=bool)
        return np.stack([row for row, _ in rows]), np.stack([mask for _, mask in rows])
