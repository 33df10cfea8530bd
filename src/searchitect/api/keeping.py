"""Where a study keeps what its trials leave: its own folder, or a URL that all workers reach."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from searchitect.errors import ConfigError
from searchitect.storage.remote_artifacts import RemoteArtifacts
from searchitect.storage.urls import masked

__all__ = ["artifacts_of", "check_artifacts", "kept_artifacts"]


def check_artifacts(url: Any, workers: int) -> None:
    """Refuse what cannot be the place of a study's files.

    Raises:
        ConfigError: with what to type instead.
    """
    if url is None:
        return
    if not isinstance(url, str):
        raise ConfigError(f"artifacts is a URL, got {url!r}", hint="artifacts='s3://bucket/runs'")
    if RemoteArtifacts(url, "").protocol == "memory" and workers:
        raise ConfigError("memory:// is seen by one process only", hint="workers=0, or file:///shared/runs")


def artifacts_of(url: str | None, study: str, known: Mapping[str, Any] | None) -> RemoteArtifacts | None:
    """The place of a study's files, tried before anything is spent; None where it is the study's folder.

    Args:
        url: as asked for.
        study: name of the folder below the URL.
        known: the manifest of a study that exists; None for a new one.

    Raises:
        ConfigError: it cannot be written to, the study keeps its files elsewhere, or those of another lie there.
        MissingExtraError: fsspec is not installed.
    """
    begun = None if known is None else known["recorded"].get("artifacts")
    shown = None if url is None else masked(url)
    if known is not None and shown != begun:
        raise ConfigError(
            f"this study keeps the files of its trials {'in its folder' if begun is None else f'at {begun}'}, "
            f"not {'in its folder' if shown is None else f'at {shown}'}",
            hint="leave artifacts out" if begun is None else f"artifacts={begun!r}",
        )
    if url is None:
        return None
    _refuse_masked(url)
    made = RemoteArtifacts(url, study)
    made.check()
    if known is None and made.numbers():
        raise ConfigError(
            f"files of another study called {study!r} lie at {made.shown}", hint="another name, or remove them"
        )
    return made


def kept_artifacts(recorded: Mapping[str, Any], study: str) -> RemoteArtifacts | None:
    """Where a study that exists keeps its files, as it recorded.

    Raises:
        ConfigError: the URL held a password, which no journal keeps.
    """
    url = recorded.get("artifacts")
    if url is None:
        return None
    _refuse_masked(url)
    return RemoteArtifacts(url, study)


def _refuse_masked(url: str) -> None:
    if "***" in url:
        raise ConfigError(
            f"the URL {url} held a secret, which no journal keeps",
            hint="run the same search again, with artifacts=URL; or keep secrets in the protocol's own settings",
        )
