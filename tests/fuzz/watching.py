"""Whether reading a file did anything but read it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["TreacherousReadError", "watched"]

FORBIDDEN = frozenset(
    {
        *("os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty", "subprocess.Popen"),
        *("socket.connect", "socket.bind", "shutil.rmtree", "os.remove", "os.rename", "os.rmdir", "os.link"),
        *("os.symlink", "os.chmod", "os.chown", "os.kill", "ctypes.dlopen", "pickle.find_class", "webbrowser.open"),
    }
)


class TreacherousReadError(BaseException):
    """A reader did something that no reader does. No `Exception`: nothing may swallow it."""


_watching = False
_installed = False


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if _watching and (event in FORBIDDEN or (event == "open" and _writes(arguments))):
        raise TreacherousReadError(f"{event}{arguments!r:.200}")


def _writes(arguments: tuple[Any, ...]) -> bool:
    mode = arguments[1] if len(arguments) > 1 else None
    return isinstance(mode, str) and any(letter in mode for letter in "wax+")


@contextmanager
def watched() -> Iterator[None]:
    """Raise where anything is started, connected, removed or written while this holds."""
    global _watching, _installed  # noqa: PLW0603 - an audit hook cannot be taken away again
    if not _installed:
        sys.addaudithook(_hook)
        _installed = True
    _watching = True
    try:
        yield
    finally:
        _watching = False
