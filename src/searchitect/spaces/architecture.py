"""`Architecture`: one point of a search space, as an immutable value.

It holds the digest of its space and its active decisions, in the order of the space, as `path -> value` where a value
is plain JSON: a number, a string, a boolean, None, or a list of those. Reading one runs no code.

Paths name decisions as a person would: `width`, `blocks.length`, `blocks.0.kernel`, `pool.Average.size`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from searchitect.errors import SpaceError

__all__ = ["MAX_DECISIONS", "Architecture", "Value"]

Scalar = str | int | float | bool | None
Value = Scalar | tuple[Scalar, ...]

MAX_DECISIONS = 10_000
"""More decisions than this in one JSON document are refused."""

_written = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


class Architecture:
    """An immutable, hashable point of a search space.

    Args:
        space: digest of the search space it belongs to.
        decisions: active decisions in the order of the space, path to plain value.
    """

    __slots__ = ("_hash", "_json", "_values", "space")

    space: str
    _values: dict[str, Value]
    _hash: int | None
    _json: str | None

    def __init__(self, space: str, decisions: Mapping[str, Value]) -> None:
        object.__setattr__(self, "space", space)
        object.__setattr__(self, "_values", dict(decisions))
        object.__setattr__(self, "_hash", None)
        object.__setattr__(self, "_json", None)

    def __setattr__(self, name: str, value: object) -> None:
        raise SpaceError(
            f"an Architecture cannot be changed, tried to set {name!r}",
            hint="space.mutate(architecture, rng) makes a new one",
        )

    @property
    def decisions(self) -> Mapping[str, Value]:
        """A copy of the decisions, path to value."""
        return dict(self._values)

    def __getitem__(self, path: str) -> Value:
        try:
            return self._values[path]
        except KeyError:
            raise SpaceError(
                f"no active decision {path!r} in this architecture", hint="active: " + ", ".join(self._values)
            ) from None

    def __contains__(self, path: object) -> bool:
        return path in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def items(self) -> Iterator[tuple[str, Value]]:
        """Pairs of path and value, in the order of the space."""
        return iter(self._values.items())

    def get(self, path: str, default: Value = None) -> Value:
        """The value at `path`, or `default` where the decision is not active."""
        return self._values.get(path, default)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Architecture):
            return NotImplemented
        return self.space == other.space and self.text == other.text

    def __hash__(self) -> int:
        known = self._hash
        if known is None:
            known = hash((self.space, self.text))
            object.__setattr__(self, "_hash", known)
        return known

    def __repr__(self) -> str:
        return f"Architecture({self.text})"

    def __reduce__(self) -> tuple[object, ...]:
        return (Architecture, (self.space, self._values))

    @property
    def text(self) -> str:
        """The decisions as one line of JSON: same decisions, same text."""
        known = self._json
        if known is None:
            known = _written(self._values)
            object.__setattr__(self, "_json", known)
        return known

    def digest(self) -> str:
        """32 hexadecimal characters that depend on the decisions only, not on the rest of the space."""
        return hashlib.blake2b(self.text.encode(), digest_size=16).hexdigest()

    def to_json(self) -> dict[str, Any]:
        """Return a tree of plain JSON; `from_json` reads it back."""
        decisions = {path: list(v) if isinstance(v, tuple) else v for path, v in self.items()}
        return {"space": self.space, "decisions": decisions}

    @classmethod
    def of(cls, instance: object) -> Architecture:
        """Return the architecture that a typed instance of a space class shows.

        Raises:
            SpaceError: its class is no space, or it holds a value outside the space.
        """
        from searchitect.spaces.search_space import SearchSpace  # it imports this module

        return SearchSpace.of(type(instance)).architecture(instance)

    @classmethod
    def from_json(cls, document: object) -> Architecture:
        """Read what `to_json` wrote. Whether it lies in a space is asked with `space.contains`.

        Raises:
            SpaceError: the document has another form, or is too large.
        """
        if not isinstance(document, Mapping) or not isinstance(document.get("decisions"), Mapping):
            raise SpaceError(f"an architecture is {{'space': …, 'decisions': {{…}}}}, got {str(document)[:80]!r}")
        decisions = document["decisions"]
        if len(decisions) > MAX_DECISIONS:
            raise SpaceError(f"an architecture may hold {MAX_DECISIONS} decisions, got {len(decisions)}")
        return cls(
            str(document.get("space", "")), {str(path): _plain(path, value) for path, value in decisions.items()}
        )


def _plain(path: object, value: object) -> Value:
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    if isinstance(value, (list, tuple)) and all(v is None or isinstance(v, (str, int, float, bool)) for v in value):
        return tuple(value)
    raise SpaceError(f"decision {str(path)!r}: expected a plain value or a list of them, got {str(value)[:80]!r}")
