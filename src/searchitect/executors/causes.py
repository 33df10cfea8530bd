"""What an error, or the death of a worker, says of its cause."""

from __future__ import annotations

import errno
import signal

from searchitect.evaluation import Cause

__all__ = ["cause_of_death", "is_memory_error", "speaks_of_memory"]

# How torch, NumPy, C++ and the system word it.
_WORDS = ("llocate memory", "Unable to allocate", "not enough memory", "bad_alloc", "out of memory", "MemoryError")

_FROM_OUTSIDE = (signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT)


def is_memory_error(error: BaseException | None) -> bool:
    """Whether an exception, or one that it was raised from, says that there was no memory."""
    if error is None:
        return False
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
        return True
    worded = isinstance(error, RuntimeError) and speaks_of_memory(str(error))
    return worded or is_memory_error(error.__cause__)


def speaks_of_memory(text: str) -> bool:
    """Whether these are words for exhausted memory."""
    return any(word in text for word in _WORDS)


def cause_of_death(code: int | None, last_words: str) -> Cause:
    """Why a process died that ended with this code (minus the signal, as of `subprocess`)."""
    if speaks_of_memory(last_words):
        return Cause.MEMORY
    if code is not None and -code in _FROM_OUTSIDE:
        return Cause.KILLED
    return Cause.CRASH
