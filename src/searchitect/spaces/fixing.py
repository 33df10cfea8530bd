"""A space with some of its decisions made: the same class, with one option where there were many.

A supernet trains all its members alike, so training decisions are fixed before one is searched (DESIGN §4.1). What was
fixed stays a decision, of one value: architectures still say how they are trained, and a model loads in the space that
it came from.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from searchitect.errors import SpaceError, did_you_mean
from searchitect.spaces.architecture import Value
from searchitect.spaces.declarations import choice
from searchitect.spaces.forms import ChoiceForm, PlainForm
from searchitect.spaces.search_space import SearchSpace
from searchitect.spaces.space_class import space

__all__ = ["fix", "training_defaults"]

MADE_OF = "__made_of__"


def training_defaults(source: Any) -> dict[str, Value]:
    """Return the training decisions of a space with their default values; empty where it has none."""
    found = SearchSpace.of(source)
    default = found.default()
    return {d.path: default[d.path] for d in found.decisions() if d.role == "training" and d.path in default}


def fix(source: Any, values: Mapping[str, Value]) -> type:
    """Return the space with these decisions made; the class itself where there are none.

    Args:
        source: a class marked `@space`, or a `SearchSpace`.
        values: name of a field of the outermost space to its value.

    Raises:
        SpaceError: it has no such field, the field holds more than one value, or the value is none of its own.
    """
    cls = SearchSpace.of(source).source
    if not values:
        return cls
    made = {name: _single(cls, name, value) for name, value in values.items()}
    body = {"__module__": cls.__module__, "__qualname__": cls.__qualname__, "__doc__": cls.__doc__}
    fixed: type = space(type(cls.__name__, (cls,), {**body, "__annotations__": dict.fromkeys(made, object), **made}))
    if MADE_OF in vars(cls):  # a catalogue space stays one
        setattr(fixed, MADE_OF, vars(cls)[MADE_OF])
    return fixed


def _single(cls: type, name: str, value: Value) -> Any:
    """The declaration of a field that can be this value only."""
    fields = dict(SearchSpace.of(cls)._root.fields)
    plain = {field: form for field, form in fields.items() if isinstance(form, (ChoiceForm, PlainForm))}
    form = plain.get(name)
    if form is None or form.all_branches():
        hint = did_you_mean(name, plain) if name not in fields else "it holds spaces: fix their own decisions by hand"
        raise SpaceError(f"{cls.__name__}: only its own plain decisions can be fixed, not {name!r}", hint=hint)
    problem = form.domain.problem(form.domain.normal(value))
    if problem is not None:
        raise SpaceError(f"{cls.__name__}.{name} cannot be {value!r}: {problem}")
    option: Any = form.objects[value] if isinstance(form, ChoiceForm) else form.domain.normal(value)
    return choice(option, role="training" if form.role == "training" else "architecture")
