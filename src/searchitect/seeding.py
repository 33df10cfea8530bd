"""The only place where randomness is born.

A stream is named by a seed and a path (`"ask", 17`), never carried as state: the same name gives the same numbers
in any process, in any order, after any restart. That is what lets a strategy be rebuilt from the journal.
"""

from __future__ import annotations

import hashlib
import random

__all__ = ["derive", "stream"]


def derive(seed: int, *path: str | int) -> int:
    """Return a seed in 0..2**63-1 for the stream named by `seed` and `path`.

    Every part is written with its type, so `("1",)` and `(1,)` name different streams.
    """
    name = repr((seed, *path)).encode()
    return int.from_bytes(hashlib.blake2b(name, digest_size=8).digest(), "big") >> 1


def stream(seed: int, *path: str | int) -> random.Random:
    """Return a fresh generator for the stream named by `seed` and `path`."""
    return random.Random(derive(seed, *path))
