"""A typed instance of a space whose fields are open values: what `build` runs on to make a supernet."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from searchitect.errors import SpaceError, did_you_mean
from searchitect.spaces.architecture import Value
from searchitect.spaces.compiled_space import CompiledSpace
from searchitect.spaces.describing import static
from searchitect.spaces.domains import Range, Span
from searchitect.spaces.forms import ChoiceForm, DecisionForm, Form, OptionalForm, Record, RepeatForm, joined
from searchitect.spaces.open_choice import Makers, OpenChoice
from searchitect.spaces.open_values import (
    MAX_CANDIDATES,
    OpenFlag,
    OpenNumber,
    OpenOption,
    OpenSubset,
    Selection,
    condition,
)

__all__ = ["open_instance", "presence"]

Number = int | float


def open_instance(space: CompiledSpace, selection: Selection, makers: Makers, fixed: Mapping[str, Value]) -> Any:
    """Return a typed instance of the space whose undecided fields are open.

    Args:
        fixed: path to value of decisions that are decided already; training decisions must be among them.

    Raises:
        SpaceError: a training decision is open, a decision is of a kind that cannot be shared, or what is fixed is no
            decision of the space or none of its values.
    """
    return _Opener(selection, makers, _checked(space, fixed)).record(space._root, "", None)


def _checked(space: CompiledSpace, fixed: Mapping[str, Value]) -> dict[str, Value]:
    """What is fixed, each value as its decision writes it."""
    forms = {path: form for path, _, _, form in static(space._root)}
    checked = {}
    for path, value in fixed.items():
        if path not in forms:
            raise SpaceError(f"{space.name} has no decision {path!r} to fix", hint=did_you_mean(path, forms))
        domain = forms[path].domain
        checked[path] = domain.normal(value)
        problem = domain.problem(checked[path])
        if problem is not None:
            raise SpaceError(f"{space.name}: {path} cannot be fixed to {value!r}: {problem}")
    return checked


def presence(element: Any) -> OpenFlag | None:
    """Return whether an element of an open repeat, or the content of an optional, is there; None where it always is."""
    if issubclass(type(element), OpenChoice):
        found: OpenFlag | None = element.gate
        return found
    gate: OpenFlag | None = getattr(element, "__dict__", {}).get(GATE, (None, None))[0]
    return gate


@dataclass(frozen=True, slots=True)
class _Opener:
    selection: Selection
    makers: Makers
    fixed: Mapping[str, Value]

    def record(self, form: Record, path: str, gate: OpenFlag | None) -> Any:
        fields = {name: self.form(child, joined(path, name), None) for name, child in form.fields}
        instance: Any = object.__new__(_gated(form.cls) if gate is not None else form.cls)
        for name, value in fields.items():
            object.__setattr__(instance, name, value)
        if gate is not None:
            object.__setattr__(instance, GATE, (gate, self.makers))
        return instance

    def form(self, form: Form, path: str, gate: OpenFlag | None) -> Any:
        if isinstance(form, Record):
            return self.record(form, path, gate)
        if isinstance(form, RepeatForm):
            return self.repeat(form, path, gate)
        if path in self.fixed or (form.domain.count == 1 and form.domain.finite):
            return self.decided(form, path, gate)
        if form.role == "training":
            raise SpaceError(
                f"{path} is a training decision: a supernet trains all its members alike",
                hint=f"fix it first: fixed={{{path!r}: …}}",
            )
        if isinstance(form, OptionalForm):
            own = condition(bool, self.option(path, (False, True)))
            return self.form(form.all_branches()[0][1], path + ".some", _both(gate, own))
        if gate is not None and not form.all_branches():
            raise SpaceError(
                f"{path} is a plain value that is there only where {' and '.join(gate.paths)} says so",
                hint="make it a space with a build: its layers can then be left out",
            )
        if isinstance(form, ChoiceForm):
            return self.choice(form, path, gate)
        return self.plain(form, path)

    def decided(self, form: DecisionForm, path: str, gate: OpenFlag | None) -> Any:
        value = self.fixed.get(path, next(form.domain.values()))
        for suffix, child in form.branches(value):
            return self.form(child, path + suffix, gate)
        if isinstance(form, OptionalForm):
            return None
        return form.view({path: value}, path)

    def choice(self, form: ChoiceForm, path: str, gate: OpenFlag | None) -> Any:
        labels = tuple(form.domain.values())
        objects = [form.objects[label] for label in labels]
        if not form.all_branches() and not all(callable(one) for one in objects):
            if all(isinstance(n, (int, float)) and not isinstance(n, bool) for n in objects):
                return self.number(path, objects)
            return self.option(path, labels)
        alternatives = {
            label: self.form(branch[0][1], path + branch[0][0], None) if (branch := form.branches(label)) else one
            for label, one in zip(labels, objects, strict=True)
        }
        return OpenChoice(self.selection, path, alternatives, self.makers, gate)

    def repeat(self, form: RepeatForm, path: str, gate: OpenFlag | None) -> tuple[Any, ...]:
        own, branches = path + ".length", form.all_branches()
        lengths = [int(n) for n in form.domain.values() if isinstance(n, int)]
        fewest, most = (self.fixed[own],) * 2 if own in self.fixed else (min(lengths), max(lengths))
        assert isinstance(fewest, int)
        assert isinstance(most, int)
        length = self.number(own, lengths)
        elements = []
        for index, (suffix, child) in enumerate(branches[:most]):
            flag = gate if index < fewest else _both(gate, length.exceeds(index))
            plain = isinstance(child, DecisionForm) and not child.all_branches()
            if index >= fewest and plain:
                raise SpaceError(
                    f"{path} repeats plain values an open number of times",
                    hint="make the element a space with a build: its layers can then be left out",
                )
            elements.append(self.form(child, path + suffix, flag))
        return tuple(elements)

    def plain(self, form: DecisionForm, path: str) -> Any:
        if form.kind == "subset":
            objects: Mapping[Value, Any] = form.objects  # type: ignore[attr-defined]
            return OpenSubset(self.selection, path, tuple(objects.values()))
        if isinstance(form.domain, Span):
            ends = (form.domain.low, form.domain.high)
            return OpenNumber(self.selection, (path,), _at(path), self.refuse(form, path), bounds=lambda: ends)
        if isinstance(form.domain, Range) and form.domain.count <= MAX_CANDIDATES:
            return self.number(path, [v for v in form.domain.values() if isinstance(v, int)])
        return self.refuse(form, path)()

    def refuse(self, form: DecisionForm, path: str) -> Callable[[], Any]:
        def raise_it() -> Any:
            raise SpaceError(
                f"{path} has too many values to share weights between ({form.kind})",
                hint=f"fix it first: fixed={{{path!r}: …}}, or declare a choice of a few values",
            )

        return raise_it

    def number(self, path: str, candidates: Sequence[Any]) -> OpenNumber:
        return OpenNumber(self.selection, (path,), _at(path), candidates, domains={path: tuple(candidates)})

    def option(self, path: str, labels: Sequence[Value]) -> OpenOption:
        return OpenOption(self.selection, path, labels)


GATE = "__gate__"


def _at(path: str) -> Callable[[Mapping[str, Value]], Any]:
    return lambda values: values[path]


def _both(first: OpenFlag | None, second: OpenFlag) -> OpenFlag:
    if first is None:
        return second
    made: OpenFlag = condition(lambda *each: all(each), first, second)
    return made


@functools.cache
def _gated(cls: type) -> type:
    """The class whose methods make modules that are left out where its place is not reached."""
    methods = {
        name: _gating(method)
        for base in reversed(cls.__mro__)
        for name, method in vars(base).items()
        if inspect.isfunction(method) and not name.startswith("_")
    }
    return type(cls.__name__, (cls,), {**methods, "__doc__": cls.__doc__})


def _gating(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def gated(self: Any, *arguments: Any, **named: Any) -> Any:
        flag, makers = vars(self)[GATE]
        return makers.gate(flag, method(self, *arguments, **named))

    return gated
