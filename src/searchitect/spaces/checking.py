"""What is wrong with a declaration, said at decoration time with the class and the field."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal, get_args, get_origin, get_type_hints

from searchitect.errors import SpaceError, did_you_mean
from searchitect.spaces.architecture import Value
from searchitect.spaces.declarations import (
    UNSET,
    Choice,
    Declaration,
    Integer,
    Nested,
    Optional,
    Real,
    Recursive,
    Repeat,
    Subset,
    is_space,
)
from searchitect.spaces.domains import Domain, Options, Range, Span, Subsets
from searchitect.spaces.recipe import Recipe

__all__ = ["check_declaration", "domain_of", "label_of"]

MAX_INTEGERS = 2**48
"""Largest number of values of an integer range: beyond it a float of the unit cube cannot tell two neighbours apart."""

MAX_LENGTH = 1_000
"""Largest length of a repeat."""

MAX_DEPTH = 100
"""Largest depth of a recursion; Python's own stack ends not far beyond."""


def check_declaration(cls: type, name: str, declaration: Declaration) -> None:
    """Check one field of a space, items inside included.

    Raises:
        SpaceError: with the class, the field, what was expected and what to type.
    """

    def wrong(message: str, hint: str | None = None) -> SpaceError:
        return SpaceError(f"{cls.__name__}.{name}: {message}", hint=hint)

    _check(declaration, wrong)
    if getattr(declaration, "role", "architecture") == "training" and not hasattr(cls, "recipe"):
        _check_training(name, declaration, wrong)


Wrong = Callable[..., SpaceError]


def _check(declaration: object, wrong: Wrong) -> None:
    role = getattr(declaration, "role", "architecture")
    if role not in ("architecture", "training"):
        raise wrong(f"role is 'architecture' or 'training', got {role!r}")
    match declaration:
        case Choice():
            _check_options(declaration.options, wrong)
            _check_weights(declaration, wrong)
        case Integer() | Real():
            _check_numbers(declaration, wrong)
        case Subset():
            _check_subset(declaration, wrong)
        case Repeat(item, low, high):
            if not _is_integer(low) or not _is_integer(high) or not 0 <= low <= high <= MAX_LENGTH or high == 0:
                raise wrong(f"repeat takes lengths 0 <= low <= high <= {MAX_LENGTH}, got {low!r} to {high!r}")
            _check_item(item, wrong)
        case Optional(item):
            _check_item(item, wrong)
            if isinstance(item, Optional) or (
                isinstance(item, Choice) and any(option is None for option in item.options)
            ):
                raise wrong("the item of an optional can itself be None", "one None cannot be told from the other")
        case Nested(item):
            if not is_space(item) and not isinstance(item, Recursive):
                raise wrong(f"nested takes a space, got {_spelled(item)}", _space_hint(item))
        case Recursive(target, depth):
            if not _is_integer(depth) or not 1 <= depth <= MAX_DEPTH:
                raise wrong(f"recursive takes a depth of at least 1 and at most {MAX_DEPTH}, got {depth!r}")
            if not isinstance(target, str) and (isinstance(target, type) or not callable(target)):
                raise wrong(f"recursive takes the name of a space or a lambda, got {_spelled(target)}")
    if getattr(declaration, "before", UNSET) is not UNSET:
        _check_before(declaration, wrong)


def _check_item(item: object, wrong: Wrong) -> None:
    if isinstance(item, Declaration):
        if getattr(item, "role", "architecture") == "training":
            raise wrong("a training decision cannot stand inside another declaration", "give it a field of its own")
        _check(item, wrong)
    elif not is_space(item):
        raise wrong(f"expected a space or a declaration as item, got {_spelled(item)}", _space_hint(item))


def _check_options(options: Sequence[Any], wrong: Wrong) -> None:
    if not options:
        raise wrong("a choice needs at least one option")
    seen: dict[Any, Any] = {}
    for option in options:
        if isinstance(option, Recursive):
            _check(option, wrong)
            if not isinstance(option.target, str):
                continue  # what the function returns is known when the space is compiled
        elif isinstance(option, Declaration):
            kind = type(option).__name__.lower()
            raise wrong(f"an option cannot be a bare {kind}(…)", "put it into a space of its own, whose name labels it")
        label = _label(option, wrong)
        if label in seen:
            same = "" if repr(seen[label]) == repr(option) else f" (in Python {seen[label]!r} == {label!r})"
            raise wrong(f"option {label!r} stands twice{same}", "name every option once")
        seen[label] = option


def _label(option: object, wrong: Wrong) -> Value:
    try:
        return label_of(option)
    except SpaceError as error:
        raise wrong(error.message, error.hint) from None


def label_of(option: object) -> Value:
    """Return how an option is written in an architecture.

    Raises:
        SpaceError: it is neither a plain value nor something with a name.
    """
    if isinstance(option, Recursive):
        return option.name
    if isinstance(option, tuple):
        if all(_is_scalar(v) for v in option):
            return option
        raise SpaceError(f"a tuple as option holds plain values only, got {_spelled(option)}")
    if _is_scalar(option):
        return option  # type: ignore[return-value]
    name = getattr(option, "__name__", None)
    if isinstance(name, str) and name.isidentifier() and callable(option):
        return name
    hint = "write a tuple" if isinstance(option, list) else "use a plain value, a named function, a class or a space"
    raise SpaceError(f"{_spelled(option)} cannot be an option", hint=hint)


def _check_weights(declaration: Choice, wrong: Wrong) -> None:
    weights = declaration.weights
    if weights is None:
        return
    if len(weights) != len(declaration.options):
        raise wrong(f"expected one weight per option ({len(declaration.options)}), got {len(weights)}")
    fine = all(_is_number(w) and math.isfinite(w) and w >= 0 for w in weights)
    if not fine or sum(weights) <= 0:
        raise wrong(f"weights are finite, not negative and not all zero, got {weights!r}")


def _check_numbers(declaration: Integer | Real, wrong: Wrong) -> None:
    low, high = declaration.low, declaration.high
    kind = "integer" if isinstance(declaration, Integer) else "real"
    for bound in (low, high):
        if not (_is_integer(bound) if kind == "integer" else _is_number(bound) and math.isfinite(bound)):
            raise wrong(f"{kind} takes finite {kind} bounds, got {bound!r}")
    if low > high:
        raise wrong(f"low is above high ({low!r} > {high!r})", f"write sa.{kind}({high!r}, {low!r})")
    if declaration.log and low <= 0:
        raise wrong(f"a log scale starts above 0, got low={low!r}")
    if isinstance(declaration, Integer):
        if not _is_integer(declaration.step) or declaration.step < 1:
            raise wrong(f"step is a positive integer, got {declaration.step!r}")
        if declaration.log and declaration.step != 1:
            raise wrong("log and step cannot be combined", "list the values with sa.choice(…)")
        if (high - low) // declaration.step >= MAX_INTEGERS:
            raise wrong(f"an integer range holds at most 2**48 values, got {low} to {high}")
    elif math.isinf(float(high) - float(low)):
        raise wrong(f"the range from {low!r} to {high!r} is too wide", "use log=True or smaller bounds")


def _check_subset(declaration: Subset, wrong: Wrong) -> None:
    options, low, high = declaration.options, declaration.low, declaration.high
    if any(is_space(option) for option in options):
        raise wrong("the options of a subset are plain values", "use one sa.optional(Space) per space")
    _check_options(options, wrong)
    if any(isinstance(option, (tuple, Recursive)) for option in options):
        raise wrong("the options of a subset are single values, not tuples")
    if not _is_integer(low) or not _is_integer(high) or not 0 <= low <= high <= len(options):
        raise wrong(f"subset of {len(options)} options takes 0 <= low <= high <= {len(options)}, got {low!r}, {high!r}")


def _check_before(declaration: object, wrong: Wrong) -> None:
    domain = domain_of(declaration)
    before = declaration.before  # type: ignore[attr-defined]
    before = tuple(map(label_of, before)) if isinstance(declaration, Subset) else label_of(before)
    problem = domain.problem(domain.normal(before))
    if problem:
        raise wrong(f"before={before!r} is not one of its values: {problem}")


def _check_training(name: str, declaration: object, wrong: Wrong) -> None:
    if name not in Recipe.names():
        raise wrong(
            f"a training decision fills the field of its name in the recipe, which has no {name!r}",
            did_you_mean(name, Recipe.names()) + " Or define `def recipe(self) -> sa.Recipe`.",
        )
    if isinstance(declaration, Choice) and any(is_space(option) for option in declaration.options):
        raise wrong("a training decision has plain values", "define `def recipe(self) -> sa.Recipe` to use spaces")
    hint = get_type_hints(Recipe)[name]
    if isinstance(declaration, Choice) and get_origin(hint) is Literal:
        for option in declaration.options:
            if option not in get_args(hint):
                raise wrong(f"the recipe knows no {name} {option!r}", did_you_mean(str(option), get_args(hint)))


def domain_of(declaration: object, skipped: Iterable[int] = ()) -> Domain:
    """Return the values of a declaration's own decision.

    Args:
        skipped: places of the options of a choice that are left out (recursion at its limit).
    """
    match declaration:
        case Choice(options, weights):
            kept = [i for i in range(len(options)) if i not in set(skipped)]
            prior = None if weights is None else tuple(float(weights[i]) for i in kept)
            return Options(tuple(label_of(options[i]) for i in kept), prior)
        case Integer(low, high, step, log):
            return Range(low, high, step, log)
        case Real(low, high, log):
            return Span(float(low), float(high), log)
        case Subset(options, low, high):
            return Subsets(tuple(label_of(option) for option in options), low, high)
        case Repeat(_, low, high):
            return Range(low, high)
        case _:
            return Options((False, True))


def _space_hint(item: object) -> str | None:
    return f"put @sa.space before class {item.__name__}" if isinstance(item, type) else None


def _is_scalar(value: object) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or (isinstance(value, (str, int)) and type(value) in (str, int, bool))


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _spelled(value: object) -> str:
    return value.__name__ if isinstance(value, type) else repr(value)[:80]
