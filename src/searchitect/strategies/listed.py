"""Members of a space that limits probably allow, where the space is small enough to be listed.

Under a tight limit nine random architectures of ten are forbidden, and so are most small changes of a good one: what is
gained in one place must be given up in another. Of what is allowed a model would see a few dozen architectures in each
ask. Where the space can be listed, a linear model of decisions and pairs of decisions learns from verdicts on a random
sample which members are worth judging; the limits themselves have the last word on whatever is proposed.
"""

from __future__ import annotations

import random
from collections.abc import Container, Sequence
from functools import cached_property
from itertools import combinations
from typing import TYPE_CHECKING

from searchitect.errors import SpaceError
from searchitect.seeding import stream
from searchitect.spaces.architecture import Architecture
from searchitect.strategies.strategy import Setting

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Vector = npt.NDArray[np.float64]
    Matrix = npt.NDArray[np.float32]

__all__ = ["MOST_LISTED", "ListedMembers"]

MOST_LISTED = 20_000
"""Written architectures of the largest space that is listed."""

PROBED, FORBIDDEN = 40, 0.5
"""Limits are tight where they forbid this share of so many random architectures."""

FIRST_ASKED, MORE_ASKED, EVERY, MOST_ASKED = 100, 100, 10, 1_500
"""Size of the sample whose verdicts are learned from: at first, and how much is added every ten trials, up to the last.
A verdict may need a model to be built; a study remembers it."""

EXCESS, SPARE = 2.0, 50
"""So many times the expected number of allowed members are held likely, and so many more."""

MOST_COLUMNS = 32
"""Columns of a one-hot encoding up to which pairs of them are columns too."""

RIDGE = 1.0


class ListedMembers:
    """The members of a small space, and which of them limits probably allow.

    Verdicts are asked anew for every proposal, since a study may leave regions out for a while: what is returned is a
    function of seed, number, trials and the limits of the moment.
    """

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        rng = stream(setting.seed, "limits")
        self._probes = [setting.space.sample(rng) for _ in range(PROBED)]
        self._learned: tuple[bytes, Vector] | None = None

    def likely(
        self, number: int, allowed: Sequence[Architecture], seen: Container[str], most: int, rng: random.Random
    ) -> list[Architecture]:
        """Return members that are new and probably allowed, at most `most` of them at random.

        Args:
            number: of the trial that is asked for.
            allowed: architectures that were tried, in order.
            seen: canonical keys of what was tried.

        Returns:
            Nothing where limits forbid little, or the space is not small.
        """
        import numpy as np

        check = self._setting.check
        if sum(bool(check(probe)) for probe in self._probes) < FORBIDDEN * PROBED or not self._members:
            return []
        step = number // EVERY
        sample = self._order[: min(FIRST_ASKED + MORE_ASKED * step, MOST_ASKED)]
        verdicts = np.array([not check(self._members[place]) for place in sample])
        if not verdicts.any() and not allowed:
            return []
        scores = self._scores(sample, verdicts, [self._places[a] for a in allowed[: step * EVERY] if a in self._places])
        expected = EXCESS * float(verdicts.mean()) * len(scores) + SPARE
        count = min(len(scores), int(expected))
        best = np.sort(np.argpartition(-scores, count - 1)[:count])
        forbidden = {place for place, verdict in zip(sample, verdicts, strict=True) if not verdict}
        found: dict[str, Architecture] = {}
        for place in best.tolist():
            key = self._keys[place]
            if place not in forbidden and key not in seen:
                found.setdefault(key, self._members[place])
        return list(found.values()) if len(found) <= most else rng.sample(list(found.values()), most)

    def _scores(self, sample: Sequence[int], verdicts: npt.NDArray[np.bool_], allowed: Sequence[int]) -> Vector:
        """How likely each member is allowed: ridge regression of the verdicts; kept while these stay as they are."""
        import numpy as np

        known = verdicts.tobytes() + repr(allowed).encode()
        if self._learned is None or self._learned[0] != known:
            rows = self._rows[[*sample, *allowed]].astype(np.float64)
            targets: Vector = np.append(verdicts.astype(np.float64), np.ones(len(allowed)))
            squares: npt.NDArray[np.float64] = rows.T @ rows + RIDGE * np.eye(rows.shape[1])
            self._learned = known, np.asarray(self._rows @ np.linalg.solve(squares, rows.T @ targets))
        return self._learned[1]

    @cached_property
    def _members(self) -> list[Architecture]:
        space = self._setting.space
        try:
            small = space.is_finite and space.size() <= MOST_LISTED
        except SpaceError:  # too large to be counted
            small = False
        return list(space.enumerate()) if small else []

    @cached_property
    def _places(self) -> dict[Architecture, int]:
        return {member: place for place, member in enumerate(self._members)}

    @cached_property
    def _keys(self) -> list[str]:
        return [self._setting.space.key(member) for member in self._members]

    @cached_property
    def _order(self) -> list[int]:
        """All members in random order; the sample is the beginning of it."""
        places = list(range(len(self._members)))
        stream(self._setting.seed, "verdicts").shuffle(places)
        return places

    @cached_property
    def _rows(self) -> Matrix:
        """A constant, decisions one-hot and, where these are few, their pairs; one row for each member."""
        import numpy as np

        single = np.stack([self._setting.space.encode(member) for member in self._members]).astype(np.float32)
        width = single.shape[1]
        pairs = [single[:, i] * single[:, j] for i, j in combinations(range(width), 2)] if width <= MOST_COLUMNS else []
        rows = np.stack([np.ones(len(single), np.float32), *single.T, *pairs], axis=1)
        return np.ascontiguousarray(rows[:, rows.any(axis=0)])
