"""A search space of which a table holds only some architectures: it hands out those, and no others.

A pool may hold a few thousand of 10^11 written architectures, where no number of random draws would ever hit one. Hence
samples are drawn from the members, and a move ends on a member: the neighbours of one are the members that differ in
one decision, and where fewer than `NEAREST` do, the `NEAREST` nearest ones. Strategies need not know.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal

from searchitect.errors import SpaceError
from searchitect.spaces import Architecture, SearchSpace

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["NEAREST", "PoolSpace"]

NEAREST = 8
"""A member has at least so many neighbours."""


class PoolSpace(SearchSpace):
    """A space cut down to listed architectures: `PoolSpace.of(cls).adopt(members)`; `SearchSpace.of(cls)` finds it.

    Distances are those of the one-hot encoding: decisions that differ, a real number by how much.
    """

    def __init__(self, source: type) -> None:
        super().__init__(source)
        self._members: tuple[Architecture, ...] = ()
        self._places: dict[str, int] = {}
        self._vectors: npt.NDArray[np.float32] | None = None
        self._near: dict[int, tuple[int, ...]] = {}

    def adopt(self, members: Sequence[Architecture]) -> PoolSpace:
        """Take the members; each once."""
        self._members = tuple(members)
        self._places = {member.text: place for place, member in enumerate(self._members)}
        self.is_finite = True
        return self

    def size(self) -> int:
        return len(self._members)

    def enumerate(self) -> Iterator[Architecture]:
        return iter(self._members)

    def contains(self, architecture: Architecture) -> bool:
        return architecture.space == self.digest and architecture.text in self._places

    def violations(self, architecture: Architecture) -> list[str]:
        problems = super().violations(architecture)
        outside = not problems and architecture.text not in self._places
        return ["the table does not hold this architecture"] if outside else problems

    def sample(self, rng: random.Random, uniform: Literal["decisions", "architectures"] = "decisions") -> Architecture:
        if uniform not in ("decisions", "architectures"):
            raise SpaceError(f"uniform over 'decisions' or 'architectures', got {uniform!r}")
        return self._members[int(rng.random() * len(self._members))]

    def default(self) -> Architecture:
        first = super().default()
        return first if first.text in self._places else self._members[0]

    def neighbours(self, architecture: Architecture) -> Iterator[Architecture]:
        return (self._members[place] for place in self._neighbours(architecture))

    def mutate(self, architecture: Architecture, rng: random.Random) -> Architecture:
        near = self._neighbours(architecture)
        if not near:
            raise SpaceError(f"{self.name} has one architecture only, nothing can be mutated")
        return self._members[near[int(rng.random() * len(near))]]

    def crossover(self, first: Architecture, second: Architecture, rng: random.Random) -> Architecture:
        child = super().crossover(first, second, rng)
        return child if child.text in self._places else self._nearest(self.encode(child))

    def decode(self, vector: npt.ArrayLike) -> Architecture:
        """Return the member nearest to the architecture at a point of the unit cube."""
        wanted = super().decode(vector)
        return wanted if wanted.text in self._places else self._nearest(self.encode(wanted))

    def _nearest(self, vector: npt.NDArray[Any]) -> Architecture:
        return self._members[int(self._distances(vector).argmin())]

    def _distances(self, vector: npt.NDArray[Any]) -> npt.NDArray[Any]:
        import numpy as np

        if self._vectors is None:
            self._vectors = np.array([self.encode(member) for member in self._members], dtype=np.float32)
        return np.abs(self._vectors - vector.astype(np.float32)).sum(axis=1)  # type: ignore[no-any-return]

    def _neighbours(self, architecture: Architecture) -> tuple[int, ...]:
        place = self._places.get(architecture.text, -1)
        if place not in self._near:
            near = self._found(architecture, place)
            if place < 0:
                return near
            self._near[place] = near
        return self._near[place]

    def _found(self, architecture: Architecture, place: int) -> tuple[int, ...]:
        import numpy as np

        distances = self._distances(self.encode(architecture))
        if place >= 0:
            distances[place] = np.inf
        ones = np.flatnonzero(distances <= 2.0)  # one differing choice is two entries of a one-hot encoding
        if len(ones) < NEAREST:
            ones = np.argsort(distances, kind="stable")[: min(NEAREST, len(distances) - (place >= 0))]
        return tuple(int(i) for i in ones)
