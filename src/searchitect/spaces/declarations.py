"""The words of the language: `choice`, `integer`, `real`, `repeat`, `subset`, `optional`, `nested`, `recursive`.

To an editor each returns the type of the value that an instance will hold; at run time each returns a small record,
which the decorator `space` takes off the class, checks, and keeps. Nothing is judged here, because a message should
name the class and the field.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal, TypeVar, overload

__all__ = [
    "DECLARATIONS",
    "UNSET",
    "Choice",
    "Declaration",
    "Integer",
    "Nested",
    "Optional",
    "Real",
    "Recursive",
    "Repeat",
    "Role",
    "Subset",
    "Unset",
    "choice",
    "integer",
    "is_space",
    "nested",
    "optional",
    "real",
    "recursive",
    "repeat",
    "subset",
]

Role = Literal["architecture", "training"]
T = TypeVar("T")
A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")
E = TypeVar("E")
F = TypeVar("F")
G = TypeVar("G")
H = TypeVar("H")


class Unset(Enum):
    """The absence of a value where None is one."""

    UNSET = "unset"


UNSET = Unset.UNSET

DECLARATIONS = "__decisions__"
"""Attribute of a space class that holds its declarations."""


def is_space(thing: object) -> bool:
    """Whether `thing` is a class that `space` has decorated itself (a plain subclass is none)."""
    return isinstance(thing, type) and DECLARATIONS in vars(thing)


@dataclass(frozen=True)
class Declaration:
    """What a field of a space was declared to be."""


@dataclass(frozen=True)
class Choice(Declaration):
    """One of several options."""

    options: tuple[Any, ...]
    weights: tuple[float, ...] | None
    role: Role
    before: object


@dataclass(frozen=True)
class Integer(Declaration):
    """An integer in a range."""

    low: int
    high: int
    step: int
    log: bool
    role: Role
    before: object


@dataclass(frozen=True)
class Real(Declaration):
    """A real number in a range."""

    low: float
    high: float
    log: bool
    role: Role
    before: object


@dataclass(frozen=True)
class Repeat(Declaration):
    """An item, several times over."""

    item: Any
    low: int
    high: int


@dataclass(frozen=True)
class Subset(Declaration):
    """Some of several options."""

    options: tuple[Any, ...]
    low: int
    high: int
    role: Role
    before: object


@dataclass(frozen=True)
class Optional(Declaration):
    """An item or nothing."""

    item: Any


@dataclass(frozen=True)
class Nested(Declaration):
    """A space inside another."""

    item: Any


@dataclass(frozen=True)
class Recursive(Declaration):
    """A space that encloses this place, by name or by a function that returns it."""

    target: Any
    depth: int

    @property
    def name(self) -> str:
        """Name of the space it stands for."""
        return self.target if isinstance(self.target, str) else str(self.target().__name__)


# The arity overloads let mypy read `pool: Max | Average = choice(Max, Average)`: one `type[T]` alone would join the
# classes to `object`.
@overload
def choice(a: type[A], /, *, weights: Sequence[float] | None = ..., role: Role = ..., before: object = ...) -> A: ...
@overload
def choice(
    a: type[A], b: type[B], /, *, weights: Sequence[float] | None = ..., role: Role = ..., before: object = ...
) -> A | B: ...
@overload
def choice(
    a: type[A],
    b: type[B],
    c: type[C],
    /,
    *,
    weights: Sequence[float] | None = ...,
    role: Role = ...,
    before: object = ...,
) -> A | B | C: ...
@overload
def choice(
    a: type[A],
    b: type[B],
    c: type[C],
    d: type[D],
    /,
    *,
    weights: Sequence[float] | None = ...,
    role: Role = ...,
    before: object = ...,
) -> A | B | C | D: ...
@overload
def choice(
    a: type[A],
    b: type[B],
    c: type[C],
    d: type[D],
    e: type[E],
    /,
    *,
    weights: Sequence[float] | None = ...,
    role: Role = ...,
    before: object = ...,
) -> A | B | C | D | E: ...
@overload
def choice(
    a: type[A],
    b: type[B],
    c: type[C],
    d: type[D],
    e: type[E],
    f: type[F],
    /,
    *,
    weights: Sequence[float] | None = ...,
    role: Role = ...,
    before: object = ...,
) -> A | B | C | D | E | F: ...
@overload
def choice(
    a: type[A],
    b: type[B],
    c: type[C],
    d: type[D],
    e: type[E],
    f: type[F],
    g: type[G],
    /,
    *,
    weights: Sequence[float] | None = ...,
    role: Role = ...,
    before: object = ...,
) -> A | B | C | D | E | F | G: ...
@overload
def choice(
    a: type[A],
    b: type[B],
    c: type[C],
    d: type[D],
    e: type[E],
    f: type[F],
    g: type[G],
    h: type[H],
    /,
    *,
    weights: Sequence[float] | None = ...,
    role: Role = ...,
    before: object = ...,
) -> A | B | C | D | E | F | G | H: ...
@overload
def choice(*options: T, weights: Sequence[float] | None = ..., role: Role = ..., before: object = ...) -> T: ...
def choice(
    *options: Any,
    weights: Sequence[float] | None = None,
    role: Role = "architecture",
    before: object = UNSET,
) -> Any:
    """Choose one of the options.

    Args:
        options: plain values (numbers, strings, booleans, None, tuples of these), classes or functions (known by
            their `__name__`), or spaces, which bring their own decisions. They may be mixed; the first is the default.
        weights: prior weights for sampling, one per option, not negative, in any scale.
        role: "training" for a field of the recipe.
        before: what every architecture had before this decision existed; see `SearchSpace.migrate`.
    """
    return Choice(options, None if weights is None else tuple(weights), role, before)


def integer(
    low: int, high: int, step: int = 1, log: bool = False, role: Role = "architecture", before: object = UNSET
) -> int:
    """Choose an integer of `low`, `low + step`, … up to `high` (both ends belong to it); the default is `low`.

    With `log`, small numbers are as likely to be doubled as large ones.
    """
    return Integer(low, high, step, log, role, before)  # type: ignore[return-value]


def real(low: float, high: float, log: bool = False, role: Role = "architecture", before: object = UNSET) -> float:
    """Choose a real number from `low` to `high`; the default is the middle (with `log`, the geometric one)."""
    return Real(low, high, log, role, before)  # type: ignore[return-value]


@overload
def repeat(item: type[T], low: int, high: int) -> tuple[T, ...]: ...
@overload
def repeat(item: T, low: int, high: int) -> tuple[T, ...]: ...
def repeat(item: Any, low: int, high: int) -> Any:
    """Choose how often, `low` to `high` times, and each element by itself. `item` is a space or any declaration."""
    return Repeat(item, low, high)


def subset(
    options: Iterable[T], low: int, high: int, role: Role = "architecture", before: object = UNSET
) -> tuple[T, ...]:
    """Choose between `low` and `high` of the options, kept in their order: wiring, augmentations, features."""
    return Subset(tuple(options), low, high, role, before)  # type: ignore[return-value]


@overload
def optional(item: type[T]) -> T | None: ...
@overload
def optional(item: T) -> T | None: ...
def optional(item: Any) -> Any:
    """Choose whether there is one at all; the default is None. `item` is a space or any declaration."""
    return Optional(item)


def nested(item: type[T]) -> T:
    """Put a space inside another; no decision of its own."""
    return Nested(item)  # type: ignore[return-value]


@overload
def recursive(target: str, depth: int) -> Any: ...
@overload
def recursive(target: Callable[[], type[T]], depth: int) -> type[T]: ...
def recursive(target: Any, depth: int) -> Any:
    """Stand for a space that encloses this place, or is defined later: a tree of blocks.

    Args:
        target: name of the space, or a function without arguments that returns it (which keeps its type).
        depth: how many of them may lie inside one another, the outermost included. At the limit the option is left
            out of a `choice`, an `optional` is absent and a `repeat` is empty.
    """
    return Recursive(target, depth)
