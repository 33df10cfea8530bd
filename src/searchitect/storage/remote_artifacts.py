"""Files of trials at a URL: S3, Google Storage, Azure, a shared disk, a server behind SSH …"""

from __future__ import annotations

import hashlib
import shutil
import uuid
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from searchitect.errors import ConfigError, EvaluationError, StorageError
from searchitect.evaluation import trial_folder
from searchitect.storage.artifacts import number_of
from searchitect.storage.attempts import MANIFEST, MAX_MANIFEST, Attempt, KeptFile, digest_of, local_files
from searchitect.storage.remote_place import RemotePlace

__all__ = ["RemoteArtifacts"]

_PIECE = 1 << 20


class RemoteArtifacts:
    """The files of the trials of one study. Travels to workers; each connects by itself.

    Args:
        url: see `RemotePlace`.
        study: name of the folder below it.

    Attributes:
        shown: the URL without secrets.

    Raises:
        ConfigError: it is no URL.
    """

    grows = False  # the files of a trial come at its end

    def __init__(self, url: str, study: str) -> None:
        self._place = RemotePlace(url, study)
        self.shown, self.protocol = self._place.shown, self._place.protocol

    def __repr__(self) -> str:
        return f"RemoteArtifacts({self.shown!r})"

    def check(self) -> None:
        """See that something can be written and removed there, before anything is spent.

        Raises:
            ConfigError: it cannot, or the package of its protocol is not installed.
            MissingExtraError: fsspec is not installed.
        """
        fs, root = self._place.connected()
        probe = f"{root}/.probe-{uuid.uuid4().hex}"
        try:
            self._place.make(root)
            fs.pipe_file(probe, b"searchitect")
            fs.rm_file(probe)
        except Exception as error:  # noqa: BLE001 - every protocol raises its own kinds
            raise ConfigError(
                f"artifacts cannot be written at {self.shown}: {self._place.why(error)}",
                hint="credentials come from the protocol's own settings, such as AWS_PROFILE",
            ) from None

    def fetch(self, number: int, folder: Path) -> None:
        """Bring what a trial left into a local folder; nothing where it left nothing. What is there already stays.

        Raises:
            EvaluationError: what lies there is not what was kept.
            StorageError: the place cannot be reached, or there is no room here.
        """
        with self._place.told(f"the files of {trial_folder(number)} could not be fetched from"):
            self._place.tried(lambda: self._fetch(number, folder))

    def keep(self, number: int, folder: Path) -> None:
        """Upload the files of a folder as what this trial left; they count once all are there.

        Raises:
            StorageError: they could not be kept; the study halts, since no other candidate would fare better.
        """
        with self._place.told(f"the files of {trial_folder(number)} could not be kept at"):
            files = dict(local_files(folder))
            before = self._place.tried(lambda: self._attempt(number))
            if files:
                self._place.tried(lambda: self._keep(number, files))
            if before is not None and files:
                self._discard(self._of(number, before.token))
            elif before is not None:
                self.remove(number)

    def numbers(self, name: str | None = None) -> Iterable[int]:
        """The trials below the URL; with `name` those that left a file of this name.

        Raises:
            StorageError: the place cannot be reached.
        """
        with self._place.told("the files of trials could not be listed at"):
            root, found = self._place.path(), set()
            for path in self._place.tried(lambda: self._place.listed(root)):
                parts = path.removeprefix(root).lstrip("/").split("/")
                number = number_of(parts[0])
                if number is not None and (name is None or parts[2:] == [name]):
                    found.add(number)
            return sorted(found)

    def size(self, number: int) -> int:
        """Bytes of all that lies there of a trial, half uploads too; 0 where that cannot be told."""
        with suppress(Exception):
            return sum(int(info.get("size") or 0) for info in self._place.listed(self._of(number)).values())
        return 0

    def remove(self, number: int, name: str | None = None) -> None:
        """Remove what a trial left, or one file of it; first from the manifest, so that it never names what is gone."""
        with suppress(Exception):
            fs = self._place.connected()[0]
            if name is None:
                with suppress(FileNotFoundError):
                    fs.rm_file(self._of(number, MANIFEST))
                self._discard(self._of(number))
                return
            attempt = self._attempt(number)
            if attempt is not None and name in attempt.files:
                rest = {other: kept for other, kept in attempt.files.items() if other != name}
                fs.pipe_file(self._of(number, MANIFEST), Attempt(attempt.token, rest).to_bytes())
                fs.rm_file(self._of(number, attempt.token, name))

    # ---- inside

    def _of(self, number: int, *parts: str) -> str:
        return self._place.path(trial_folder(number), *parts)

    def _attempt(self, number: int) -> Attempt | None:
        """What counts of a trial."""
        try:
            data = self._place.connected()[0].cat_file(self._of(number, MANIFEST), start=0, end=MAX_MANIFEST + 1)
        except FileNotFoundError:
            return None
        return None if len(data) > MAX_MANIFEST else Attempt.from_bytes(data, trial_folder(number))

    def _keep(self, number: int, files: dict[str, Path]) -> None:
        fs = self._place.connected()[0]
        attempt = Attempt(
            uuid.uuid4().hex, {name: KeptFile(path.stat().st_size, digest_of(path)) for name, path in files.items()}
        )
        for name, path in files.items():
            target = self._of(number, attempt.token, name)
            self._place.make(target.rpartition("/")[0])
            fs.put_file(str(path), target)
        fs.pipe_file(self._of(number, MANIFEST), attempt.to_bytes())

    def _discard(self, path: str) -> None:
        with suppress(Exception):
            self._place.connected()[0].rm(path, recursive=True)

    def _fetch(self, number: int, folder: Path) -> None:
        attempt = self._attempt(number)
        if attempt is None:
            return
        folder.mkdir(parents=True, exist_ok=True)
        wanted = {name: kept for name, kept in attempt.files.items() if not _is_there(folder / name, kept)}
        if sum(kept.size for kept in wanted.values()) > shutil.disk_usage(folder).free:
            raise StorageError(f"there is no room on this machine for the files of {trial_folder(number)}")
        for name, kept in wanted.items():
            self._download(self._of(number, attempt.token, name), folder / name, kept)

    def _download(self, source: str, target: Path, kept: KeptFile) -> None:
        """Write a file that is what the manifest says, or none; no more is read than it says."""
        target.parent.mkdir(parents=True, exist_ok=True)
        partial, found, left = target.with_name(f"{target.name}.partial"), hashlib.blake2b(digest_size=32), kept.size
        try:
            with self._place.connected()[0].open(source, "rb") as theirs, partial.open("wb") as ours:
                while left >= 0 and (piece := theirs.read(min(_PIECE, left + 1))):
                    left -= len(piece)
                    found.update(piece)
                    ours.write(piece)
            if left or found.hexdigest() != kept.digest:
                raise EvaluationError(f"{target.parent.name}/{target.name} at {self.shown} is not what was kept there")
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)


def _is_there(path: Path, kept: KeptFile) -> bool:
    return path.is_file() and path.stat().st_size == kept.size and digest_of(path) == kept.digest
