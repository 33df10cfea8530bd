"""How much memory an evaluation may take: the limit itself, and how its errors are told."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

from searchitect.executors.causes import is_memory_error, speaks_of_memory
from searchitect.executors.running import failure

__all__ = ["explained_within", "is_memory_error", "limit_memory", "limited_memory", "told_within"]


def limit_memory(memory_bytes: int) -> None:
    """Let this process allocate so much on top of what it holds: torch alone reserves gigabytes of addresses."""
    import resource

    limit = _held() + memory_bytes
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


@contextlib.contextmanager
def limited_memory(memory_bytes: int | None) -> Iterator[None]:
    """Keep this process to such a limit for a while; None for no limit."""
    if memory_bytes is None:
        yield
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    wanted = _held() + memory_bytes
    known = [bound for bound in (soft, hard) if bound != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_AS, (min([wanted, *known]), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _held() -> int:
    """Bytes of address space of this process; 0 where the system does not say."""
    import resource

    with contextlib.suppress(OSError):
        return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    return 0


def explained_within(memory_bytes: int | None) -> Callable[[BaseException], str]:
    """How an evaluation within this limit tells why it failed: with "memory" first, where that is why."""

    def explain(error: BaseException) -> str:
        if memory_bytes is None or not is_memory_error(error):
            return failure(error)
        return _needed_more(memory_bytes, failure(error))

    return explain


def told_within(memory_bytes: int | None, reason: str) -> str:
    """The same for a worker that died of it, whose last words are all there is."""
    if memory_bytes is None or not speaks_of_memory(reason):
        return reason
    return _needed_more(memory_bytes, reason)


def _needed_more(memory_bytes: int, reason: str) -> str:
    return f"memory: needed more than the {memory_bytes / 1e9:.3g} GB that one evaluation may take; {reason}"
