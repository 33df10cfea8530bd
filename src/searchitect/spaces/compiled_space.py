"""`CompiledSpace`: which architectures there are, and how they are written: decisions, JSON, typed instances."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator, Mapping
from typing import Any

from searchitect.errors import SpaceError
from searchitect.spaces.architecture import MAX_DECISIONS, Architecture, Value
from searchitect.spaces.compiling import compile_space
from searchitect.spaces.describing import Decision, describe, digest_of, information, static
from searchitect.spaces.encodings import Layout
from searchitect.spaces.forms import DecisionForm, Form, Record, broken, fill
from searchitect.spaces.sampling import count, written
from searchitect.spaces.space_class import declarations_of

__all__ = ["CompiledSpace"]

MAX_JSON = 4_000_000
"""Longest JSON text that is read, in characters."""


class CompiledSpace:
    """The tree of decisions of one space class.

    Attributes:
        source: the class.
        name: its name.
        digest: 16 hexadecimal characters that change with any declaration (not with `build`).
        is_finite: False where a real number is decided; `size` counts those as one.
    """

    def __init__(self, source: type) -> None:
        declarations_of(source)
        self.source = source
        self.name = source.__name__
        self.digest = digest_of(describe(source))
        self._root: Record = compile_space(source)
        self.is_finite = _finite(self._root)
        self._made_layout: Layout | None = None
        self._canonical = inspect.getattr_static(source, "canonical", None)  # looked up once: every key asks for it

    def __repr__(self) -> str:
        return f"SearchSpace({self.name}, {self.digest})"

    def describe(self) -> dict[str, Any]:
        """Return the space as a JSON tree; equal trees have equal digests."""
        return describe(self.source)

    def classes(self) -> tuple[type, ...]:
        """Return the classes of this space and of every space below it, each once, in the order they are met."""
        found: dict[type, None] = {}
        waiting: list[Form] = [self._root]
        while waiting:
            form = waiting.pop(0)
            if isinstance(form, Record):
                if form.cls in found:
                    continue
                found[form.cls] = None
                waiting += [child for _, child in form.fields]
            else:
                waiting += [child for _, child in form.all_branches()]
        return tuple(found)

    def decisions(self) -> tuple[Decision, ...]:
        """List every decision at every place of the unrolled space, in the order of the encodings.

        Raises:
            SpaceError: there are more than 100,000.
        """
        return tuple(information(*place) for place in static(self._root))

    def size(self) -> int:
        """Return the number of written architectures, exactly; a real number counts as one (`is_finite` tells).

        Raises:
            SpaceError: a constraint ties together too many fields; the hint says what to declare.
        """
        return count(self._root)

    def enumerate(self) -> Iterator[Architecture]:
        """Yield every architecture, lazily, the last decision changing fastest; a real number takes its default."""
        return (Architecture(self.digest, values) for values in written(self._root, ""))

    def contains(self, architecture: Architecture) -> bool:
        """Whether exactly the active decisions are there, in order, with valid values, and all constraints hold."""
        values = architecture.decisions
        if architecture.space != self.digest:
            return False
        order = iter(values)

        def check(path: str, decision: DecisionForm) -> Value:
            if next(order, None) != path or decision.domain.problem(values[path]) is not None:
                raise _Stop
            return values[path]

        try:
            fill(self._root, "", check, {})
        except _Stop:
            return False
        return next(order, None) is None and not any(broken(self._root, "", values))

    def violations(self, architecture: Architecture) -> list[str]:
        """List everything that keeps the architecture out of the space, a sentence each; empty where it belongs."""
        problems: list[str] = []
        if architecture.space != self.digest:
            problems.append(
                f"it belongs to the space {architecture.space or '(none)'}, this is {self.name} {self.digest}"
            )
        return problems + self._wrong(architecture.decisions)

    def instance(self, architecture: Architecture) -> Any:
        """Return the typed view: a frozen instance of the class.

        Raises:
            SpaceError: the architecture is not in the space.
        """
        values = architecture.decisions
        try:
            return self._root.view(values, "")
        except KeyError:
            self._require(values)
            raise

    def architecture(self, instance: object) -> Architecture:
        """Return the decisions of a typed instance.

        Raises:
            SpaceError: it is of another class, or holds a value outside the space.
        """
        values: dict[str, Value] = {}
        self._root.flatten(instance, "", values)
        self._require(values)
        return Architecture(self.digest, values)

    def read(self, document: object) -> Architecture:
        """Read and validate what `Architecture.to_json` wrote, as text or as a tree; runs no code.

        A missing "space" is filled in, equal numbers (1 for 1.0) are taken over in the spelling of the space, and
        decisions may stand in any order.

        Raises:
            SpaceError: it is no architecture of this space; the message lists every problem.
        """
        if isinstance(document, (str, bytes)):
            document = _parsed(document)
        found = Architecture.from_json(document)
        if found.space not in ("", self.digest):
            raise SpaceError(
                f"the architecture belongs to the space {found.space}, this is {self.name} {self.digest}",
                hint="space.migrate(document) carries it over where that keeps its meaning",
            )
        values = self._normal(found.decisions)
        self._require(values)
        return Architecture(self.digest, values)

    def compose(self, values: Mapping[str, Value]) -> Architecture:
        """Return the architecture whose active decisions take these values; those of inactive ones are passed over.

        For lists of parameters from elsewhere, which name a value for every decision, active or not.

        Raises:
            SpaceError: an active decision has no value, or one outside its domain, or a constraint is broken.
        """

        def take(path: str, decision: DecisionForm) -> Value:
            if path not in values:
                raise SpaceError(f"no value for the decision {path!r}")
            value = decision.domain.normal(values[path])
            problem = decision.domain.problem(value)
            if problem:
                raise SpaceError(f"{path}: {problem}, got {value!r}")
            return value

        out: dict[str, Value] = {}
        fill(self._root, "", take, out)
        self._require(out)
        return Architecture(self.digest, out)

    def _normal(self, values: Mapping[str, Value]) -> dict[str, Value]:
        """Return the decisions in the order and spelling of the space; what does not fit is kept at the end."""
        ordered: dict[str, Value] = {}

        def take(path: str, decision: DecisionForm) -> Value:
            if path not in values or decision.domain.problem(decision.domain.normal(values[path])):
                raise _Stop
            ordered[path] = decision.domain.normal(values[path])
            return ordered[path]

        try:
            fill(self._root, "", take, {})
        except _Stop:
            return dict(values)
        return {**ordered, **{path: value for path, value in values.items() if path not in ordered}}

    def _layout(self) -> Layout:
        if self._made_layout is None:
            self._made_layout = Layout(self._root)
        return self._made_layout

    def _wrong(self, values: Mapping[str, Value]) -> list[str]:
        problems: list[str] = []
        seen: list[str] = []
        _check(self._root, "", values, problems, seen)
        problems += [f"{path}: is no active decision here" for path in values if path not in set(seen)]
        if problems:
            return problems
        if list(values) != seen:
            problems.append("the decisions stand in another order than in the space")
        return problems + list(broken(self._root, "", values))

    def _require(self, values: Mapping[str, Value]) -> None:
        problems = self._wrong(values)
        if problems:
            raise SpaceError(f"not an architecture of {self.name}: " + "; ".join(problems))


class _Stop(Exception):  # noqa: N818
    """Ends a walk early."""


def _check(form: Form, path: str, values: Mapping[str, Value], problems: list[str], seen: list[str]) -> None:
    if isinstance(form, Record):
        for name, child in form.fields:
            _check(child, f"{path}.{name}" if path else name, values, problems, seen)
        return
    own = path + form.own
    if own not in values:
        problems.append(f"{own}: is missing")
        return
    seen.append(own)
    problem = form.domain.problem(values[own])
    if problem:
        problems.append(f"{own}: {problem}, got {values[own]!r}")
        seen.extend(known for known in values if known.startswith(path + "."))  # said once is enough
        return
    for suffix, child in form.branches(values[own]):
        _check(child, path + suffix, values, problems, seen)


def _parsed(text: str | bytes) -> object:
    if len(text) > MAX_JSON:
        raise SpaceError(f"an architecture takes at most {MAX_JSON:,} characters of JSON, got {len(text):,}")
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SpaceError(f"this is no JSON: {error}", hint=f"at most {MAX_DECISIONS:,} decisions") from None


def _finite(form: Form, known: dict[int, bool] | None = None) -> bool:
    known = {} if known is None else known
    if id(form) not in known:
        children = form.fields if isinstance(form, Record) else form.all_branches()[:1_000_000]
        own = isinstance(form, Record) or form.domain.finite
        known[id(form)] = own and all(_finite(child, known) for _, child in children)
    return known[id(form)]
