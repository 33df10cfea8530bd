"""Prior trials: what earlier searches found, as plain records. Strategies know no storage; the front door reads.

Values of two tasks cannot be compared, places can. So a record holds the place of an architecture among the trials of
its own source, between 0 (best) and 1 (worst).
"""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from searchitect.spaces.architecture import Architecture

__all__ = ["PriorTrial", "digest_of", "ranked"]


@dataclass(frozen=True, slots=True)
class PriorTrial:
    """One architecture that is known from elsewhere.

    Attributes:
        rank: its place among the trials of its source: 0 best, 1 worst; None where nothing was measured, so that it
            is only proposed.
        source: the study, task or file it comes from; records of one source are compared with each other.
        similarity: how much the task of the source is like this one, from above 0 to 1.
    """

    architecture: Architecture
    rank: float | None = None
    source: str = "given"
    similarity: float = 1.0

    def to_json(self) -> dict[str, Any]:
        """Return a tree of plain JSON; `from_json` reads it back."""
        return {
            "architecture": self.architecture.to_json(),
            "rank": self.rank,
            "source": self.source,
            "similarity": self.similarity,
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> PriorTrial:
        """Read what `to_json` wrote."""
        architecture = Architecture.from_json(document["architecture"])
        return cls(architecture, document["rank"], document["source"], document["similarity"])


def ranked(found: Sequence[tuple[Architecture, float]], source: str, similarity: float = 1.0) -> tuple[PriorTrial, ...]:
    """Return records of the trials of one source; equal losses share their mean place.

    Args:
        found: architectures with finite losses; smaller is better.
    """
    ordered = sorted(loss for _, loss in found)
    last = max(1, len(ordered) - 1)

    def place(loss: float) -> float:
        return (bisect_left(ordered, loss) + bisect_right(ordered, loss) - 1) / 2 / last

    return tuple(PriorTrial(architecture, place(loss), source, similarity) for architecture, loss in found)


def digest_of(prior: Sequence[PriorTrial]) -> str:
    """Return 32 hexadecimal characters that depend on every record."""
    text = json.dumps([record.to_json() for record in prior], sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
