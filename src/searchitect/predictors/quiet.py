"""Training inside a strategy: one thread, gradients on, and the program around it undisturbed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

__all__ = ["generator", "one_thread"]


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute on one thread and with gradients inside; put both back afterwards.

    Sums over several threads depend on their number, and a search must not.
    """
    import torch

    threads = torch.get_num_threads()
    if threads != 1:
        torch.set_num_threads(1)
    try:
        with torch.inference_mode(False), torch.enable_grad():
            yield
    finally:
        if threads != 1:
            torch.set_num_threads(threads)


def generator(seed: int) -> torch.Generator:
    """Return a source of randomness of its own: torch's global one is neither read nor moved."""
    import torch

    return torch.Generator().manual_seed(seed % 2**63)
