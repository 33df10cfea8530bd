"""How a command ends: exit codes, one sentence for each error, and a clean stop on Ctrl-C or SIGTERM."""

from __future__ import annotations

import errno
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import IntEnum
from types import FrameType

import typer

from searchitect.errors import SearchitectError

__all__ = ["ExitCode", "Terminated", "boundary", "stoppable"]


class ExitCode(IntEnum):
    """What a script may rely on."""

    OK = 0
    ERROR = 1  # something the user can put right; also a disk that is full or may not be written
    USAGE = 2  # the command line itself: unknown command or option, missing argument
    NOTHING_FOUND = 3  # the study ended, and no trial was complete and within the limits
    DIFFERS = 4  # `verify` found something that does not agree
    OUR_FAULT = 70  # an error that Searchitect did not foresee
    INTERRUPTED = 130  # Ctrl-C
    TERMINATED = 143  # SIGTERM


class Terminated(KeyboardInterrupt):
    """SIGTERM arrived; unwinds like Ctrl-C."""


def _nothing_to_add() -> str:
    return ""


@contextmanager
def boundary(debug: bool = False, *, go_on: Callable[[], str] = _nothing_to_add) -> Iterator[None]:
    """Turn whatever a command raises into one sentence on stderr and an exit code.

    Args:
        debug: let errors through, with their traceback.
        go_on: what to say after an interruption, such as how to resume.
    """
    try:
        yield
    except typer.Exit:
        raise
    except KeyboardInterrupt as stop:
        _say(f"stopped by {'SIGTERM' if isinstance(stop, Terminated) else 'Ctrl-C'}. {go_on()}".rstrip())
        terminated = isinstance(stop, Terminated)
        raise typer.Exit(ExitCode.TERMINATED if terminated else ExitCode.INTERRUPTED) from None
    except Exception as error:
        if debug:
            raise
        code, sentence = _explained(error)
        _say(sentence)
        raise typer.Exit(code) from None


def _explained(error: Exception) -> tuple[ExitCode, str]:
    if isinstance(error, SearchitectError):
        return ExitCode.ERROR, f"error: {error}"
    if isinstance(error, BrokenPipeError):
        return ExitCode.ERROR, ""
    if isinstance(error, OSError):
        where = f": {error.filename}" if error.filename else ""
        hint = "\n  hint: free some space and run it again: nothing is lost" if error.errno == errno.ENOSPC else ""
        return ExitCode.ERROR, f"error: {error.strerror or error}{where}{hint}"
    what = f"{type(error).__name__}: {error}".splitlines()[0]
    return ExitCode.OUR_FAULT, f"error: this was not foreseen: {what}\n  hint: --debug shows where; please report it"


def _say(sentence: str) -> None:
    if sentence:
        typer.echo(sentence, err=True)


@contextmanager
def stoppable() -> Iterator[None]:
    """While this holds, SIGTERM unwinds like Ctrl-C instead of killing: workers are stopped, the journal is closed."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _terminate(number: int, frame: FrameType | None) -> None:
    raise Terminated
