"""The manifest of what one attempt of a trial left at a URL: names, sizes and digests, believed only after a look."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from searchitect.errors import EvaluationError, StorageError

__all__ = ["MANIFEST", "MAX_MANIFEST", "Attempt", "KeptFile", "digest_of", "local_files"]

MANIFEST = "manifest.json"

MAX_MANIFEST = 4_000_000
"""Bytes of a manifest; a larger one is none of ours."""

_PIECE = 1 << 20
_TOKEN = re.compile(r"[0-9a-f]{32}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_MAX_NAME = 255


@dataclass(frozen=True, slots=True)
class KeptFile:
    """One file: its size in bytes, and BLAKE2b of what it holds, 32 bytes as hexadecimal digits."""

    size: int
    digest: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """What one attempt left.

    Attributes:
        token: name of its folder.
        files: by path inside, with "/" between parts.
    """

    token: str
    files: Mapping[str, KeptFile]

    def to_bytes(self) -> bytes:
        files = {name: [kept.size, kept.digest] for name, kept in self.files.items()}
        return json.dumps({"version": 1, "token": self.token, "files": files}).encode()

    @classmethod
    def from_bytes(cls, data: bytes, trial: str) -> Attempt | None:
        """Read what somebody may have written who is not us; None where it is cut off or of another form.

        Raises:
            EvaluationError: it names a file that would lie outside its folder.
        """
        try:
            document = json.loads(data)
            token, listed = document["token"], document["files"]
            files = {name: KeptFile(size, digest) for name, (size, digest) in listed.items()}
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return None
        if not (isinstance(token, str) and _TOKEN.fullmatch(token) and all(map(_is_sound, files.values()))):
            return None
        for name in files:
            if not _stays_inside(name):
                raise EvaluationError(f"the files of {trial} lead out of their folder: {name[:80]!r}")
        return cls(token, files)


def _is_sound(kept: KeptFile) -> bool:
    whole = isinstance(kept.size, int) and not isinstance(kept.size, bool) and kept.size >= 0
    return whole and isinstance(kept.digest, str) and _DIGEST.fullmatch(kept.digest) is not None


def _stays_inside(name: str) -> bool:
    """Whether it is a relative path that every system reads alike: no way up, no drive, no backslash, no control."""
    parts = name.split("/")
    plain = all(part not in ("", ".", "..") and len(part.encode(errors="replace")) <= _MAX_NAME for part in parts)
    return plain and name.isprintable() and not set(name) & set('\\:*?"<>|')


def local_files(folder: Path) -> Iterator[tuple[str, Path]]:
    """The files of a folder, by name; links and what is no file are left where they are.

    Raises:
        StorageError: a name cannot be kept at a URL.
    """
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or not path.is_file():
            continue
        name = path.relative_to(folder).as_posix()
        if not _stays_inside(name):
            raise StorageError(f"a file of this name cannot be kept at a URL: {name[:80]!r}")
        yield name, path


def digest_of(path: Path) -> str:
    """BLAKE2b of a file."""
    found = hashlib.blake2b(digest_size=32)
    with path.open("rb") as stream:
        while piece := stream.read(_PIECE):
            found.update(piece)
    return found.hexdigest()
