"""Functions of open values: what they will give, for which decisions, and how far it can go.

`Open` is what every open value is: something that depends on decisions. It says its value for given decisions, and what
values there can be at all; so does a `Call`, a function applied to several of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from searchitect.errors import SpaceError
from searchitect.spaces.architecture import Value

__all__ = [
    "MAX_CANDIDATES",
    "Call",
    "Domains",
    "Open",
    "Selection",
    "all_domains",
    "ends_of",
    "selection_of",
    "values_of",
]

MAX_CANDIDATES = 4_096
"""Different values of one decision, or of an expression of open numbers, that can be told one by one."""

MAX_COMBINATIONS = 2**20
"""Combinations of the values of a function's arguments that are tried."""

FEW = 256
"""Combinations of decisions that are tried to see whether a condition is open at all."""

Domains = Mapping[str, Sequence[Value]]
"""Decision to all of its values."""


@dataclass(slots=True)
class Selection:
    """Which value every decision has now; shared by all open values and modules of one supernet.

    Attributes:
        values: path to value of the active decisions.
        weights: path to the weights of all options, where a choice is mixed instead of decided; tensors, as a rule.
        batch_norm: "shared": one set of statistics for all widths of a layer; "per_width": one for each.
    """

    values: dict[str, Value] = field(default_factory=dict)
    weights: dict[str, Any] = field(default_factory=dict)
    batch_norm: str = "shared"


class Open:
    """Something that depends on decisions which are not made yet.

    Attributes:
        paths: the decisions.
        domains: their values, where they are known.
    """

    paths: tuple[str, ...]
    domains: Domains | None = None

    def value(self, values: Mapping[str, Value]) -> Any:
        """What it is for these decisions; a KeyError where one is missing."""
        raise NotImplementedError

    def at(self, values: Mapping[str, Value]) -> Any:
        """What it is for these decisions; something harmless where one is missing: its place is not reached."""
        raise NotImplementedError

    def every(self) -> Sequence[Any]:
        """Every value it can have."""
        return self.ends()

    def ends(self) -> Sequence[Any]:
        """The values among which its extremes are."""
        raise NotImplementedError


class Call(Open):
    """A function with arguments of which some are open."""

    def __init__(self, function: Callable[..., Any], arguments: Sequence[Any]) -> None:
        self.function, self.arguments = function, tuple(arguments)
        self.open = [a for a in arguments if isinstance(a, Open)]
        self.paths = tuple(dict.fromkeys(path for one in self.open for path in one.paths))
        self.domains = all_domains(self.open)

    @property
    def selection(self) -> Selection:
        return selection_of(self.open)

    @property
    def answers(self) -> set[bool]:
        """What a predicate can say; both where that would take long to tell."""
        if self.domains is None or math.prod(map(len, self.domains.values())) > FEW:
            return {False, True}
        return {bool(answer) for answer in self.candidates()}

    def value(self, values: Mapping[str, Value]) -> Any:
        """The result for these decisions; a KeyError where one is missing."""
        return self.function(*[a.value(values) if isinstance(a, Open) else a for a in self.arguments])

    def at(self, values: Mapping[str, Value]) -> Any:
        """The result for these decisions; a missing one counts as its argument says (the largest number …)."""
        return self.function(*[a.at(values) if isinstance(a, Open) else a for a in self.arguments])

    def candidates(self) -> Iterable[Any]:
        """Every result there can be."""
        if self.domains is not None and _few(len(values) for values in self.domains.values()):
            combinations = product(*self.domains.values())
            return {self.value(dict(zip(self.domains, each, strict=True))) for each in combinations}
        return self._results([values_of(argument) for argument in self.arguments])

    def bounds(self) -> tuple[Any, Any]:
        """The smallest and the largest result."""
        if self.domains is not None and _few(len(values) for values in self.domains.values()):
            found: Iterable[Any] = self.candidates()
        else:
            found = self._results([ends_of(argument) for argument in self.arguments])
        return min(found), max(found)

    def _results(self, each: Sequence[Sequence[Any]]) -> set[Any]:
        if math.prod(map(len, each)) > MAX_COMBINATIONS:
            raise SpaceError(
                f"{' and '.join(self.paths)}: a calculation with more than {MAX_COMBINATIONS:,} combinations",
                hint="calculate in steps of a few arguments, or fix some of the decisions (fixed={…})",
            )
        try:
            return {self.function(*arguments) for arguments in product(*each)}
        except ZeroDivisionError:
            raise SpaceError(f"{' and '.join(self.paths)}: a calculation that can divide by zero") from None


def selection_of(parts: Iterable[Any]) -> Selection:
    """The selection that open values share; a flag that asks by itself needs none."""
    return next((part.selection for part in parts if hasattr(part, "selection")), Selection())


def all_domains(parts: Iterable[Open]) -> Domains | None:
    """The values of all decisions behind some open values; None where those of one are not known."""
    found: dict[str, Sequence[Value]] = {}
    for one in parts:
        if one.domains is None:
            return None
        found.update(one.domains)
    return found


def values_of(argument: Any) -> Sequence[Any]:
    """Every value of an argument, open or not."""
    return argument.every() if isinstance(argument, Open) else (argument,)


def ends_of(argument: Any) -> Sequence[Any]:
    """The extremes of an argument, open or not."""
    return argument.ends() if isinstance(argument, Open) else (argument,)


def _few(counts: Iterable[int]) -> bool:
    return math.prod(counts) <= MAX_CANDIDATES
