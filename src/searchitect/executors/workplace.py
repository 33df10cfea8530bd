"""The local folder that one evaluation reads and writes, wherever its files are kept.

Where they are kept at a URL, it is a folder of this machine for the time of the evaluation: what the trial goes on from
or inherits from is brought beside it first, and what it leaves is taken away at the end.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from searchitect.errors import TrialStopped
from searchitect.evaluation import Job, trial_folder

__all__ = ["scratch", "workplace"]

_PREFIX = "sa-trial-"


@contextmanager
def workplace(job: Job) -> Iterator[Path | None]:
    """The folder of a job, which exists; None where it keeps nothing.

    At a URL, the files count once the block has ended, also by `TrialStopped`; of a failed trial none do.

    Raises:
        StorageError: they could not be brought or taken away.
    """
    if job.artifacts is None:
        if job.folder is not None:
            job.folder.mkdir(parents=True, exist_ok=True)
        yield job.folder
        return
    with scratch() as place:
        for before in {job.proposal.continues, job.proposal.inherits}:
            if before is None:
                continue
            job.artifacts.fetch(before, place / trial_folder(before))
        folder = place / trial_folder(job.number)
        folder.mkdir()
        try:
            yield folder
        except TrialStopped:
            job.artifacts.keep(job.number, folder)
            raise
        job.artifacts.keep(job.number, folder)


@contextmanager
def scratch() -> Iterator[Path]:
    """A temporary folder, removed at the end; if this process is killed before, by the next one that needs one.

    It is locked for as long as it is in use, and the system opens the lock of whoever dies.
    """
    _sweep()
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
        descriptor = os.open(folder, os.O_RDONLY)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if folder.exists():
            break
        os.close(descriptor)  # somebody swept it before it was locked
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(descriptor)


def _sweep() -> None:
    """Remove what killed workers left."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with suppress(OSError):
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                if os.fstat(descriptor).st_uid == os.getuid():
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(descriptor)
