"""The decorator `space` and the method decorator `constraint`: from a class body to a checked, frozen dataclass."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, dataclass_transform, overload

from searchitect.errors import SpaceError, did_you_mean
from searchitect.spaces.checking import check_declaration
from searchitect.spaces.declarations import (
    DECLARATIONS,
    Declaration,
    choice,
    integer,
    is_space,
    nested,
    optional,
    real,
    recursive,
    repeat,
    subset,
)

__all__ = ["Constraint", "constraint", "constraints_of", "declarations_of", "make_space", "space"]

T = TypeVar("T")
M = TypeVar("M", bound=Callable[..., bool])

MARK = "__constraint__"
RESERVED = {
    "length": "a repeat writes its own decision under this name; call the field `size`, say",
    "some": "an optional writes its content under this name",
    "build": "the method that makes the model has this name",
    "recipe": "the method that makes the training recipe has this name",
    "canonical": "the method that joins isomorphic architectures has this name",
}


@dataclass(frozen=True)
class Constraint:
    """A condition between the decisions of one space.

    Attributes:
        holds: the method; takes the typed instance.
        reads: names of the fields it reads; None for all.
        reason: first line of its docstring, else its name in words.
    """

    name: str
    holds: Callable[[Any], bool]
    reads: tuple[str, ...] | None
    reason: str


@overload
def constraint(method: M, /) -> M: ...
@overload
def constraint(*fields: str) -> Callable[[M], M]: ...
def constraint(*arguments: Any) -> Any:
    """Mark a method `(self) -> bool` of a space as a condition that every architecture fulfils.

    Its docstring is the reason in messages. `@constraint("width", "depth")` names the fields it reads (it can see no
    others then), which keeps `size` exact and sampling fast in large spaces.
    """
    if len(arguments) == 1 and callable(arguments[0]):
        setattr(arguments[0], MARK, None)
        return arguments[0]

    def mark(method: M) -> M:
        setattr(method, MARK, tuple(arguments))
        return method

    return mark


@dataclass_transform(
    frozen_default=True,
    field_specifiers=(choice, integer, real, repeat, subset, optional, nested, recursive),
)
def space(cls: type[T]) -> type[T]:
    """Make a class a search space: a frozen dataclass whose fields are decisions.

    Every field is annotated and assigned one of `choice`, `integer`, `real`, `repeat`, `subset`, `optional`, `nested`.
    Annotations are for the reader and the type checker; they are never evaluated here. A space may extend another.

    Raises:
        SpaceError: a declaration makes no sense; the message names class and field.
    """
    if not isinstance(cls, type):
        raise SpaceError(f"@space stands before a class, got {cls!r}")
    own = {name: value for name, value in vars(cls).items() if isinstance(value, Declaration)}
    annotations = _annotations(cls)
    _check_fields(cls, own, annotations)
    declared = _inherited(cls) | own
    for name, declaration in own.items():
        check_declaration(cls, name, declaration)
        delattr(cls, name)
    # The dataclass machinery would look into string annotations; it is shown none, and the originals are put back.
    cls.__annotations__ = dict.fromkeys(own, object)
    made = dataclass(frozen=True)(cls)
    cls.__annotations__ = annotations
    setattr(made, DECLARATIONS, declared)
    _check_constraints(made, declared)
    return made


def make_space(
    name: str,
    declarations: Mapping[str, Any],
    namespace: Mapping[str, Any] | None = None,
    doc: str = "",
) -> type:
    """Return the space that a class statement with these declarations would make; for spaces read from data.

    Args:
        declarations: field name to what `choice`, `repeat` … returned, in order.
        namespace: methods and other attributes, `build` above all.
    """
    body = {"__doc__": doc, "__annotations__": dict.fromkeys(declarations, object)}
    return space(type(name, (), {**body, **declarations, **(namespace or {})}))


def declarations_of(cls: type) -> Mapping[str, Declaration]:
    """Field name to declaration, in order.

    Raises:
        SpaceError: the class is not a space.
    """
    if not is_space(cls):
        name = getattr(cls, "__name__", repr(cls))
        raise SpaceError(f"expected a search space, got {name}", hint=f"put @sa.space before class {name}")
    return vars(cls)[DECLARATIONS]  # type: ignore[no-any-return]


def constraints_of(cls: type) -> tuple[Constraint, ...]:
    """The conditions declared by a space and by those it extends."""
    found: dict[str, Constraint] = {}
    for base in reversed(cls.__mro__):
        for name, method in vars(base).items():
            if inspect.isfunction(method) and hasattr(method, MARK):
                lines = (inspect.getdoc(method) or name.strip("_").replace("_", " ")).splitlines()
                found[name] = Constraint(name, method, getattr(method, MARK), lines[0].rstrip("."))
            else:
                found.pop(name, None)
    return tuple(found.values())


def _annotations(cls: type) -> dict[str, Any]:
    try:
        return dict(inspect.get_annotations(cls))
    except NameError:  # Python 3.14 evaluates them on access; a forward reference is none of our business
        import annotationlib  # type: ignore[import-not-found,unused-ignore]

        return dict(annotationlib.get_annotations(cls, format=annotationlib.Format.STRING))


def _inherited(cls: type) -> dict[str, Declaration]:
    inherited: dict[str, Declaration] = {}
    for base in reversed(cls.__mro__[1:]):
        inherited |= vars(base).get(DECLARATIONS, {})
        stray = [name for name, value in vars(base).items() if isinstance(value, Declaration)]
        if stray:
            raise SpaceError(
                f"{cls.__name__} extends {base.__name__}, whose decision {stray[0]!r} was never declared as a space",
                hint=f"put @sa.space before class {base.__name__} too",
            )
    return inherited


def _check_fields(cls: type, own: Mapping[str, Declaration], annotations: Mapping[str, Any]) -> None:
    for name in own:
        if name not in annotations:
            raise SpaceError(
                f"{cls.__name__}.{name} is a decision without an annotation",
                hint=f"write `{name}: int = sa.choice(…)`, with the type of one value",
            )
        if name in RESERVED or name.startswith("_"):
            reason = RESERVED.get(name, "names with a leading underscore are private")
            raise SpaceError(f"{cls.__name__}.{name}: a decision cannot have this name", hint=reason)
    for name, annotation in annotations.items():
        if name not in own and "ClassVar" not in str(annotation):
            raise SpaceError(
                f"{cls.__name__}.{name} is annotated but is no decision",
                hint=f"assign it sa.choice(…) and the like, or write `{name}: ClassVar[…]` for a constant",
            )


def _check_constraints(cls: type, declared: Mapping[str, Declaration]) -> None:
    for rule in constraints_of(cls):
        for name in rule.reads or ():
            if name not in declared:
                raise SpaceError(
                    f"{cls.__name__}.{rule.name}: the constraint names {name!r}, which is no field",
                    hint=did_you_mean(name, declared),
                )
