"""A space as JSON: what the digest is taken of, what a manifest keeps, what a report prints."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from searchitect.errors import SpaceError
from searchitect.spaces.architecture import Value
from searchitect.spaces.checking import label_of
from searchitect.spaces.declarations import Choice, Integer, Nested, Optional, Real, Recursive, Repeat, Subset, is_space
from searchitect.spaces.domains import Options, Range, Span, Subsets
from searchitect.spaces.forms import DecisionForm, Form, Record, joined
from searchitect.spaces.space_class import constraints_of, declarations_of

__all__ = ["MAX_STATIC", "Decision", "describe", "digest_of", "static"]

MAX_STATIC = 100_000
"""Most places of decisions that encodings lay out side by side."""


def describe(cls: type) -> dict[str, Any]:
    """Return a space as a JSON tree. Recursion stays a reference by name."""
    document: dict[str, Any] = {
        "kind": "space",
        "name": cls.__name__,
        "decisions": {name: _declared(declaration) for name, declaration in declarations_of(cls).items()},
    }
    # A generated class may build with constants that are no decisions; `__made_of__` says which, as JSON.
    if "__made_of__" in vars(cls):
        document["made_of"] = vars(cls)["__made_of__"]
    rules = constraints_of(cls)
    if rules:
        document["constraints"] = [
            {"name": rule.name, "reads": None if rule.reads is None else list(rule.reads), "reason": rule.reason}
            for rule in rules
        ]
    return document


def _declared(item: Any) -> dict[str, Any]:
    document: dict[str, Any]
    match item:
        case type():
            return describe(item)
        case Nested():
            return _declared(item.item)
        case Recursive():
            return {"kind": "recursive", "name": item.name, "depth": item.depth}
        case Choice():
            document = {"kind": "choice", "options": [_option(option) for option in item.options]}
            if item.weights is not None:
                document["weights"] = [float(weight) for weight in item.weights]
        case Integer():
            document = {"kind": "integer", "low": item.low, "high": item.high, "step": item.step, "log": item.log}
        case Real():
            document = {"kind": "real", "low": float(item.low), "high": float(item.high), "log": item.log}
        case Subset():
            options = [_option(option) for option in item.options]
            document = {"kind": "subset", "options": options, "low": item.low, "high": item.high}
        case Repeat():
            return {"kind": "repeat", "low": item.low, "high": item.high, "item": _declared(item.item)}
        case Optional():
            return {"kind": "optional", "item": _declared(item.item)}
        case _:
            raise SpaceError(f"cannot describe {item!r}")
    return document if item.role == "architecture" else {**document, "role": item.role}


def _option(option: Any) -> Any:
    if isinstance(option, Recursive) or is_space(option):
        return _declared(option)
    label = label_of(option)
    return list(label) if isinstance(label, tuple) else label


def digest_of(description: Mapping[str, Any]) -> str:
    """Return 16 hexadecimal characters that change when any declaration does."""
    text = json.dumps(description, sort_keys=False, separators=(",", ":"), allow_nan=False)
    return hashlib.blake2b(text.encode(), digest_size=8).digest().hex()


@dataclass(frozen=True)
class Decision:
    """One decision at one place of the fully unrolled space.

    Attributes:
        path: as in an architecture: "blocks.0.kernel".
        pattern: the path with `*` for the places of a repeat: "blocks.*.kernel".
        kind: "choice", "integer", "real", "subset", "optional" or "length" (of a repeat).
        options: values of a choice or optional, elements of a subset; None for numbers.
        low, high, step, log: of numbers; low and high also of the number of elements of a subset.
        role: "architecture" or "training".
        weights: prior weights of a choice.
        conditional: whether it is active only for some values of other decisions.
    """

    path: str
    pattern: str
    kind: str
    options: tuple[Value, ...] | None = None
    low: float | None = None
    high: float | None = None
    step: int | None = None
    log: bool = False
    role: str = "architecture"
    weights: tuple[float, ...] | None = None
    conditional: bool = False


def static(form: Form) -> list[tuple[str, str, bool, DecisionForm]]:
    """List every place of a decision: path, pattern, whether it is conditional, node.

    Raises:
        SpaceError: there are more than `MAX_STATIC`.
    """
    places: list[tuple[str, str, bool, DecisionForm]] = []
    _unroll(form, "", "", False, places)
    return places


def _unroll(
    form: Form, path: str, pattern: str, conditional: bool, places: list[tuple[str, str, bool, DecisionForm]]
) -> None:
    if isinstance(form, Record):
        for name, child in form.fields:
            _unroll(child, joined(path, name), joined(pattern, name), conditional, places)
        return
    if len(places) >= MAX_STATIC:
        raise SpaceError(
            f"the space unrolls to more than {MAX_STATIC:,} decisions, too many to encode",
            hint="lower the depth of a recursion or the length of a repeat",
        )
    places.append((path + form.own, pattern + form.own, conditional, form))
    always = form.domain.low if isinstance(form.domain, Range) and form.kind == "length" else 0
    for place, (suffix, child) in enumerate(form.all_branches()):
        general = ".*" if form.kind == "length" else suffix
        certain = place < always or (form.kind == "choice" and form.domain.count == 1)
        _unroll(child, path + suffix, pattern + general, conditional or not certain, places)


def information(path: str, pattern: str, conditional: bool, decision: DecisionForm) -> Decision:
    """Return what can be said about one place of a decision."""
    domain = decision.domain
    role = decision.role
    match domain:
        case Options():
            return Decision(
                path, pattern, decision.kind, domain.labels, role=role, weights=domain.weights, conditional=conditional
            )
        case Subsets():
            return Decision(
                path, pattern, "subset", domain.labels, domain.low, domain.high, role=role, conditional=conditional
            )
        case Range():
            bounds = (domain.low, domain.high, domain.step, domain.log)
            return Decision(path, pattern, decision.kind, None, *bounds, role=role, conditional=conditional)
        case Span():
            bounds = (domain.low, domain.high, None, domain.log)  # type: ignore[assignment]
            return Decision(path, pattern, decision.kind, None, *bounds, role=role, conditional=conditional)
    raise AssertionError(domain)
