"""From a class to its tree of decisions: names resolved, recursion unrolled to its limit, conditions grouped."""

from __future__ import annotations

import sys
from typing import Any

from searchitect.errors import SpaceError
from searchitect.spaces.architecture import Value
from searchitect.spaces.checking import domain_of, label_of
from searchitect.spaces.declarations import (
    UNSET,
    Choice,
    Declaration,
    Nested,
    Optional,
    Recursive,
    Repeat,
    Subset,
    is_space,
)
from searchitect.spaces.domains import Options, Range
from searchitect.spaces.forms import ChoiceForm, Form, Linked, OptionalForm, PlainForm, Record, RepeatForm
from searchitect.spaces.space_class import Constraint, constraints_of, declarations_of

__all__ = ["compile_space", "resolve"]

Enclosing = tuple[type, ...]
Known = dict[tuple[type, tuple[tuple[int, int], ...], bool], Record]


def compile_space(cls: type) -> Record:
    """Return the tree of a space.

    Raises:
        SpaceError: a name cannot be resolved, or recursion leaves nothing to choose.
    """
    return _record(cls, (), {}, False)


def _record(cls: type, enclosing: Enclosing, known: Known, repeated: bool) -> Record:
    inside = (*enclosing, cls)
    counts = tuple(sorted((id(c), inside.count(c)) for c in set(inside)))
    if (cls, counts, repeated) in known:
        return known[cls, counts, repeated]
    record = Record(cls)
    declared = declarations_of(cls)
    fields = []
    for name, declaration in declared.items():
        if repeated and getattr(declaration, "role", "") == "training":
            raise SpaceError(
                f"{cls.__name__}.{name} is a training decision inside a repeat, but there is only one recipe",
                hint="move the field to the outermost space",
            )
        fields.append((name, _field(cls, name, declaration, inside, known, repeated)))
    record.fields = tuple(fields)
    record.rules = constraints_of(cls)
    record.linked = _linked(record)
    record.constrained = bool(record.rules) or any(child.constrained for _, child in fields)
    known[cls, counts, repeated] = record
    return record


def _field(cls: type, name: str, item: Any, inside: Enclosing, known: Known, repeated: bool) -> Form:
    form = _form(item, inside, known, repeated, f"{cls.__name__}.{name}")
    if form is None:
        raise SpaceError(
            f"{cls.__name__}.{name}: the recursion never ends, because nothing else can stand here",
            hint="use sa.choice(Leaf, sa.recursive(…)), sa.optional(sa.recursive(…)) or a repeat from 0",
        )
    return form


def _form(item: Any, inside: Enclosing, known: Known, repeated: bool, where: str) -> Form | None:
    """Return the node of a space or a declaration; None where recursion has reached its limit."""
    match item:
        case type():
            return _record(item, inside, known, repeated)
        case Recursive():
            cls = resolve(item, inside, where)
            return _record(cls, inside, known, repeated) if inside.count(cls) < item.depth else None
        case Nested():
            return _form(item.item, inside, known, repeated, where)
        case Optional():
            content = _form(item.item, inside, known, repeated, where)
            return OptionalForm(Options((False,)) if content is None else Options((False, True)), content)
        case Repeat(_, low, high):
            element = _form(item.item, inside, known, True, where)
            if element is None and low > 0:
                return None
            return RepeatForm(Range(low, high if element is not None else 0), element, high)
        case Choice():
            return _choice(item, inside, known, repeated, where)
    assert isinstance(item, Declaration)
    kind = type(item).__name__.lower()
    objects = item.options if isinstance(item, Subset) else ()
    before = _before(item)
    return PlainForm(kind, domain_of(item), item.role, before, objects)  # type: ignore[attr-defined]


def _choice(item: Choice, inside: Enclosing, known: Known, repeated: bool, where: str) -> Form | None:
    objects: dict[Value, Any] = {}
    spaces: dict[Value, Record] = {}
    skipped: list[int] = []
    for place, option in enumerate(item.options):
        label = label_of(option)
        if label in objects:
            raise SpaceError(f"{where}: option {label!r} stands twice", hint="name every option once")
        objects[label] = option
        if isinstance(option, Recursive) or is_space(option):
            form = _form(option, inside, known, repeated, where)
            if isinstance(form, Record):
                spaces[label] = form
            else:
                skipped.append(place)
    if len(skipped) == len(item.options):
        return None
    return ChoiceForm(domain_of(item, skipped), item.role, _before(item), objects, spaces)


def _before(item: Any) -> object:
    if item.before is UNSET:
        return UNSET
    return tuple(map(label_of, item.before)) if isinstance(item, Subset) else label_of(item.before)


def resolve(reference: Recursive, inside: Enclosing, where: str) -> type:
    """Return the space that a recursive reference stands for: one that encloses it, else one of its module.

    Raises:
        SpaceError: there is none of that name.
    """
    if not isinstance(reference.target, str):
        found: Any = reference.target()
    else:
        named = [cls for cls in reversed(inside) if cls.__name__ == reference.target]
        module = vars(sys.modules[inside[-1].__module__]) if inside[-1].__module__ in sys.modules else {}
        found = named[0] if named else module.get(reference.target)
    if not is_space(found):
        names = ", ".join(cls.__name__ for cls in inside)
        raise SpaceError(
            f"{where}: no space called {reference.target!r} encloses this place or stands in its module",
            hint=f"enclosing: {names}; or write sa.recursive(lambda: {reference.target}, depth={reference.depth})",
        )
    return found  # type: ignore[no-any-return]


def _linked(record: Record) -> tuple[Linked, ...]:
    """Group the fields that conditions tie together."""
    names = [name for name, _ in record.fields]
    groups: list[tuple[set[str], list[Constraint]]] = []
    for rule in record.rules:
        reads = set(names if rule.reads is None else rule.reads)
        rules = [rule]
        for group in [g for g in groups if g[0] & reads]:
            groups.remove(group)
            reads |= group[0]
            rules = group[1] + rules
        groups.append((reads, rules))
    return tuple(Linked(tuple(f for f in record.fields if f[0] in reads), tuple(rules)) for reads, rules in groups)
