"""A typed instance of a space whose fields are open values: what `build` runs on to make a supernet."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from searchitect.errors import SpaceError
from searchitect.spaces.architecture import Value
from searchitect.spaces.compiled_space import CompiledSpace
from searchitect.spaces.domains import Range
from searchitect.spaces.forms import ChoiceForm, DecisionForm, Form, OptionalForm, Record, RepeatForm, joined
from searchitect.spaces.open_values import (
    MAX_CANDIDATES,
    Makers,
    OpenChoice,
    OpenFlag,
    OpenNumber,
    OpenOption,
    OpenSubset,
    Selection,
)

__all__ = ["open_instance"]

Number = int | float


def open_instance(space: CompiledSpace, selection: Selection, makers: Makers, fixed: Mapping[str, Value]) -> Any:
    """Return a typed instance of the space whose undecided fields are open.

    Args:
        fixed: path to value of decisions that are decided already; training decisions must be among them.

    Raises:
        SpaceError: a training decision is open, or a decision is of a kind that cannot be shared.
    """
    return _Opener(selection, makers, fixed).record(space._root, "", None)


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
            return self.repeat(form, path)
        if path in self.fixed or form.domain.count == 1:
            return self.decided(form, path, gate)
        if form.role == "training":
            raise SpaceError(
                f"{path} is a training decision: a supernet trains all its members alike",
                hint=f"fix it first: fixed={{{path!r}: …}}",
            )
        if isinstance(form, OptionalForm):
            flag = OpenFlag(lambda: bool(self.selection.values.get(path, False)), (path,))
            return self.form(form.all_branches()[0][1], path + ".some", flag)
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
        if not form.all_branches():
            numbers = [form.objects[label] for label in labels]
            if all(isinstance(n, (int, float)) and not isinstance(n, bool) for n in numbers):
                return self.number(path, numbers)
            return OpenOption(self.selection, path, labels)
        alternatives = {
            label: self.form(branch[0][1], path + branch[0][0], None) if (branch := form.branches(label)) else label
            for label in labels
        }
        return OpenChoice(self.selection, path, alternatives, self.makers, gate)

    def repeat(self, form: RepeatForm, path: str) -> tuple[Any, ...]:
        own, branches = path + ".length", form.all_branches()
        lengths = [int(n) for n in form.domain.values() if isinstance(n, int)]
        fewest, most = (self.fixed[own],) * 2 if own in self.fixed else (min(lengths), max(lengths))
        assert isinstance(fewest, int)
        assert isinstance(most, int)
        elements = []
        for index, (suffix, child) in enumerate(branches[:most]):
            flag = None if index < fewest else self.reached(own, index)
            plain = isinstance(child, DecisionForm) and not child.all_branches()
            if flag is not None and plain:
                raise SpaceError(
                    f"{path} repeats plain values an open number of times",
                    hint="make the element a space with a build: its layers can then be left out",
                )
            elements.append(self.form(child, path + suffix, flag))
        return tuple(elements)

    def reached(self, own: str, index: int) -> OpenFlag:
        def holds() -> bool:
            length = self.selection.values.get(own, index + 1)
            return isinstance(length, int) and length > index

        return OpenFlag(holds, (own,))

    def plain(self, form: DecisionForm, path: str) -> Any:
        if form.kind == "subset":
            objects: Mapping[Value, Any] = form.objects  # type: ignore[attr-defined]
            return OpenSubset(self.selection, path, tuple(objects.values()))
        if isinstance(form.domain, Range) and form.domain.count <= MAX_CANDIDATES:
            return self.number(path, [v for v in form.domain.values() if isinstance(v, int)])
        raise SpaceError(
            f"{path} has too many values to share weights between ({form.kind})",
            hint=f"fix it first: fixed={{{path!r}: …}}, or declare a choice of a few values",
        )

    def number(self, path: str, candidates: Sequence[Number]) -> OpenNumber:
        return OpenNumber(self.selection, (path,), lambda values: values[path], candidates)  # type: ignore[arg-type, return-value]


GATE = "__gate__"


@functools.cache
def _gated(cls: type) -> type:
    """The class with a `build` whose module is left out where its place is not reached."""

    def build(self: Any, *arguments: Any, **named: Any) -> Any:
        flag, makers = vars(self)[GATE]
        return makers.gate(flag, cls.build(self, *arguments, **named))  # type: ignore[attr-defined]

    return type(cls.__name__, (cls,), {"build": build, "__doc__": cls.__doc__})
