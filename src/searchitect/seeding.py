"""The only place where randomness is born.

A stream is named by a seed and a path (`"ask", 17`), never carried as state: the same name gives the same numbers
in any process, in any order, after any restart. That is what lets a strategy be rebuilt from the journal.
"""

from __future__ import annotations

import hashlib
import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["derive", "isolated", "stream"]


def derive(seed: int, *path: str | int) -> int:
    """Return a seed in 0..2**63-1 for the stream named by `seed` and `path`.

    Every part is written with its type, so `("1",)` and `(1,)` name different streams.
    """
    name = repr((seed, *path)).encode()
    return int.from_bytes(hashlib.blake2b(name, digest_size=8).digest(), "big") >> 1


def stream(seed: int, *path: str | int) -> random.Random:
    """Return a fresh generator for the stream named by `seed` and `path`."""
    return random.Random(derive(seed, *path))


@contextmanager
def isolated(seed: int) -> Iterator[None]:
    """Seed the global generators of `random`, NumPy and torch, and put their states back afterwards.

    A candidate sees the same numbers wherever it runs, and a library call does not disturb the program around it.
    NumPy and torch take part where they have been imported already.
    """
    numpy, torch = sys.modules.get("numpy"), sys.modules.get("torch")
    states: list[tuple[Any, Any]] = [(random.setstate, random.getstate())]
    random.seed(seed)
    if numpy is not None:
        states.append((numpy.random.set_state, numpy.random.get_state()))
        numpy.random.seed(seed % 2**32)
    if torch is not None:
        states.append((torch.set_rng_state, torch.get_rng_state()))
        if torch.cuda.is_initialized():
            states.append((torch.cuda.set_rng_state_all, torch.cuda.get_rng_state_all()))
        torch.manual_seed(seed)
    try:
        yield
    finally:
        for restore, state in states:
            restore(state)
