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
        self._made_distances: _Distances | None = None
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
        """Return the member nearest to a child, of those that take each decision from a parent; else a parent."""
        child = super().crossover(first, second, rng)
        if child.text in self._places:
            return child
        one, other = self.encode(first), self.encode(second)
        for place in self._distances().between(one, other, self.encode(child)):
            member = self._members[place]
            inherits = all(value in (first.get(path), second.get(path)) for path, value in member.items())
            if inherits and member not in (first, second):
                return member
        return first if first.text in self._places else self._members[self._distances().nearest(one)]

    def decode(self, vector: npt.ArrayLike) -> Architecture:
        """Return the member nearest to the architecture at a point of the unit cube."""
        wanted = super().decode(vector)
        return wanted if wanted.text in self._places else self._members[self._distances().nearest(self.encode(wanted))]

    def _neighbours(self, architecture: Architecture) -> tuple[int, ...]:
        place = self._places.get(architecture.text)
        if place is None:
            return self._distances().around(self.encode(architecture), None)
        if place not in self._near:
            self._near[place] = self._distances().around(self.encode(architecture), place)
        return self._near[place]

    def _distances(self) -> _Distances:
        """Return the encodings of all members, made when a move first needs them."""
        if self._made_distances is None:
            self._made_distances = _Distances([self.encode(member) for member in self._members])
        return self._made_distances


class _Distances:
    """How far members lie from one another: half the sum of the differences of their one-hot encodings, which is one
    for a choice that differs."""

    def __init__(self, encodings: Sequence[npt.NDArray[Any]]) -> None:
        import numpy as np

        self.vectors = np.array(encodings, dtype=np.float32)

    def to(self, vector: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Return the distance of each member to an encoding."""
        found: npt.NDArray[np.float32] = abs(self.vectors - vector.astype("float32")).sum(axis=1) / 2
        return found

    def nearest(self, vector: npt.NDArray[Any]) -> int:
        return int(self.to(vector).argmin())

    def around(self, vector: npt.NDArray[Any], own: int | None) -> tuple[int, ...]:
        """Return the neighbours of an encoding: those within one decision, or the `NEAREST` nearest."""
        import numpy as np

        distances = self.to(vector)
        if own is not None:
            distances[own] = np.inf
        found = np.flatnonzero(distances <= 1.0)
        if len(found) < NEAREST:
            found = np.argsort(distances, kind="stable")[: min(NEAREST, len(distances) - (own is not None))]
        return tuple(int(place) for place in found)

    def between(self, one: npt.NDArray[Any], other: npt.NDArray[Any], wanted: npt.NDArray[Any]) -> list[int]:
        """Return the members on the way from one encoding to the other, the nearest to `wanted` first."""
        import numpy as np

        length = abs(one - other).sum() / 2
        on_the_way = np.flatnonzero(self.to(one) + self.to(other) <= length + 1e-3)
        return sorted(on_the_way.tolist(), key=lambda place: (float(abs(self.vectors[place] - wanted).sum()), place))
