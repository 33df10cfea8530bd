"""The compiled tree of decisions.

Two kinds of node are enough. A `Record` is a space: named fields, conditions between them. A `DecisionForm` has one
value out of a domain, and that value says which nodes follow (`branches`). Every walk over architectures
(sampling, checking, mutating, decoding …) is `fill` with another way to choose.

A node knows no path: the same node serves all elements of a repeat and all places where a space occurs.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from searchitect.errors import SpaceError
from searchitect.spaces.architecture import Value
from searchitect.spaces.checking import label_of
from searchitect.spaces.declarations import UNSET
from searchitect.spaces.domains import Domain
from searchitect.spaces.space_class import Constraint

__all__ = [
    "ChoiceForm",
    "Choose",
    "DecisionForm",
    "Form",
    "Linked",
    "OptionalForm",
    "PlainForm",
    "Record",
    "RepeatForm",
    "active",
    "broken",
    "fill",
    "holds",
    "joined",
]


class Record:
    """A space: fields in order, and conditions between them.

    Attributes:
        rules: its own conditions.
        linked: groups of field places tied together by conditions, each with its conditions.
        constrained: whether it, or anything below it, has a condition.
    """

    __slots__ = ("cls", "constrained", "count", "fields", "linked", "rare", "rules", "solutions")

    constrained: bool

    def __init__(self, cls: type) -> None:
        self.cls = cls
        self.fields: tuple[tuple[str, Form], ...] = ()
        self.rules: tuple[Constraint, ...] = ()
        self.linked: tuple[Linked, ...] = ()
        self.constrained = False
        self.count: int | None = None
        self.rare: dict[tuple[int, bool], bool] = {}
        self.solutions: dict[int, tuple[list[dict[str, Value]], list[float]]] = {}

    def view(self, values: Mapping[str, Value], path: str) -> Any:
        """Return the typed instance of the decisions below `path`."""
        return self.cls(*[child.view(values, joined(path, name)) for name, child in self.fields])

    def flatten(self, instance: object, path: str, out: dict[str, Value]) -> None:
        """Write the decisions of a typed instance into `out`."""
        if type(instance) is not self.cls:
            got = type(instance).__name__
            raise SpaceError(f"{path or 'instance'}: expected an instance of {self.cls.__name__}, got {got}")
        for name, child in self.fields:
            child.flatten(getattr(instance, name), joined(path, name), out)


@dataclass(frozen=True)
class Linked:
    """Fields tied together by conditions."""

    fields: tuple[tuple[str, Form], ...]
    rules: tuple[Constraint, ...]


class DecisionForm(ABC):
    """One decision: a domain, and the nodes that each value brings with it.

    Attributes:
        kind: the word it was declared with.
        own: what is put behind the path to name this decision; only a repeat has something (".length").
        before: value of all architectures from before the decision existed, or UNSET.
        constrained: whether anything below it has a condition.
    """

    __slots__ = ("before", "constrained", "count", "domain", "kind", "own", "role", "shares")

    constrained: bool

    def __init__(self, kind: str, domain: Domain, role: str, before: object, own: str = "") -> None:
        self.kind, self.domain, self.role, self.before, self.own = kind, domain, role, before, own
        self.constrained = any(child.constrained for _, child in self.all_branches())
        self.count: int | None = None
        self.shares: list[int] | None = None

    @abstractmethod
    def branches(self, value: Value) -> tuple[tuple[str, Form], ...]:
        """Return what follows `value`: pairs of path suffix and node."""

    @abstractmethod
    def all_branches(self) -> tuple[tuple[str, Form], ...]:
        """Return everything that may follow, each suffix once."""

    @abstractmethod
    def view(self, values: Mapping[str, Value], path: str) -> Any:
        """Return what a typed instance holds here."""

    @abstractmethod
    def flatten(self, instance: object, path: str, out: dict[str, Value]) -> None:
        """Write the decisions behind a value of a typed instance into `out`."""


Form = Record | DecisionForm
Choose = Callable[[str, DecisionForm], Value]


class PlainForm(DecisionForm):
    """An integer, a real number or a subset: nothing follows."""

    __slots__ = ("objects",)

    def __init__(self, kind: str, domain: Domain, role: str, before: object, objects: tuple[Any, ...] = ()) -> None:
        self.objects = {label_of(thing): thing for thing in objects}
        super().__init__(kind, domain, role, before)

    def branches(self, value: Value) -> tuple[tuple[str, Form], ...]:
        return ()

    def all_branches(self) -> tuple[tuple[str, Form], ...]:
        return ()

    def view(self, values: Mapping[str, Value], path: str) -> Any:
        value = values[path]
        return tuple(self.objects[v] for v in value) if isinstance(value, tuple) else value

    def flatten(self, instance: object, path: str, out: dict[str, Value]) -> None:
        value = (
            tuple(_labelled(v, path, "expected plain values") for v in instance)
            if isinstance(instance, tuple)
            else instance
        )
        out[path] = self.domain.normal(value)  # type: ignore[arg-type]


class ChoiceForm(DecisionForm):
    """One of several options, some of which may be spaces."""

    __slots__ = ("_following", "objects")

    def __init__(
        self,
        domain: Domain,
        role: str,
        before: object,
        objects: Mapping[Value, Any],
        spaces: Mapping[Value, Record],
    ) -> None:
        self.objects = dict(objects)
        self._following = {label: ((f".{label}", form),) for label, form in spaces.items()}
        super().__init__("choice", domain, role, before)

    def branches(self, value: Value) -> tuple[tuple[str, Form], ...]:
        return self._following.get(value, ())

    def all_branches(self) -> tuple[tuple[str, Form], ...]:
        return tuple(pair for pairs in self._following.values() for pair in pairs)

    def view(self, values: Mapping[str, Value], path: str) -> Any:
        value = values[path]
        for suffix, child in self.branches(value):
            return child.view(values, path + suffix)
        return self.objects[value]

    def flatten(self, instance: object, path: str, out: dict[str, Value]) -> None:
        for label, ((suffix, child),) in self._following.items():
            if isinstance(child, Record) and type(instance) is child.cls:
                out[path] = label
                child.flatten(instance, path + suffix, out)
                return
        expected = "expected one of " + ", ".join(map(repr, self.domain.values()))
        value = self.domain.normal(_labelled(instance, path, expected))
        if value in self.objects and self.objects[value] is not instance and callable(instance):
            raise SpaceError(f"{path}: {instance!r} is not the option of that name")
        out[path] = value


class OptionalForm(DecisionForm):
    """Something or nothing. The content lies at `path.some`."""

    __slots__ = ("_following",)

    def __init__(self, domain: Domain, item: Form | None) -> None:
        self._following: tuple[tuple[str, Form], ...] = () if item is None else ((".some", item),)
        super().__init__("optional", domain, "architecture", False)

    def branches(self, value: Value) -> tuple[tuple[str, Form], ...]:
        return self._following if value else ()

    def all_branches(self) -> tuple[tuple[str, Form], ...]:
        return self._following

    def view(self, values: Mapping[str, Value], path: str) -> Any:
        return self._following[0][1].view(values, path + ".some") if values[path] else None

    def flatten(self, instance: object, path: str, out: dict[str, Value]) -> None:
        out[path] = instance is not None
        if instance is not None:
            for suffix, child in self._following:
                child.flatten(instance, path + suffix, out)


class RepeatForm(DecisionForm):
    """A length, and as many elements, at `path.0`, `path.1`, …"""

    __slots__ = ("_elements",)

    def __init__(self, domain: Domain, item: Form | None, high: int) -> None:
        self._elements = () if item is None else tuple((f".{i}", item) for i in range(high))
        super().__init__("length", domain, "architecture", UNSET, ".length")

    def branches(self, value: Value) -> tuple[tuple[str, Form], ...]:
        assert isinstance(value, int)
        return self._elements[:value]

    def all_branches(self) -> tuple[tuple[str, Form], ...]:
        return self._elements

    def view(self, values: Mapping[str, Value], path: str) -> Any:
        elements = self.branches(values[path + ".length"])
        return tuple([child.view(values, path + suffix) for suffix, child in elements])

    def flatten(self, instance: object, path: str, out: dict[str, Value]) -> None:
        if not isinstance(instance, tuple):
            raise SpaceError(f"{path}: expected a tuple, got {type(instance).__name__}")
        out[path + ".length"] = len(instance)
        for (suffix, child), element in zip(self._elements, instance, strict=False):
            child.flatten(element, path + suffix, out)


def joined(path: str, name: str) -> str:
    """Return the path of a field; the outermost space has the empty path."""
    return f"{path}.{name}" if path else name


def fill(form: Form, path: str, choose: Choose, out: dict[str, Value]) -> None:
    """Decide everything below `path`, in the order of the space, by asking `choose(path, decision)`."""
    if isinstance(form, Record):
        for name, child in form.fields:
            fill(child, f"{path}.{name}" if path else name, choose, out)
        return
    own = path + form.own
    value = out[own] = choose(own, form)
    for suffix, child in form.branches(value):
        fill(child, path + suffix, choose, out)


def active(form: Form, path: str, values: Mapping[str, Value]) -> Iterator[tuple[str, DecisionForm]]:
    """Yield path and node of every active decision of a valid architecture, in order."""
    if isinstance(form, Record):
        for name, child in form.fields:
            yield from active(child, joined(path, name), values)
        return
    yield path + form.own, form
    for suffix, child in form.branches(values[path + form.own]):
        yield from active(child, path + suffix, values)


def broken(form: Form, path: str, values: Mapping[str, Value]) -> Iterator[str]:
    """Yield a sentence for every condition that `values`, otherwise valid, breaks below `path`."""
    if not form.constrained:
        return
    if isinstance(form, Record):
        for rule in form.rules:
            if not holds(form, rule, path, values):
                where = f"{path}: " if path else ""
                yield f"{where}{form.cls.__name__} breaks its constraint {rule.name!r}: {rule.reason}"
        for name, child in form.fields:
            yield from broken(child, joined(path, name), values)
        return
    for suffix, child in form.branches(values[path + form.own]):
        yield from broken(child, path + suffix, values)


def holds(record: Record, rule: Constraint, path: str, values: Mapping[str, Value]) -> bool:
    """Ask one condition.

    Raises:
        SpaceError: it raised, or returned no boolean.
    """
    instance: Any = object.__new__(record.cls)
    for name, child in record.fields:
        if rule.reads is None or name in rule.reads:
            object.__setattr__(instance, name, child.view(values, joined(path, name)))
    where = f"{record.cls.__name__}.{rule.name}"
    try:
        answer: object = rule.holds(instance)
    except AttributeError as error:
        hint = "name every field it reads in @sa.constraint(…), or none" if rule.reads else None
        raise SpaceError(f"the constraint {where} failed: {error}", hint=hint) from error
    except Exception as error:
        raise SpaceError(f"the constraint {where} failed: {type(error).__name__}: {error}") from error
    if answer is not True and answer is not False and type(answer).__name__ not in ("bool", "bool_"):
        raise SpaceError(f"the constraint {where} returned {answer!r}, expected True or False")
    return bool(answer)


def _labelled(thing: object, path: str, expected: str) -> Value:
    try:
        return label_of(thing)
    except SpaceError as error:
        raise SpaceError(f"{path}: {expected}, got {thing!r}"[:400], hint=error.hint) from None
