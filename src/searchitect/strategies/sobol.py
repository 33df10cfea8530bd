"""Quasi-random search: a scrambled Sobol sequence in the unit cube of the space.

Sobol, 1967; scrambling: Owen, "Randomly Permuted (t,m,s)-Nets and (t,s)-Sequences", 1995.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from searchitect.errors import SpaceError
from searchitect.seeding import derive, stream
from searchitect.spaces.architecture import Architecture
from searchitect.strategies.fresh import first_fresh
from searchitect.strategies.grid import LARGEST_GRID
from searchitect.strategies.strategy import Setting
from searchitect.trial import Proposal, Trial

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["Sobol"]

WIDEST = 21_201
"""Dimensions for which direction numbers are known (Joe & Kuo, 2008); further columns are independent draws."""

BLOCK = 64
"""Points generated at a time; a power of two keeps the sequence balanced."""

VAIN = 1_024
"""Points passed over in one `ask` before other ways are tried."""


class Sobol:
    """Spread the trials evenly over the space; points that are forbidden or repeat an architecture are passed over.

    How far the sequence is used up is known from the trials that were told. When 1,024 points in a row bring nothing
    new, what is left of a small space is enumerated and a large one sampled, so that a finite space of up to a million
    architectures is covered exactly.
    """

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._seen: set[str] = set()
        self._used = 0  # points before this place are done with
        self._points = _Points(setting)

    def ask(self, number: int) -> Proposal | None:
        for place in range(self._used, self._used + VAIN):
            known = self._points.at(place)
            if known is not None and known[0] not in self._seen and not self._setting.check(known[1]):
                return Proposal(known[1], self._setting.fidelity)
        rest = self._rest(number)
        return None if rest is None else Proposal(rest, self._setting.fidelity)

    def _rest(self, number: int) -> Architecture | None:
        space = self._setting.space
        if not space.is_finite or space.size() > LARGEST_GRID:
            rng = stream(self._setting.seed, "sobol", number)
            return first_fresh(self._setting, self._seen, lambda: space.sample(rng))
        left = (a for a in space.enumerate() if space.key(a) not in self._seen and not self._setting.check(a))
        return next(left, None)

    def tell(self, trial: Trial) -> None:
        if trial.key in self._seen:
            return
        for place in range(self._used, self._used + VAIN):
            known = self._points.at(place)
            if known is not None and known[0] == trial.key:
                self._used = place + 1
                self._points.forget(self._used)
                break
        self._seen.add(trial.key)


class _Points:
    """The sequence as architectures with their keys; None where a point breaks a constraint of the space."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._first = 0
        self._known: deque[tuple[str, Architecture] | None] = deque()
        self._block: deque[npt.NDArray[np.float64]] = deque()  # generated, not decoded
        self._engine: Any = None

    def at(self, place: int) -> tuple[str, Architecture] | None:
        while place >= self._first + len(self._known):
            if not self._block:
                self._block.extend(self._drawn(self._first + len(self._known)))
            self._known.append(self._decoded(self._block.popleft()))
        return self._known[place - self._first]

    def forget(self, before: int) -> None:
        while self._first < before:
            self._known.popleft()
            self._first += 1

    def _drawn(self, place: int) -> npt.NDArray[np.float64]:
        import numpy as np
        from scipy.stats import qmc

        space, seed = self._setting.space, self._setting.seed
        width = len(space.encode(space.default(), "unit_cube"))
        if self._engine is None:
            self._engine = qmc.Sobol(min(width, WIDEST), scramble=True, seed=derive(seed, "sobol") % 2**32)
        points: npt.NDArray[np.float64] = self._engine.random(BLOCK)
        if width > WIDEST:
            further = np.random.default_rng(derive(seed, "sobol", "further columns", place))
            points = np.hstack([points, further.random((BLOCK, width - WIDEST))])
        return points

    def _decoded(self, point: npt.NDArray[np.float64]) -> tuple[str, Architecture] | None:
        space = self._setting.space
        try:
            architecture = space.decode(point)
        except SpaceError:
            return None
        return space.key(architecture), architecture
