"""The architectures that share the weights of one supernet: those of its space that agree with what is fixed."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import TYPE_CHECKING, Literal

from searchitect.errors import SpaceError
from searchitect.nn.mixed import Mixed
from searchitect.seeding import stream
from searchitect.spaces import Architecture, SearchSpace, Value
from searchitect.spaces.forms import Choose, DecisionForm

if TYPE_CHECKING:
    from searchitect.supernet.open_build import Supernet

__all__ = ["End", "Members", "Uniform", "has_order", "is_number", "members_of"]

Uniform = Literal["decisions", "architectures"]
End = Literal["smallest", "largest"]

LONGEST_LIST = 4_096
"""Values of one decision that are put in order."""

ATTEMPTS = 200
"""Draws before the space itself is asked for what satisfies its constraints."""


@dataclass(frozen=True, eq=False)
class Members:
    """What may be trained.

    Attributes:
        fixed: path to value of the decisions that are not shared.
        weights: path to option to the number of weights it brings, where options are modules; it says which option is
            the largest where that is no number.
    """

    space: SearchSpace
    fixed: Mapping[str, Value] = field(default_factory=dict)
    weights: Mapping[str, Mapping[Value, int]] = field(default_factory=dict)

    def decide(self, choose: Choose) -> Architecture:
        """The architecture that `choose` decides where nothing is fixed; constraints are not tested."""
        return self.space.decide(lambda path, d: self.fixed[path] if path in self.fixed else choose(path, d))

    def holds(self, architecture: Architecture) -> bool:
        """Whether all constraints hold, and it agrees with what is fixed."""
        return self.space.contains(architecture) and all(
            architecture[path] == value for path, value in self.fixed.items() if path in architecture
        )

    def sample(self, rng: random.Random, over: Uniform = "decisions") -> Architecture:
        """Draw one at random: evenly over the options of each decision in turn, or over all architectures.

        Prior weights do not count: they say what people prefer, while all options need training.

        Raises:
            SpaceError: none was found that satisfies the constraints beside what is fixed.
        """

        def drawn() -> Architecture:
            whole = self.space.sample(rng, "architectures") if over == "architectures" else None
            return self.decide(lambda path, d: _value(whole, path, d, rng))

        found = self._first_valid(drawn() for _ in range(ATTEMPTS))
        # The space lists what satisfies its constraints where draws rarely do.
        return found or self._required(self.around(self.space.sample(rng), rng) for _ in range(ATTEMPTS))

    @cached_property
    def largest(self) -> Architecture:
        """Every decision at its largest value: most channels, longest repeat, the option with the most weights."""
        return self.extreme("largest")

    @cached_property
    def smallest(self) -> Architecture:
        """Every decision at its smallest value."""
        return self.extreme("smallest")

    def extreme(self, end: End, words: Choose | None = None) -> Architecture:
        """The architecture at one end of every decision, or as near to it as the constraints allow.

        Args:
            words: decides what has no order; None goes by the weights of the options.
        """

        def choose(path: str, decision: DecisionForm) -> Value:
            if words is not None and not has_order(decision):
                return words(path, decision)
            return self.by_size(path, decision)[0 if end == "smallest" else -1]

        wanted = self.decide(choose)
        return wanted if self.holds(wanted) else self._towards(choose, end)

    def by_size(self, path: str, decision: DecisionForm) -> list[Value]:
        """The values of a decision, the smallest first; words without weights of their own keep their order.

        Of a list too long to go through there are the first and the last.
        """
        weights, domain = self.weights.get(path, {}), decision.domain
        if not domain.finite or domain.count > LONGEST_LIST:
            return [domain.from_unit((end,) * domain.unit_width) for end in (0.0, 1.0)]
        return sorted(domain.values(), key=lambda value: (_magnitude(value), weights.get(value, 0)))

    def _towards(self, choose: Choose, end: End) -> Architecture:
        """From a valid architecture one decision after the other, as far as the constraints allow."""
        best = self.sample(stream(0, "extreme"))
        for _ in range(2):  # what a decision leaves room for, an earlier one may take
            for path in list(best.decisions):
                if path in best:
                    best = self._moved(best, path, choose, end)
        return best

    def _moved(self, base: Architecture, path: str, choose: Choose, end: End) -> Architecture:
        forms: dict[str, DecisionForm] = {}

        def note(p: str, d: DecisionForm) -> Value:
            forms[p] = d
            return base[p]

        def put(value: Value, p: str, d: DecisionForm) -> Value:
            return value if p == path else base[p] if p in base else choose(p, d)

        self.space.decide(note)
        wanted, ordered = choose(path, forms[path]), self.by_size(path, forms[path])
        for value in (wanted, *(ordered if end == "smallest" else reversed(ordered))):
            if value == base[path]:
                break
            found = self.decide(partial(put, value))
            if self.holds(found):
                return found
        return base

    def around(self, architecture: Architecture, rng: random.Random) -> Architecture:
        """The architecture with what is fixed put right; constraints are not tested."""
        return self.decide(lambda path, d: _value(architecture, path, d, rng))

    def _first_valid(self, architectures: Iterable[Architecture]) -> Architecture | None:
        return next((architecture for architecture in architectures if self.space.contains(architecture)), None)

    def _required(self, architectures: Iterable[Architecture]) -> Architecture:
        found = self._first_valid(architectures)
        if found is None:
            values = ", ".join(f"{path}={value!r}" for path, value in self.fixed.items())
            raise SpaceError(
                f"{self.space.name}: found no architecture that keeps all constraints and has {values}",
                hint="fix fewer decisions, or other values",
            )
        return found


def members_of(supernet: Supernet) -> Members:
    """Return the members of a supernet; options that are modules are ordered by how many weights they have."""
    weights: dict[str, dict[Value, int]] = {}
    for mixed in supernet.modules():
        if isinstance(mixed, Mixed):
            sizes = weights.setdefault(mixed.option.path, {})
            for label, place in mixed.places.items():
                own = sum(parameter.numel() for parameter in mixed.operations[place].parameters())
                sizes[label] = sizes.get(label, 0) + own
    return Members(supernet.space, supernet.fixed, weights)


def has_order(decision: DecisionForm) -> bool:
    """Whether the values of a decision contain each other: numbers, lengths, subsets, presence; words do not."""
    if decision.kind != "choice":
        return True
    return not decision.all_branches() and all(map(is_number, decision.domain.values()))


def is_number(value: Value) -> bool:
    """Whether a value is a number; a flag is a word."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _value(source: Architecture | None, path: str, decision: DecisionForm, rng: random.Random) -> Value:
    if source is not None and path in source:
        return source[path]
    return decision.domain.even(rng)


def _magnitude(value: Value) -> float:
    """Numbers by their size, subsets by theirs."""
    return float(value) if isinstance(value, (int, float)) else float(len(value)) if isinstance(value, tuple) else 0.0
