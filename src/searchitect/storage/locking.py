"""One driver for each study, across processes, released by the system when its holder dies."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from searchitect.errors import StorageError

__all__ = ["hold"]


@contextmanager
def hold(folder: Path, study: str) -> Iterator[None]:
    """Hold the lock of a study while the context lasts.

    Args:
        folder: where lock files lie; made where it does not exist.

    Raises:
        StorageError: another process holds it, named by its number; or the folder cannot be written.
    """
    from filelock import FileLock, Timeout

    name = hashlib.blake2b(study.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()
    owner = folder / f"{name}.pid"  # a file of its own: taking the lock empties the lock file
    try:
        folder.mkdir(exist_ok=True)
        lock = FileLock(folder / f"{name}.lock", timeout=0, thread_local=False, is_singleton=False)
        lock.acquire()
    except Timeout:
        raise StorageError(
            f"study '{study}' is being run by another process{_pid(owner)}",
            hint="wait until it ends, or give this run another name",
        ) from None
    except OSError as error:
        raise StorageError(f"cannot lock study '{study}' in {folder}: {error.strerror}") from error
    try:
        owner.write_text(str(os.getpid()))
        yield
    finally:
        owner.unlink(missing_ok=True)
        lock.release()


def _pid(owner: Path) -> str:
    try:
        return f" (pid {int(owner.read_text()[:20])})"
    except (OSError, ValueError):
        return ""
