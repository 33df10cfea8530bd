"""An architecture as a sequence of categorical draws: what a policy decides and is scored by.

Whatever its domain, a decision becomes one or more draws from short lists. A list, or up to 64 integers, is one draw;
a real number or a longer integer range is a draw among 16 bins, even within the bin; one of many subsets is
built element by element. An inactive decision has no step at all, which is the mask that conditionals need. Before
anything is learned the draws follow the prior of the space.
"""

from __future__ import annotations

import math
import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from searchitect.spaces.architecture import Architecture, Value
from searchitect.spaces.domains import Domain, Options, Range, Span, Subsets
from searchitect.spaces.forms import DecisionForm
from searchitect.spaces.search_space import SearchSpace

__all__ = ["BINS", "Pick", "Step", "Steps"]

BINS = 16
"""Parts of the unit interval among which a real number or a long integer range is drawn."""

LONGEST_LIST = 64
"""Most integers or subsets that are listed one by one."""

TRIES = 8
"""Draws within a bin until the value also reads as of this bin; rounding moves some integers over its border."""


@dataclass(frozen=True, slots=True)
class Step:
    """One categorical draw.

    Attributes:
        name: path of the decision; for an element of a subset also its place and how many were taken before it.
        prior: logarithm of the probability of each value before learning; -inf where it can never be drawn.
    """

    name: str
    prior: tuple[float, ...]


Pick = Callable[[Step], int]
"""Draws the place of a value in a step's list."""

Picked = list[tuple[Step, int]]


class Steps:
    """Draws architectures of a space by picks, and reads the picks of a given one. Holds caches only."""

    def __init__(self, space: SearchSpace) -> None:
        self._space = space
        self._heads: dict[str, _Head] = {}
        self._tables: dict[int, _Table] = {}  # by identity: the space keeps its domains as long as it lives

    def draw(self, pick: Pick, rng: random.Random) -> Architecture:
        """Return the architecture that `pick` decides; conditions between decisions are not tested."""
        return self._space.decide(lambda path, decision: self._head(path, decision).draw(pick, rng))

    def read(self, architecture: Architecture) -> Picked:
        """Return all steps of an architecture, in the order of the space, each with the place of its value."""
        heads = self._heads
        try:
            return [step for path, value in architecture.items() for step in heads[path].read(value)]
        except KeyError:  # paths that were never met: walk the tree once, which names their domains
            self._space.decide(lambda path, decision: self._known(path, decision, architecture[path]))
            return [step for path, value in architecture.items() for step in heads[path].read(value)]

    def _known(self, path: str, decision: DecisionForm, value: Value) -> Value:
        self._head(path, decision)
        return value

    def _head(self, path: str, decision: DecisionForm) -> _Head:
        head = self._heads.get(path)
        if head is None:
            head = self._heads[path] = self._made(path, decision.domain)
        return head

    def _made(self, path: str, domain: Domain) -> _Head:
        if isinstance(domain, Options) or (domain.finite and domain.count <= LONGEST_LIST):
            if id(domain) not in self._tables:
                self._tables[id(domain)] = _table_of(domain)
            return _Listed(path, self._tables[id(domain)])
        if isinstance(domain, Subsets):
            return _Members(path, domain)
        assert isinstance(domain, (Range, Span))
        return _Binned(path, domain)


class _Head(ABC):
    """The draws of one decision."""

    @abstractmethod
    def draw(self, pick: Pick, rng: random.Random) -> Value: ...

    @abstractmethod
    def read(self, value: Value) -> Picked: ...


@dataclass(frozen=True, slots=True)
class _Table:
    """The values of a domain; all places of a recursive space that have this domain share it."""

    values: tuple[Value, ...]
    prior: tuple[float, ...]
    places: dict[Value, int]


class _Listed(_Head):
    """One draw among all values."""

    def __init__(self, path: str, table: _Table) -> None:
        self._table, self._step = table, Step(path, table.prior)

    def draw(self, pick: Pick, rng: random.Random) -> Value:
        return self._table.values[pick(self._step)]

    def read(self, value: Value) -> Picked:
        return [(self._step, self._table.places[value])]


class _Binned(_Head):
    """One draw among the bins of the unit interval; the place within the bin is not learned."""

    def __init__(self, path: str, domain: Domain) -> None:
        self._domain = domain
        # On a logarithmic scale the first integers are far apart: a bin without any is never drawn.
        self._samples = [self._sample(place) for place in range(BINS)]
        used = sum(sample is not None for sample in self._samples)
        self._step = Step(path, tuple(-math.inf if s is None else -math.log(used) for s in self._samples))

    def draw(self, pick: Pick, rng: random.Random) -> Value:
        place = pick(self._step)
        for _ in range(TRIES):
            value = self._domain.from_unit(((place + rng.random()) / BINS,))
            if self._place(value) == place:
                return value
        return self._samples[place]

    def read(self, value: Value) -> Picked:
        return [(self._step, self._place(value))]

    def _place(self, value: Value) -> int:
        (place,) = self._domain.to_unit(value)
        return min(max(int(place * BINS), 0), BINS - 1)

    def _sample(self, place: int) -> Value:
        """Some value that reads as of this bin, or None."""
        values = (self._domain.from_unit(((place + (i + 0.5) / 32) / BINS,)) for i in range(32))
        return next((value for value in values if self._place(value) == place), None)


class _Members(_Head):
    """In or out, element by element; a count that is met or cannot be missed leaves nothing to draw.

    The prior of each draw is the share of the subsets that follow it, so that unlearned subsets are equally likely.
    """

    def __init__(self, path: str, domain: Subsets) -> None:
        self._path, self._domain = path, domain
        self._steps: dict[tuple[int, int], Step] = {}

    def draw(self, pick: Pick, rng: random.Random) -> Value:
        taken: list[Value] = []
        for place, label in enumerate(self._domain.labels):
            step = self._step(place, len(taken))
            if pick(step) if len(step.prior) > 1 else self._ways(place + 1, len(taken) + 1):
                taken.append(label)
        return tuple(taken)  # type: ignore[arg-type]

    def read(self, value: Value) -> Picked:
        return list(self._read(value))

    def _read(self, value: Value) -> Iterator[tuple[Step, int]]:
        assert isinstance(value, tuple)
        inside, taken = set(value), 0
        for place, label in enumerate(self._domain.labels):
            step = self._step(place, taken)
            if len(step.prior) > 1:
                yield step, int(label in inside)
            taken += label in inside

    def _step(self, place: int, taken: int) -> Step:
        step = self._steps.get((place, taken))
        if step is None:
            out, inside = self._ways(place + 1, taken), self._ways(place + 1, taken + 1)
            total = math.log(out + inside)
            prior = (math.log(out) - total, math.log(inside) - total) if out and inside else (0.0,)
            step = self._steps[place, taken] = Step(f"{self._path}[{place}|{taken}]", prior)
        return step

    def _ways(self, place: int, taken: int) -> int:
        """How many subsets go on from here: `taken` elements among the first `place`."""
        left = len(self._domain.labels) - place
        low, high = max(0, self._domain.low - taken), self._domain.high - taken
        return sum(math.comb(left, more) for more in range(low, min(left, high) + 1))


def _table_of(domain: Domain) -> _Table:
    values = tuple(domain.values())
    prior = tuple([_log(domain.probability(value)) for value in values])
    return _Table(values, prior, {value: place for place, value in enumerate(values)})


def _log(probability: float) -> float:
    return math.log(probability) if probability > 0 else -math.inf
