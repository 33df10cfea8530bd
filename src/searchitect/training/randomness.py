"""Run code on its own random numbers and leave the caller's generators as they were."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

__all__ = ["isolated"]


@contextmanager
def isolated(seed: int) -> Iterator[None]:
    """Seed `random`, NumPy's global generator and torch's, and restore all of them afterwards.

    A library call must not disturb the generators of the program around it, and a candidate must see the same numbers
    wherever it runs. Torch takes part only where it has been imported already.
    """
    states = random.getstate(), np.random.get_state(), _torch_states()
    random.seed(seed)
    np.random.seed(seed % 2**32)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(seed)
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
        _restore_torch(states[2])


def _torch_states() -> tuple[Any, list[Any]] | None:
    torch = sys.modules.get("torch")
    if torch is None:
        return None
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
    return torch.get_rng_state(), cuda


def _restore_torch(states: tuple[Any, list[Any]] | None) -> None:
    torch = sys.modules.get("torch")
    if torch is None or states is None:
        return
    torch.set_rng_state(states[0])
    if states[1]:
        torch.cuda.set_rng_state_all(states[1])
