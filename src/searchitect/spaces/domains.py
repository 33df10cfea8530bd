"""Domains: the values one decision may take, and everything that concerns one value alone.

Four kinds are enough: `Options` (a list), `Range` (integers), `Span` (real numbers), `Subsets` (of a list). A tree of
decisions never looks inside a value; it asks the domain.
"""

from __future__ import annotations

import math
import random
from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate, combinations, pairwise

from searchitect.spaces.architecture import Value

__all__ = ["MUTATION_SD", "NEIGHBOUR_STEP", "Domain", "Options", "Range", "Span", "Subsets"]

MUTATION_SD = 0.1
"""Standard deviation of a mutated real number, in units of the (logarithmic) unit interval."""

NEIGHBOUR_STEP = 0.1
"""How far a neighbouring number lies, in units of the unit interval; an integer has the next ones as neighbours too."""

WIDEST_HOT_RANGE = 64
"""Integer ranges with more values than this take one column of a one-hot encoding, scaled to (0, 1]."""


class Domain(ABC):
    """The values of one decision.

    Attributes:
        count: number of values, exactly; a real number counts as one.
        finite: False for real numbers.
        default: the value of the default architecture.
        unit_width, hot_width: columns taken in the two encodings.
    """

    __slots__ = ("count", "default", "finite", "hot_width", "unit_width")

    count: int
    finite: bool
    default: Value
    unit_width: int
    hot_width: int

    @property
    def can_change(self) -> bool:
        return self.count > 1 or not self.finite

    @abstractmethod
    def draw(self, rng: random.Random) -> Value:
        """Return a value at random, following prior weights."""

    def even(self, rng: random.Random) -> Value:
        """Return a value at random, all equally likely; a real number by its own measure."""
        return self.draw(rng)

    @abstractmethod
    def other(self, value: Value, rng: random.Random) -> Value:
        """Return a different value at random. Only asked where `can_change`."""

    @abstractmethod
    def steps(self, value: Value) -> Iterator[Value]:
        """Yield the neighbouring values, none equal to `value`."""

    @abstractmethod
    def values(self) -> Iterator[Value]:
        """Yield all values; for a real number its default alone."""

    @abstractmethod
    def probability(self, value: Value) -> float:
        """Return how likely `draw` yields `value`; 1 for a real number."""

    @abstractmethod
    def normal(self, value: Value) -> Value:
        """Return the domain's own spelling of an equal value (1.0 for 1), or the value itself."""

    @abstractmethod
    def problem(self, value: Value) -> str | None:
        """Return what was expected where `value` does not belong, None where it does."""

    @abstractmethod
    def to_unit(self, value: Value) -> tuple[float, ...]:
        """Return `unit_width` numbers in 0..1; `from_unit` is the inverse."""

    @abstractmethod
    def from_unit(self, numbers: Sequence[float]) -> Value:
        """Return the value at a place of the unit cube."""

    @abstractmethod
    def to_hot(self, value: Value) -> tuple[float, ...]:
        """Return `hot_width` numbers, 0 or 1 for whatever can be listed."""


class Options(Domain):
    """A list of plain values, optionally with prior weights."""

    __slots__ = ("_cumulative", "_index", "labels", "weights")

    def __init__(self, labels: tuple[Value, ...], weights: tuple[float, ...] | None = None) -> None:
        self.labels, self.weights = labels, weights
        self.count, self.finite = len(labels), True
        self.default = labels[0]
        self.unit_width, self.hot_width = 1, len(labels)
        self._index = {label: i for i, label in enumerate(labels)}
        self._cumulative = None if weights is None else list(accumulate(weights))

    def draw(self, rng: random.Random) -> Value:
        if self._cumulative is None:
            return self.labels[int(rng.random() * self.count)]
        return self.labels[bisect_right(self._cumulative, rng.random() * self._cumulative[-1], 0, self.count - 1)]

    def even(self, rng: random.Random) -> Value:
        return self.labels[int(rng.random() * self.count)]

    def other(self, value: Value, rng: random.Random) -> Value:
        here = self._index[value]
        weights = self.weights or (1.0,) * self.count
        total = sum(weights) - weights[here]
        if self._cumulative is None or total <= 0:
            there = int(rng.random() * (self.count - 1))
            return self.labels[there + (there >= here)]
        rest = [i for i in range(self.count) if i != here]
        return self.labels[rng.choices(rest, [weights[i] for i in rest])[0]]

    def steps(self, value: Value) -> Iterator[Value]:
        here = self._index[value]
        return (label for i, label in enumerate(self.labels) if i != here)

    def values(self) -> Iterator[Value]:
        return iter(self.labels)

    def probability(self, value: Value) -> float:
        return 1 / self.count if self.weights is None else self.weights[self._index[value]] / sum(self.weights)

    def normal(self, value: Value) -> Value:
        place = self._index.get(value)
        if place is None or isinstance(value, bool) is not isinstance(self.labels[place], bool):
            return value
        return self.labels[place]

    def problem(self, value: Value) -> str | None:
        place = self._index.get(value)
        if place is not None:
            label = self.labels[place]
            if type(label) is type(value) and (type(label) is not tuple or repr(label) == repr(value)):
                return None
        return "expected one of " + ", ".join(map(repr, self.labels))

    def to_unit(self, value: Value) -> tuple[float, ...]:
        return ((self._index[value] + 0.5) / self.count,)

    def from_unit(self, numbers: Sequence[float]) -> Value:
        return self.labels[_cell(numbers[0], self.count)]

    def to_hot(self, value: Value) -> tuple[float, ...]:
        here = self._index[value]
        return tuple(float(i == here) for i in range(self.count))


class Range(Domain):
    """Integers from `low` to `high` in steps of `step`; with `log`, even on a logarithmic scale.

    On the log scale the integer v owns the interval [v - 1/2, v + 1/2].
    """

    __slots__ = ("_span", "_start", "high", "log", "low", "step")

    def __init__(self, low: int, high: int, step: int = 1, log: bool = False) -> None:
        self.low, self.high, self.step, self.log = low, high, step, log
        self.count, self.finite, self.default = (high - low) // step + 1, True, low
        self.unit_width, self.hot_width = 1, self.count if self.count <= WIDEST_HOT_RANGE else 1
        self._start = math.log(low - 0.5) if log else 0.0
        self._span = math.log(high + 0.5) - self._start if log else 0.0

    def draw(self, rng: random.Random) -> Value:
        if self.log:
            return self.from_unit((rng.random(),))
        return self.low + self.step * int(rng.random() * self.count)

    def even(self, rng: random.Random) -> Value:
        return self.low + self.step * int(rng.random() * self.count)

    def other(self, value: Value, rng: random.Random) -> Value:
        assert isinstance(value, int)
        if not self.log:
            there = self.low + self.step * int(rng.random() * (self.count - 1))
            return there + self.step * (there >= value)
        for _ in range(64):
            there = self.draw(rng)  # type: ignore[assignment]
            if there != value:
                return there
        return next(self.steps(value))

    def steps(self, value: Value) -> Iterator[Value]:
        assert isinstance(value, int)
        (place,) = self.to_unit(value)
        near = (value - self.step, value + self.step)
        far = (self._at(place - NEIGHBOUR_STEP), self._at(place + NEIGHBOUR_STEP))
        return (v for v in dict.fromkeys(near + far) if v != value and self.low <= v <= self.high)

    def values(self) -> Iterator[Value]:
        return iter(range(self.low, self.high + 1, self.step))

    def probability(self, value: Value) -> float:
        assert isinstance(value, int)
        return math.log((value + 0.5) / (value - 0.5)) / self._span if self.log else 1 / self.count

    def normal(self, value: Value) -> Value:
        return int(value) if isinstance(value, float) and value.is_integer() else value

    def problem(self, value: Value) -> str | None:
        if type(value) is int and self.low <= value <= self.high and (value - self.low) % self.step == 0:
            return None
        steps = "" if self.step == 1 else f" in steps of {self.step}"
        return f"expected an integer from {self.low} to {self.high}{steps}"

    def to_unit(self, value: Value) -> tuple[float, ...]:
        assert isinstance(value, int)
        if self.log:
            return ((math.log(value) - self._start) / self._span,)
        return (((value - self.low) // self.step + 0.5) / self.count,)

    def from_unit(self, numbers: Sequence[float]) -> Value:
        return self._at(numbers[0])

    def to_hot(self, value: Value) -> tuple[float, ...]:
        assert isinstance(value, int)
        place = (value - self.low) // self.step
        if self.hot_width == 1:
            return ((place + 1) / self.count,)
        return tuple(float(i == place) for i in range(self.count))

    def _at(self, place: float) -> int:
        if self.log:
            value = round(math.exp(self._start + min(max(place, 0.0), 1.0) * self._span))
            return min(max(value, self.low), self.high)
        return self.low + self.step * _cell(place, self.count)


class Span(Domain):
    """Real numbers from `low` to `high`, even on a linear or a logarithmic scale.

    A number is kept to about twelve significant digits, so that a place in the unit cube and a number can be turned
    into each other without loss, and a file reads well.
    """

    __slots__ = ("_digits", "_span", "_start", "high", "log", "low")

    def __init__(self, low: float, high: float, log: bool = False) -> None:
        self.low, self.high, self.log = low, high, log
        self.count, self.finite = 1, low == high
        self.unit_width, self.hot_width = 1, 1
        self._start = math.log(low) if log else low
        self._span = (math.log(high) if log else high) - self._start
        self._digits = 12 - math.ceil(math.log10(max(abs(low), abs(high)) or 1.0))
        self.default = self.from_unit((0.5,))

    def draw(self, rng: random.Random) -> Value:
        return self.from_unit((rng.random(),))

    def other(self, value: Value, rng: random.Random) -> Value:
        (place,) = self.to_unit(value)
        for _ in range(64):
            moved = place + rng.gauss(0.0, MUTATION_SD)
            if 0.0 <= moved <= 1.0 and (there := self.from_unit((moved,))) != value:
                return there
        return self.from_unit((0.0 if place >= 0.5 else 1.0,))

    def steps(self, value: Value) -> Iterator[Value]:
        (place,) = self.to_unit(value)
        near = (self.from_unit((place - NEIGHBOUR_STEP,)), self.from_unit((place + NEIGHBOUR_STEP,)))
        return (v for v in near if v != value)

    def values(self) -> Iterator[Value]:
        yield self.default

    def probability(self, value: Value) -> float:
        return 1.0

    def normal(self, value: Value) -> Value:
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not self.low <= value <= self.high:
            return value
        return self._rounded(float(value))

    def problem(self, value: Value) -> str | None:
        if type(value) is float and self.low <= value <= self.high:
            return None
        return f"expected a real number from {self.low!r} to {self.high!r}"

    def to_unit(self, value: Value) -> tuple[float, ...]:
        assert isinstance(value, float)
        if not self._span:
            return (0.5,)
        place = ((math.log(value) if self.log else value) - self._start) / self._span
        return (0.0 if value == self.low else 1.0 if value == self.high else place,)

    def from_unit(self, numbers: Sequence[float]) -> Value:
        place = numbers[0]
        if place <= 0.0:
            return self.low
        if place >= 1.0:
            return self.high
        place = self._start + place * self._span
        return self._rounded(math.exp(place) if self.log else place)

    def to_hot(self, value: Value) -> tuple[float, ...]:
        return self.to_unit(value)

    def _rounded(self, value: float) -> float:
        if value in (self.low, self.high):
            return value
        value = float(f"{value:.12g}") if self.log else round(value, self._digits) + 0.0
        return min(max(value, self.low), self.high)


class Subsets(Domain):
    """Between `low` and `high` of the options, in the order of the options. Every subset is equally likely."""

    __slots__ = ("_cumulative", "_index", "high", "labels", "low")

    def __init__(self, labels: tuple[Value, ...], low: int, high: int) -> None:
        self.labels, self.low, self.high = labels, low, high
        self._cumulative = list(accumulate(math.comb(len(labels), k) for k in range(low, high + 1)))
        self._index = {label: i for i, label in enumerate(labels)}
        self.count, self.finite = self._cumulative[-1], True
        self.default = self._named(range(low))
        self.unit_width = self.hot_width = len(labels)

    def draw(self, rng: random.Random) -> Value:
        size = self.low + bisect_right(self._cumulative, rng.randrange(self.count))
        return self._named(sorted(rng.sample(range(len(self.labels)), size)))

    def other(self, value: Value, rng: random.Random) -> Value:
        inside = self._places(value)
        outside = [i for i in range(len(self.labels)) if i not in inside]
        moves = ["add"] * (len(inside) < self.high) + ["remove"] * (len(inside) > self.low)
        moves += ["swap"] * bool(inside and outside)
        move = rng.choice(moves)
        added = {rng.choice(outside)} if move != "remove" else set()
        removed = {rng.choice(inside)} if move != "add" else set()
        return self._named(sorted(set(inside) - removed | added))

    def steps(self, value: Value) -> Iterator[Value]:
        inside = self._places(value)
        outside = [i for i in range(len(self.labels)) if i not in inside]
        if len(inside) < self.high:
            yield from (self._named(sorted([*inside, new])) for new in outside)
        for old in inside:
            rest = [i for i in inside if i != old]
            if len(inside) > self.low:
                yield self._named(rest)
            yield from (self._named(sorted([*rest, new])) for new in outside)

    def values(self) -> Iterator[Value]:
        places = range(len(self.labels))
        return (self._named(c) for k in range(self.low, self.high + 1) for c in combinations(places, k))

    def probability(self, value: Value) -> float:
        return 1 / self.count

    def normal(self, value: Value) -> Value:
        return value

    def problem(self, value: Value) -> str | None:
        if isinstance(value, tuple) and self.low <= len(value) <= self.high:
            places = [self._index.get(v, -1) for v in value]
            ordered = all(a < b for a, b in pairwise(places))
            if ordered and (not places or places[0] >= 0) and repr(value) == repr(self._named(places)):
                return None
        options = ", ".join(map(repr, self.labels))
        return f"expected {self.low} to {self.high} of ({options}), in this order"

    def to_unit(self, value: Value) -> tuple[float, ...]:
        inside = self._places(value)
        return tuple(float(i in inside) for i in range(len(self.labels)))

    def from_unit(self, numbers: Sequence[float]) -> Value:
        """Options above 1/2 are in; where these are too few or too many, the largest numbers decide."""
        wanted = min(max(sum(n > 0.5 for n in numbers), self.low), self.high)
        ranked = sorted(range(len(self.labels)), key=lambda i: -numbers[i])
        return self._named(sorted(ranked[:wanted]))

    def to_hot(self, value: Value) -> tuple[float, ...]:
        return self.to_unit(value)

    def _named(self, places: Sequence[int]) -> Value:
        return tuple(self.labels[i] for i in places)  # type: ignore[misc]

    def _places(self, value: Value) -> list[int]:
        assert isinstance(value, tuple)
        return [self._index[v] for v in value]


def _cell(place: float, count: int) -> int:
    return min(max(int(place * count), 0), count - 1)
