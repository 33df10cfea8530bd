"""Carrying an architecture over into a space that has since grown or shrunk, decision by decision, or refusing to.

A measurement belongs to an architecture only as long as the architecture means the same. So:

1. A decision that both spaces have keeps its value; where the space no longer has that value, it is refused.
2. A decision that is new takes the value given by the caller, else the one declared with `before=`, else what changes
   nothing: absent for an `optional`, the only value where there is one. Otherwise it is refused: a default would be
   a guess.
3. A decision that is gone is refused, unless the old description shows that it had one value only.
4. The result fulfils the constraints of the new space, or is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from searchitect.errors import SpaceError
from searchitect.spaces.architecture import Architecture, Value
from searchitect.spaces.declarations import UNSET
from searchitect.spaces.forms import DecisionForm, Record, broken, fill

__all__ = ["migrated"]


def migrated(
    root: Record,
    document: object,
    old_description: Mapping[str, Any] | None = None,
    values: Mapping[str, Value] | None = None,
) -> dict[str, Value]:
    """Return the decisions of an old architecture as the space `root` would write them.

    Args:
        document: what `Architecture.to_json` wrote.
        old_description: what `describe()` said when it was written.
        values: values of new decisions, by path or by pattern ("blocks.*.kernel").

    Raises:
        SpaceError: a decision cannot be carried over; the message names it.
    """
    old = Architecture.from_json(document).decisions
    given = dict(values or {})
    known = None if old_description is None else dict(_listed(old_description, ""))

    def carry(path: str, decision: DecisionForm) -> Value:
        if path in old:
            value = decision.domain.normal(old[path])
        elif known is not None and pattern_of(path) in known:
            raise _refused(path, "the old space had it, but this architecture leaves it out", None)
        else:
            value = _added(path, decision, given)
        problem = decision.domain.problem(value)
        if problem:
            raise _refused(
                path,
                f"{problem}, the old value is {value!r}",
                "keep the option in the space, or leave the trial behind",
            )
        return value

    out: dict[str, Value] = {}
    fill(root, "", carry, out)
    for path in old:
        if path not in out and not (known and _only_one(known.get(pattern_of(path)))):
            raise _refused(path, f"the space no longer has this decision, its value was {old[path]!r}", None)
    for sentence in broken(root, "", out):
        raise SpaceError(f"the architecture cannot be carried over: {sentence}")
    return out


def pattern_of(path: str) -> str:
    """Return the path with `*` for the places of repeats."""
    return ".".join("*" if part.isdigit() else part for part in path.split("."))


def _added(path: str, decision: DecisionForm, given: Mapping[str, Value]) -> Value:
    for name in (path, pattern_of(path)):
        if name in given:
            return decision.domain.normal(given[name])
    if decision.before is not UNSET:
        return decision.domain.normal(decision.before)  # type: ignore[arg-type]
    if not decision.domain.can_change:
        return decision.domain.default
    raise _refused(
        path,
        "the decision is new, and nothing says which value means what the space did before",
        f"declare it with before=…, or pass values={{{pattern_of(path)!r}: …}}",
    )


def _refused(path: str, reason: str, hint: str | None) -> SpaceError:
    return SpaceError(f"the decision {path!r} cannot be carried over: {reason}", hint=hint)


def _listed(node: Mapping[str, Any], path: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield pattern and description of every decision of a described space; recursion is not followed."""
    kind = node.get("kind")
    if kind == "space":
        for name, child in node["decisions"].items():
            yield from _listed(child, f"{path}.{name}" if path else name)
    elif kind == "repeat":
        yield f"{path}.length", node
        yield from _listed(node["item"], f"{path}.*")
    elif kind == "optional":
        yield path, node
        yield from _listed(node["item"], f"{path}.some")
    elif kind != "recursive":
        yield path, node
        for option in node.get("options", ()):
            if isinstance(option, Mapping):
                yield from _listed(option, f"{path}.{option['name']}")


def _only_one(node: Mapping[str, Any] | None) -> bool:
    if node is None:
        return False
    if node.get("kind") == "choice":
        return len(node["options"]) == 1 and not isinstance(node["options"][0], Mapping)
    return "low" in node and node["low"] == node["high"] and node.get("kind") != "subset"
