"""Where the files of trials lie: in folders beside the study, or at the URL of an object store.

A trial always reads and writes a local folder; only the executor carries it (`executors.workplace`), and only the
study throws things away. At a URL the files of a trial lie below `trial-00007/`:

    manifest.json        which attempt counts, and the size and digest of each of its files; written last
    TOKEN/model.safetensors …    what one attempt left; another attempt has another token

An object store renames nothing, but one object is there whole or not at all. So an upload counts from the moment at
which its manifest does; what was cut off before is never read, and goes with the trial.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from searchitect.evaluation import Artifacts, trial_folder

__all__ = ["Kept", "StoredArtifacts", "TrialFolders", "number_of"]


class Kept(Protocol):
    """What the study knows of the files of its trials."""

    grows: bool
    """Whether files of a trial that runs lie there already."""

    def numbers(self, name: str | None = None) -> Iterable[int]:
        """The trials that left files; with `name` those that left one of this name."""
        ...

    def size(self, number: int) -> int:
        """Bytes that the files of a trial take; 0 where it left none."""
        ...

    def remove(self, number: int, name: str | None = None) -> None:
        """Remove what a trial left, or one file of it. What cannot be removed stays, and costs room only."""
        ...


class StoredArtifacts(Artifacts, Kept, Protocol):
    """Both sides of a place that is not a folder: what executors need of it, and what the study does."""


class TrialFolders:
    """Files in folders that all workers see, `root/trial-00007`."""

    grows = True

    def __init__(self, root: Path) -> None:
        self._root = root

    def numbers(self, name: str | None = None) -> Iterable[int]:
        places = self._root.glob("trial-*") if name is None else (p.parent for p in self._root.glob(f"trial-*/{name}"))
        return [number for place in places if (number := number_of(place.name)) is not None]

    def size(self, number: int) -> int:
        try:
            files = (self._root / trial_folder(number)).rglob("*")
            return sum(path.stat().st_size for path in files if path.is_file())
        except OSError:  # a running trial replaces a file at this moment
            return 0

    def remove(self, number: int, name: str | None = None) -> None:
        place = self._root / trial_folder(number)
        if name is None:
            shutil.rmtree(place, ignore_errors=True)
            return
        with suppress(OSError):
            (place / name).unlink()


def number_of(name: str) -> int | None:
    """The trial whose folder bears this name; None where it is no such name."""
    digits = name.removeprefix("trial-")
    return int(digits) if digits != name and digits.isascii() and digits.isdigit() and len(digits) < 20 else None
