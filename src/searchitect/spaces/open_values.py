"""Open values: what the fields of a space hold while its `build` runs with the decisions still open.

The same `build` makes one concrete model or a supernet that contains them all. A numeric decision becomes an
`OpenNumber` (arithmetic stays open), any other plain one an `OpenOption`, a choice among spaces an `OpenChoice` whose
`build` builds every alternative, a subset an `OpenSubset`; elements of a repeat and the content of an optional are
gated by their place. All of them read one `Selection`, which says what is active now.

Python's control flow cannot wait for a value: truth, comparison, hash, iteration, `int`, `str` and `isinstance` raise,
naming the decision and the remedy. Nothing here knows torch; what modules are made of alternatives is injected.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any, NoReturn, Protocol

from searchitect.errors import SpaceError
from searchitect.spaces.architecture import Value

__all__ = [
    "Makers",
    "OpenChoice",
    "OpenFlag",
    "OpenNumber",
    "OpenOption",
    "OpenSubset",
    "OpenValue",
    "Selection",
]

MAX_CANDIDATES = 4_096
"""Different values that an expression of open numbers may take."""

Number = int | float
Operator = Callable[[Any, Any], Number]


@dataclass(slots=True)
class Selection:
    """Which value every decision has now; shared by all open values and modules of one supernet.

    Attributes:
        values: path to value of the active decisions.
        weights: path to the weights of all options, where a choice is mixed instead of decided; tensors, as a rule.
    """

    values: dict[str, Value] = field(default_factory=dict)
    weights: dict[str, Any] = field(default_factory=dict)


class Makers(Protocol):
    """What modules are made of alternatives; the supernet room knows."""

    def mix(self, option: OpenOption, modules: Mapping[Value, Any]) -> Any:
        """Return one module for the modules of all options."""
        ...

    def gate(self, flag: OpenFlag, module: Any) -> Any:
        """Return a module that is `module` where the flag is up, and the identity where it is down."""
        ...


def _trap(what: str) -> Callable[..., NoReturn]:
    """A method that refuses, since Python wants an answer now."""

    def refuse(self: OpenValue, *arguments: object) -> NoReturn:
        self._refuse(what)

    return refuse


class OpenValue:
    """A decision, or an expression of decisions, that has no value yet.

    Attributes:
        paths: the decisions it depends on.
    """

    remedy = "build it with sa.nn, which takes open values"

    def __init__(self, selection: Selection, paths: tuple[str, ...]) -> None:
        self.selection, self.paths = selection, paths

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


class OpenFlag:
    """Whether something holds for the active architecture."""

    def __init__(self, holds: Callable[[], bool], paths: tuple[str, ...]) -> None:
        self._holds, self.paths = holds, paths

    @property
    def now(self) -> bool:
        return self._holds()

    def __bool__(self) -> bool:
        raise SpaceError(f"whether {' and '.join(self.paths)} … is open in a supernet", hint=OpenValue.remedy)


class OpenNumber(OpenValue):
    """A number that is decided later: `width * 2` stays open.

    Attributes:
        candidates: every value it can take, ascending.
    """

    remedy = "hand the number to sa.nn as it is; sa.nn.chain(count, make) repeats a layer an open number of times"

    def __init__(
        self,
        selection: Selection,
        paths: tuple[str, ...],
        value: Callable[[Mapping[str, Value]], Number],
        candidates: Sequence[Number],
    ) -> None:
        super().__init__(selection, paths)
        self._value, self.candidates = value, tuple(sorted(set(candidates)))

    @property
    def now(self) -> Number:
        """Its value for the active architecture; the largest where a decision behind it is not active."""
        values = self.selection.values
        return self._value(values) if all(path in values for path in self.paths) else self.largest

    @property
    def largest(self) -> Number:
        return self.candidates[-1]

    @property
    def smallest(self) -> Number:
        return self.candidates[0]

    def exceeds(self, bound: Number) -> OpenFlag:
        """Whether the number is larger than this; stays open."""
        return OpenFlag(lambda: self.now > bound, self.paths)

    def equals(self, number: Number) -> OpenFlag:
        """Whether the number is this; stays open."""
        return OpenFlag(lambda: self.now == number, self.paths)

    def mapped(self, function: Callable[[Number], Number]) -> OpenNumber:
        """What a function of plain numbers makes of it, such as rounding to whole blocks of channels; stays open."""
        made = tuple(function(candidate) for candidate in self.candidates)
        return OpenNumber(self.selection, self.paths, lambda values: function(self._value(values)), made)

    def _with(self, other: object, apply: Operator, swapped: bool = False) -> OpenNumber:
        if isinstance(other, (int, float)):
            known: Number = other
            other = OpenNumber(self.selection, (), lambda values: known, (known,))
        if not isinstance(other, OpenNumber):
            return NotImplemented  # type: ignore[no-any-return]
        first, second = (other, self) if swapped else (self, other)
        found = {apply(a, b) for a, b in product(first.candidates, second.candidates)}
        if len(found) > MAX_CANDIDATES:
            self._refuse(f"an expression of {len(found):,} different values")
        paths = tuple(dict.fromkeys((*first.paths, *second.paths)))
        return OpenNumber(self.selection, paths, lambda v: apply(first._value(v), second._value(v)), tuple(found))

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


class OpenOption(OpenValue):
    """One of several plain values, decided later; sa.nn builds all of them and mixes.

    Attributes:
        options: in the order of the space.
    """

    remedy = "hand it to sa.nn (sa.nn.activation(self.activation)), or make the options spaces with a build each"

    def __init__(self, selection: Selection, path: str, options: Sequence[Value]) -> None:
        super().__init__(selection, (path,))
        self.options = tuple(options)

    @property
    def path(self) -> str:
        return self.paths[0]

    @property
    def now(self) -> Value:
        """The active option; the first where the decision is not active."""
        return self.selection.values.get(self.path, self.options[0])

    def number(self, numbers: Mapping[Value, Number]) -> OpenNumber:
        """The number that belongs to the active option; stays open."""
        path = self.path
        return OpenNumber(self.selection, (path,), lambda values: numbers[values[path]], tuple(numbers.values()))

    def is_one_of(self, *options: Value) -> OpenFlag:
        """Whether the active option is one of these; stays open."""
        return OpenFlag(lambda: self.now in options, self.paths)


class OpenSubset(OpenValue):
    """Some elements of a list, decided later.

    Attributes:
        elements: all of them.
    """

    remedy = "hand it to sa.nn.merge(nodes, self.inputs)"

    def __init__(self, selection: Selection, path: str, elements: Sequence[Value]) -> None:
        super().__init__(selection, (path,))
        self.elements = tuple(elements)

    @property
    def now(self) -> tuple[Value, ...]:
        """The active elements; all where the decision is not active."""
        found = self.selection.values.get(self.paths[0], self.elements)
        return found if isinstance(found, tuple) else (found,)

    def holds(self, element: Value) -> OpenFlag:
        """Whether an element is among the active ones; stays open."""
        return OpenFlag(lambda: element in self.now, self.paths)


class OpenChoice(OpenOption):
    """A choice among spaces: calling a method, `build` above all, calls that of every alternative and mixes."""

    remedy = "give every option the same method (such as build) and call it, instead of asking which one it is"

    def __init__(
        self, selection: Selection, path: str, alternatives: Mapping[Value, Any], makers: Makers, gate: OpenFlag | None
    ) -> None:
        super().__init__(selection, path, tuple(alternatives))
        self._alternatives, self._makers, self._gate = dict(alternatives), makers, gate

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        """`isinstance` and `match` ask for it."""
        self._refuse("isinstance() or match")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        methods = {}
        for label, alternative in self._alternatives.items():
            method = getattr(alternative, name, None)
            if not callable(method):
                self._refuse(f"'.{name}', which the option {label!r} does not have as a method,")
            methods[label] = method

        option = OpenOption(self.selection, self.path, self.options)  # torch asks what it holds for its class

        def build_all(*arguments: Any, **named: Any) -> Any:
            module = self._makers.mix(option, {label: made(*arguments, **named) for label, made in methods.items()})
            return module if self._gate is None else self._makers.gate(self._gate, module)

        return build_all
