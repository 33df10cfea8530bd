"""What differs between two architectures, as changes that can be made one by one, each with what it brings along.

A decision that both have and decide differently is one change. A decision that only one of them has came or went with
another: it moves along with the nearest change above it, so that every mixture of two architectures is one that the
space could hold, but for conditions between decisions.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from searchitect.errors import SpaceError
from searchitect.explain.searches.evidence import INACTIVE
from searchitect.explain.wording import UnexplainedError
from searchitect.spaces.architecture import Architecture
from searchitect.spaces.search_space import SearchSpace

__all__ = ["Change", "Changes", "changes_between", "mixture"]


@dataclass(frozen=True, slots=True)
class Change:
    """One decision that two architectures decide differently.

    Attributes:
        decision: its path.
        before, after: its value in either; `INACTIVE` where it is not there.
        along: paths that come or go with it.
    """

    decision: str
    before: Any
    after: Any
    along: tuple[str, ...] = ()

    @property
    def shown(self) -> tuple[str, str]:
        """Both values as a person reads them."""
        return _shown(self.before), _shown(self.after)

    @property
    def text(self) -> str:
        return f"{self.decision}: {_shown(self.before)} → {_shown(self.after)}"

    def to_json(self) -> dict[str, Any]:
        return {
            "text": self.text,
            "decision": self.decision,
            "before": _shown(self.before),
            "after": _shown(self.after),
            "along": list(self.along),
        }


@dataclass(frozen=True, slots=True)
class Changes:
    """All changes from `first` to `second`, both path to value."""

    first: Mapping[str, Any]
    second: Mapping[str, Any]
    changes: tuple[Change, ...]

    def __len__(self) -> int:
        return len(self.changes)

    def mixed(self, made: Collection[int]) -> dict[str, Any]:
        """The decisions of `first` with some changes made, in the order of `second` and then of `first`."""
        came = {path for place in made for path in (self.changes[place].decision, *self.changes[place].along)}
        waits = {path for change in self.changes for path in (change.decision, *change.along)} - came
        everything = {**self.second, **self.first}
        values: dict[str, Any] = {}
        for path in everything:
            source = self.second if path in came else self.first if path in waits else everything
            if path in source:
                values[path] = source[path]
        return values


def changes_between(first: Mapping[str, Any], second: Mapping[str, Any]) -> Changes:
    """List what must be changed in `first` to get `second`.

    Raises:
        ConfigError: they are the same.
    """
    differing = [path for path in {**second, **first} if first.get(path, INACTIVE) != second.get(path, INACTIVE)]
    along: dict[str, list[str]] = {path: [] for path in differing if path in first and path in second}
    stems = {path: path.removesuffix("length") if _is_length(path) else f"{path}." for path in along}
    for path in differing:
        if path not in stems:
            above = [(len(stem), owner) for owner, stem in stems.items() if path.startswith(stem)]
            along.setdefault(max(above, default=(0, path))[1], []).append(path)
    if not along:
        raise UnexplainedError("same")
    made = (
        Change(path, first.get(path, INACTIVE), second.get(path, INACTIVE), tuple(p for p in moved if p != path))
        for path, moved in along.items()
    )
    return Changes(dict(first), dict(second), tuple(made))


def mixture(
    changes: Changes, made: Collection[int], space: SearchSpace | None, digest: str
) -> tuple[Architecture, bool]:
    """Return the architecture with some changes made, and whether the space holds it; unknown spaces hold all."""
    values = changes.mixed(made)
    if space is None:
        return Architecture(digest, values), True
    try:
        return space.compose(values), True
    except SpaceError:
        return Architecture(digest, values), False


def _is_length(path: str) -> bool:
    return path.endswith(".length")


def _shown(value: Any) -> str:
    if isinstance(value, tuple):
        return "{" + ", ".join(map(str, value)) + "}"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
