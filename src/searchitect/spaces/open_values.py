"""Open values: what the fields of a space hold while its `build` runs with the decisions still open.

The same `build` makes one concrete model or a supernet that contains them all. A numeric decision becomes an
`OpenNumber` (arithmetic stays open), any other plain one an `OpenOption`, a choice among spaces an `OpenChoice` whose
`build` builds every alternative, a subset an `OpenSubset`; elements of a repeat and the content of an optional are
gated by their place. All of them read one `Selection`, which says what is active now.

Python's control flow cannot wait for a value: truth, comparison, hash, iteration, `int`, `str` and `isinstance` raise,
naming the decision and the remedy. `calculate` and `condition` apply any function of plain values. Nothing here knows
torch; what modules are made of alternatives is injected.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, NoReturn

from searchitect.errors import SpaceError
from searchitect.spaces.architecture import Value
from searchitect.spaces.open_calls import (
    MAX_CANDIDATES,
    Call,
    Domains,
    Open,
    Selection,
    all_domains,
    ends_of,
    selection_of,
    values_of,
)

__all__ = [
    "MAX_CANDIDATES",
    "OpenFlag",
    "OpenNumber",
    "OpenOption",
    "OpenSubset",
    "OpenValue",
    "Selection",
    "calculate",
    "condition",
]

Number = int | float


def _trap(what: str) -> Callable[..., NoReturn]:
    """A method that refuses, since Python wants an answer now."""

    def refuse(self: OpenValue, *arguments: object) -> NoReturn:
        self._refuse(what)

    return refuse


class OpenValue(Open):
    """A decision, or an expression of decisions, that has no value yet; refuses whatever wants one now."""

    remedy = "build it with sa.nn, which takes open values"

    def __init__(self, selection: Selection, paths: tuple[str, ...]) -> None:
        self.selection, self.paths = selection, paths

    @property
    def now(self) -> Any:
        """What it is for the active architecture."""
        return self.at(self.selection.values)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(self.paths)})"

    def _refuse(self, what: str) -> NoReturn:
        raise SpaceError(f"{' and '.join(self.paths)} is open in a supernet: {what} needs its value", hint=self.remedy)

    __bool__ = _trap("a condition (if, and, or, not, while)")
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _trap("a comparison")
    __hash__ = _trap("looking it up in a dictionary or set")
    __iter__ = _trap("iterating over it")
    __len__ = _trap("len()")
    __contains__ = _trap("'in'")
    __getitem__ = _trap("an index")
    __int__ = __index__ = __float__ = _trap("int(), range() or a plain torch layer")
    __str__ = _trap("turning it into text")
    __format__ = _trap("turning it into text")


class OpenFlag(Open):
    """Whether something holds for the active architecture.

    Args:
        holds: asked each time; `condition` makes flags that can also be asked for other architectures.
    """

    def __init__(self, holds: Callable[[], bool], paths: tuple[str, ...]) -> None:
        self._holds, self.paths = holds, paths

    @property
    def now(self) -> bool:
        return self._holds()

    def value(self, values: Mapping[str, Value]) -> bool:
        """Whether it holds for these decisions."""
        return self._holds()

    def at(self, values: Mapping[str, Value]) -> bool:
        """Whether it holds for these decisions."""
        return self.value(values)

    def ends(self) -> Sequence[bool]:
        return (False, True)

    def number(self, number: Any, otherwise: Any) -> OpenNumber:
        """A number where it holds, another where it does not; stays open."""
        return _picked(self, {True: number, False: otherwise})

    def __bool__(self) -> bool:
        raise SpaceError(
            f"whether {' and '.join(self.paths)} … is open in a supernet",
            hint="sa.nn.when(condition, make) makes a module where a condition holds",
        )


class _Condition(OpenFlag):
    """A predicate of open values."""

    def __init__(self, selection: Selection, call: Call) -> None:
        super().__init__(lambda: self.value(selection.values), call.paths)
        self.selection, self._call, self.domains = selection, call, call.domains

    def value(self, values: Mapping[str, Value]) -> bool:
        return bool(self._call.at(values))


class OpenNumber(OpenValue):
    """A number that is decided later: `width * 2` stays open.

    Args:
        value: decisions to the number.
        candidates: every value it can take; or a function that tells when somebody asks.
    """

    remedy = (
        "hand the number to sa.nn as it is; sa.nn.chain(count, make) repeats a layer an open number of times, "
        "sa.nn.calculate(function, …) computes with it, sa.nn.when(self.NAME.exceeds(8), make) makes a part above 8"
    )

    def __init__(
        self,
        selection: Selection,
        paths: tuple[str, ...],
        value: Callable[[Mapping[str, Value]], Number],
        candidates: Sequence[Number] | Callable[[], Iterable[Number]],
        *,
        domains: Domains | None = None,
        bounds: Callable[[], tuple[Number, Number]] | None = None,
    ) -> None:
        super().__init__(selection, paths)
        self._value, self._told, self.domains, self._ends = value, candidates, domains, bounds

    @cached_property
    def candidates(self) -> tuple[Number, ...]:
        """Every value it can take, ascending.

        Raises:
            SpaceError: there are more than 4,096.
        """
        found = set(self._told() if callable(self._told) else self._told)
        if len(found) > MAX_CANDIDATES:
            self._refuse(f"an expression of {len(found):,} different values")
        return tuple(sorted(found))

    def value(self, values: Mapping[str, Value]) -> Number:
        return self._value(values)

    def every(self) -> Sequence[Number]:
        return self.candidates

    def ends(self) -> Sequence[Number]:
        return self._bounds

    def at(self, values: Mapping[str, Value]) -> Number:
        """What it is for these decisions; the largest where one of them is missing."""
        try:
            return self._value(values)
        except KeyError:
            return self.largest

    @cached_property
    def _bounds(self) -> tuple[Number, Number]:
        return (self.candidates[0], self.candidates[-1]) if self._ends is None else self._ends()

    @property
    def largest(self) -> Number:
        return self._bounds[1]

    @property
    def smallest(self) -> Number:
        return self._bounds[0]

    def exceeds(self, bound: Number) -> OpenFlag:
        """Whether the number is larger than this; stays open."""
        return _flag(operator.gt, self, bound)

    def equals(self, number: Number) -> OpenFlag:
        """Whether the number is this; stays open."""
        return _flag(operator.eq, self, number)

    def mapped(self, function: Callable[[Number], Number]) -> OpenNumber:
        """What a function of plain numbers makes of it, such as rounding to whole blocks of channels; stays open."""
        made: OpenNumber = calculate(function, self)
        return made

    def _with(self, other: object, apply: Callable[[Any, Any], Number], swapped: bool = False) -> OpenNumber:
        if not isinstance(other, (int, float, OpenNumber)):
            return NotImplemented  # type: ignore[no-any-return]
        made: OpenNumber = calculate(apply, *((other, self) if swapped else (self, other)))
        return made

    def __add__(self, other: object) -> OpenNumber:
        return self._with(other, operator.add)

    def __radd__(self, other: object) -> OpenNumber:
        return self._with(other, operator.add, swapped=True)

    def __sub__(self, other: object) -> OpenNumber:
        return self._with(other, operator.sub)

    def __rsub__(self, other: object) -> OpenNumber:
        return self._with(other, operator.sub, swapped=True)

    def __mul__(self, other: object) -> OpenNumber:
        return self._with(other, operator.mul)

    def __rmul__(self, other: object) -> OpenNumber:
        return self._with(other, operator.mul, swapped=True)

    def __floordiv__(self, other: object) -> OpenNumber:
        return self._with(other, operator.floordiv)

    def __truediv__(self, other: object) -> OpenNumber:
        return self._with(other, operator.truediv)

    def __mod__(self, other: object) -> OpenNumber:
        return self._with(other, operator.mod)

    def __neg__(self) -> Any:
        return self.mapped(operator.neg)

    def __round__(self, digits: int | None = None) -> Any:
        return self.mapped(lambda number: round(number, digits))


class OpenOption(OpenValue):
    """One of several plain values, decided later; sa.nn builds all of them and mixes.

    Attributes:
        options: in the order of the space.
    """

    remedy = (
        "hand it to sa.nn (sa.nn.activation(self.activation)); sa.nn.choose(self.NAME, {option: make, …}) takes any "
        "modules, sa.nn.number_for(self.NAME, {option: number, …}) a number; or make the options spaces "
        "with a build each"
    )

    def __init__(self, selection: Selection, path: str, options: Sequence[Value]) -> None:
        super().__init__(selection, (path,))
        self.options = tuple(options)
        self.domains = {path: self.options}

    @property
    def path(self) -> str:
        return self.paths[0]

    def ends(self) -> Sequence[Value]:
        return self.options

    def at(self, values: Mapping[str, Value]) -> Value:
        """The option that is chosen; the first where the decision is missing."""
        return values.get(self.path, self.options[0])

    def value(self, values: Mapping[str, Value]) -> Value:
        return values[self.path]

    def number(self, numbers: Mapping[Value, Any]) -> OpenNumber:
        """The number that belongs to the active option, which may be open itself; stays open."""
        for option in self.options:
            if option not in numbers:
                raise SpaceError(f"{self.path}: no number is given for its option {option!r}")
        return _picked(self, {option: numbers[option] for option in self.options})

    def is_one_of(self, *options: Value) -> OpenFlag:
        """Whether the active option is one of these; stays open."""
        return _flag(lambda option: option in options, self)


class OpenSubset(OpenValue):
    """Some elements of a list, decided later.

    Attributes:
        elements: all of them.
    """

    remedy = "hand it to sa.nn.merge(nodes, self.inputs)"

    def __init__(
        self,
        selection: Selection,
        path: str,
        elements: Sequence[Value],
        chosen: Callable[[tuple[Value, ...]], tuple[Any, ...]] | None = None,
    ) -> None:
        super().__init__(selection, (path,))
        self.elements, self._chosen = tuple(elements), chosen

    @property
    def path(self) -> str:
        return self.paths[0]

    def ends(self) -> Sequence[Any]:
        return (self.all,)

    def at(self, values: Mapping[str, Value]) -> tuple[Any, ...]:
        """The chosen elements; all where the decision is missing."""
        return self.value(values) if self.path in values else self.all

    @property
    def all(self) -> tuple[Any, ...]:
        """All elements."""
        return self.elements if self._chosen is None else self._chosen(self.elements)

    def value(self, values: Mapping[str, Value]) -> tuple[Any, ...]:
        found = values[self.path]
        plain = found if isinstance(found, tuple) else (found,)
        return plain if self._chosen is None else self._chosen(plain)

    def mapped(self, function: Callable[[tuple[Any, ...]], tuple[Any, ...]]) -> OpenSubset:
        """What a function makes of the active elements, such as other positions; stays open."""
        before = self._chosen
        after = function if before is None else lambda plain: function(before(plain))
        return OpenSubset(self.selection, self.path, self.elements, after)

    def holds(self, element: Value) -> OpenFlag:
        """Whether an element is among the active ones; stays open."""
        return _flag(lambda now: element in now, self)


def calculate(function: Callable[..., Any], *arguments: Any) -> Any:
    """`function(*arguments)`; where an argument is open, the number that it will be.

    The way to compute what operators cannot: `calculate(max, self.width, 8)`. Arguments may be numbers, options,
    subsets and flags. How far the number can go is told by all combinations of the decisions behind it where there are
    at most 4,096, by those of the arguments' ends otherwise (exact for functions that only rise or fall in each).
    """
    call = Call(function, arguments)
    if not call.open:
        return function(*arguments)
    return OpenNumber(call.selection, call.paths, call.value, call.candidates, domains=call.domains, bounds=call.bounds)


def condition(predicate: Callable[..., bool], *arguments: Any) -> Any:
    """Whether `predicate(*arguments)` holds; a flag, which `sa.nn.when` takes, where that is open.

    A condition that all of at most 256 combinations of decisions answer alike is not open.
    """
    call = Call(predicate, arguments)
    if not call.open:
        return bool(predicate(*arguments))
    answers = call.answers
    return _Condition(call.selection, call) if len(answers) > 1 else answers.pop()


def _flag(predicate: Callable[..., bool], *arguments: Any) -> OpenFlag:
    call = Call(predicate, arguments)
    return _Condition(call.selection, call)


def _picked(by: OpenFlag | OpenOption, numbers: Mapping[Any, Any]) -> OpenNumber:
    """One of several numbers; only the one that counts needs its decisions."""

    def value(values: Mapping[str, Value]) -> Number:
        chosen = numbers[by.value(values)]
        found: Number = chosen.value(values) if isinstance(chosen, OpenValue) else chosen
        return found

    parts = [part for part in (by, *numbers.values()) if isinstance(part, Open)]
    ends = [end for number in numbers.values() for end in ends_of(number)]
    return OpenNumber(
        selection_of(parts),
        tuple(dict.fromkeys(path for part in parts for path in part.paths)),
        value,
        lambda: [candidate for number in numbers.values() for candidate in values_of(number)],
        domains=all_domains(parts),
        bounds=lambda: (min(ends), max(ends)),
    )
