"""One folder at a URL, through fsspec: connected to when it is first needed, in whichever process; tells no secret."""

from __future__ import annotations

import importlib.util
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from searchitect.errors import ConfigError, EvaluationError, MissingExtraError, StorageError, did_you_mean
from searchitect.storage.urls import masked

__all__ = ["RemotePlace"]

_PAUSES = (1.0, 4.0)
"""Seconds before something is tried again."""

_BUCKETS = frozenset({"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "oss", "tos", "oci", "memory"})
"""Where folders need not be made: to make one there could mean to make a bucket."""

T = TypeVar("T")


class RemotePlace:
    """Reads, writes, lists and removes; what it raises are errors of whichever package speaks the protocol.

    Args:
        url: "s3://bucket/runs", "gs://…", "file:///shared/runs", "sftp://host/path"; whatever fsspec knows.
        folder: name of the folder below it.

    Attributes:
        shown: the URL without secrets.
        protocol: what stands before "://".

    Raises:
        ConfigError: it is no such URL.
    """

    def __init__(self, url: str, folder: str) -> None:
        self._url, self._folder = url, folder
        self.shown = masked(url)
        found = re.match(r"([A-Za-z][\w+.-]*)://", url)
        if found is None or "::" in url or "?" in url:
            shown = self.shown.partition("?")[0]
            raise ConfigError(
                f"artifacts is the URL of one place, without a query, got {shown!r}",
                hint="artifacts='s3://bucket/runs'",
            )
        self.protocol = found.group(1).lower()
        if self.protocol in ("file", "local") and not url.partition("://")[2].startswith("/"):
            raise ConfigError(
                f"{url} is another folder in every process", hint="file:///shared/runs, with three slashes"
            )
        self._opened: tuple[Any, str] | None = None

    def __reduce__(self) -> tuple[object, ...]:
        return RemotePlace, (self._url, self._folder)

    def __repr__(self) -> str:
        return f"RemotePlace({self.shown!r})"

    def connected(self) -> tuple[Any, str]:
        """The file system of fsspec, and the path of the folder on it.

        Raises:
            ConfigError: the protocol is unknown, or its package is not installed.
            MissingExtraError: fsspec is not installed.
        """
        if self._opened is None:
            if importlib.util.find_spec("fsspec") is None:
                raise MissingExtraError("artifacts at a URL", "artifacts")
            import fsspec

            if self.protocol not in (known := fsspec.available_protocols()):
                raise ConfigError(
                    f"artifacts at {self.shown}: nothing speaks {self.protocol}://",
                    hint=did_you_mean(self.protocol, known),
                )
            try:
                fs, path = fsspec.core.url_to_fs(f"{self._url.rstrip('/')}/{self._folder}")
            except ImportError as error:
                raise ConfigError(f"artifacts at {self.protocol}:// need a package of their own: {error}") from None
            except ValueError as error:
                raise ConfigError(f"artifacts at {self.shown}: {self.why(error)}") from None
            self._opened = fs, path.rstrip("/")
        self._opened[0].invalidate_cache()  # others write there, too
        return self._opened

    def path(self, *parts: str) -> str:
        """Of something in the folder."""
        return "/".join([self.connected()[1], *parts])

    def make(self, path: str) -> None:
        """Make a folder, where there are such."""
        if self.protocol not in _BUCKETS:
            self.connected()[0].makedirs(path, exist_ok=True)

    def listed(self, path: str) -> dict[str, dict[str, Any]]:
        """All files below a path, by path."""
        try:
            found: dict[str, dict[str, Any]] = self.connected()[0].find(path, detail=True)
        except FileNotFoundError:
            return {}
        return found

    def tried(self, act: Callable[[], T]) -> T:
        """Do something, again after a pause where the place does not answer."""
        for pause in _PAUSES:
            try:
                return act()
            except (EvaluationError, StorageError, ConfigError, PermissionError):
                raise
            except Exception:  # noqa: BLE001 - every protocol raises its own kinds
                time.sleep(pause)
        return act()

    @contextmanager
    def told(self, what: str) -> Iterator[None]:
        """Whatever is raised comes out as an error of ours.

        Raises:
            StorageError: `what`, where, and why.
        """
        try:
            yield
        except (EvaluationError, StorageError):
            raise
        except Exception as error:  # noqa: BLE001 - every protocol raises its own kinds
            raise StorageError(f"{what} {self.shown}: {self.why(error)}") from None

    def why(self, error: Exception) -> str:
        """What an error says, without what stands in the URL and nobody is to read."""
        text = " ".join(str(error).split()).replace(self._url, self.shown)
        password = self._url.partition("://")[2].rpartition("@")[0].partition(":")[2]
        text = text.replace(password, "***") if password else text
        return f"{type(error).__name__}: {text[:200]}"
