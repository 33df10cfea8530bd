"""From a value to a declaration: a scalar is fixed, a list is a choice, `{low, high}` is a range."""

from __future__ import annotations

import math
import typing
from collections.abc import Mapping
from typing import Any

from searchitect.catalog.vocabulary import LayerField
from searchitect.errors import SpaceError, did_you_mean
from searchitect.spaces import Recipe, choice, integer, real

__all__ = ["MAX_OPTIONS", "Options", "declare", "read_options", "training_field"]

MAX_OPTIONS = 256
"""A field may list no more options than this."""

Scalar = int | float | str | bool | None
Options = tuple[Scalar, ...] | Mapping[str, Any]
"""Several scalars, or a range {"low", "high", "step", "log"}."""

OTHER_NAMES = {"linear": "identity", "none": "identity", "swish": "silu", "avg": "average", "mean": "average"}
SPELLING_TRAPS = {"softmax": "the classifier at the end is added by itself and gives raw scores; leave it out"}


def read_options(where: str, field: LayerField, value: object) -> Options:
    """Return what a field may be, checked: bounds, names (with the nearest), at most `MAX_OPTIONS`.

    Raises:
        SpaceError: the value does not belong here; the message begins with `where`.
    """
    if isinstance(value, Mapping):
        if field.names:
            raise SpaceError(f"{where}: expected one of its names or a list of them, got a range")
        return _range(where, field, value)
    items = list(value) if isinstance(value, list | tuple | range | set) else [value]
    if not 1 <= len(items) <= MAX_OPTIONS:
        raise SpaceError(f"{where}: expected 1 to {MAX_OPTIONS} options, got {len(items)}")
    return tuple(dict.fromkeys(_scalar(where, field, item) for item in items))


def declare(options: Options, role: typing.Literal["architecture", "training"] = "architecture") -> Any:
    """Return the declaration of a decision over these options."""
    if not isinstance(options, Mapping):
        return choice(*options, role=role)
    low, high, log = options["low"], options["high"], options.get("log", False)
    if isinstance(low, int) and isinstance(high, int):
        return integer(low, high, step=options.get("step", 1), log=log, role=role)
    return real(float(low), float(high), log=log, role=role)


def training_field(name: str) -> LayerField:
    """Return what a field of the recipe may be.

    Raises:
        SpaceError: a recipe has no such field; the message names the nearest.
    """
    if name not in Recipe.names():
        raise SpaceError(f"training: a recipe has no field {name!r}", hint=did_you_mean(name, Recipe.names()))
    hint = typing.get_type_hints(Recipe)[name]
    if typing.get_origin(hint) is typing.Literal:
        return LayerField(name, (), names=typing.get_args(hint))
    if hint is bool:
        raise SpaceError(f"training: {name!r} is no decision", hint="set it in the recipe of the study")
    whole = int in (hint, *typing.get_args(hint))
    return LayerField(name, (), low=1 if whole else 0.0, high=1e6, whole=whole)


def _scalar(where: str, field: LayerField, item: object) -> Scalar:
    if field.names:
        return _name(where, field, item)
    if isinstance(item, list | tuple) and len(set(map(str, item))) == 1:  # a square kernel: (3, 3)
        item = item[0]
    is_number = isinstance(item, int | float) and not isinstance(item, bool) and -math.inf < item < math.inf
    if is_number and field.whole and isinstance(item, float) and item.is_integer():
        item = int(item)
    if not is_number or (field.whole and not isinstance(item, int)):
        kind = "a whole number" if field.whole else "a number"
        raise SpaceError(f"{where}: expected {kind}, a list of them or a range {{low, high}}, got {_short(item)}")
    assert isinstance(item, int | float)
    if not field.low <= item <= field.high:
        raise SpaceError(f"{where}: expected {field.low:g} to {field.high:g}, got {_short(item)}")
    return item if field.whole else float(item)


def _name(where: str, field: LayerField, item: object) -> str:
    text = "none" if item is None else str(item).lower()
    if text not in field.names:
        text = OTHER_NAMES.get(text, text)
    for name in field.names:
        if name.replace("_", "") == text.replace("_", "").replace("-", ""):
            return name
    raise SpaceError(
        f"{where}: no such name, {_short(item)}", hint=SPELLING_TRAPS.get(text) or did_you_mean(text, field.names)
    )


def _range(where: str, field: LayerField, value: Mapping[Any, Any]) -> dict[str, Any]:
    known = ("low", "high", "step", "log")
    for key in value:
        if key not in known:
            raise SpaceError(f"{where}: a range has no {str(key)!r}", hint=did_you_mean(str(key), known))
    if "low" not in value or "high" not in value:
        raise SpaceError(f"{where}: a range needs low and high, got {_short(dict(value))}")
    low, high = _scalar(f"{where}.low", field, value["low"]), _scalar(f"{where}.high", field, value["high"])
    step, log = value.get("step", 1), value.get("log", False)
    if not isinstance(log, bool) or not isinstance(step, int) or isinstance(step, bool) or step < 1:
        raise SpaceError(f"{where}: expected log true or false and a step of at least 1, got {_short(dict(value))}")
    assert isinstance(low, int | float)
    assert isinstance(high, int | float)
    if low >= high or (log and low <= 0):
        raise SpaceError(f"{where}: expected low below high (above zero with log), got {_short(dict(value))}")
    if "step" in value and not field.whole:
        raise SpaceError(f"{where}: real numbers have no step", hint="leave out 'step'")
    return {"low": low, "high": high} | ({"step": step} if "step" in value else {}) | ({"log": True} if log else {})


def _short(value: object) -> str:
    return repr(value)[:60]
