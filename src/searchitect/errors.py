"""The one error tree.

A message says what was expected, what came, where, and what to type instead. `did_you_mean` adds the nearest
valid name. `assert` is reserved for our own bugs.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = [
    "ConfigError",
    "ConstraintError",
    "EvaluationError",
    "ExportError",
    "MissingExtraError",
    "SearchitectError",
    "SpaceError",
    "StorageError",
    "TaskError",
    "TrialStopped",
    "did_you_mean",
]


LONGEST = 4_000
"""Letters of a message; of a longer one, which repeats what somebody else wrote, the middle is left out."""


class SearchitectError(Exception):
    """Anything the user can put right. The command line prints its text alone, without a traceback.

    Args:
        message: one sentence: what was expected, what came, where.
        hint: what to type instead; printed on its own line.
    """

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        message = message if len(message) <= LONGEST else f"{message[: LONGEST // 2]} … {message[-LONGEST // 2 :]}"
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return self.message if self.hint is None else f"{self.message}\n  hint: {self.hint}"

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.message, self.hint))


class SpaceError(SearchitectError):
    """A search space, an architecture or a move on it is not well formed."""


class ConstraintError(SearchitectError):
    """A limit cannot be read, contradicts another, or leaves nothing to search."""


class TaskError(SearchitectError):
    """The data cannot serve: unreadable, empty, of one class, of a wrong type."""


class EvaluationError(SearchitectError):
    """One evaluation went wrong; the trial fails with this reason and the study goes on."""


class StorageError(SearchitectError):
    """The store cannot be read or written, or holds something else under this name."""


class ConfigError(SearchitectError):
    """An argument, an option or a line of a configuration file is wrong."""


class MissingExtraError(ConfigError):
    """A feature needs packages that are not installed.

    Args:
        feature: what cannot be done, as a noun phrase ("the report page").
        extra: the extra that brings the packages ("report").
    """

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(
            f"{feature} needs the extra '{extra}', which is not installed",
            hint=f'pip install "searchitect[{extra}]"',
        )
        self.feature, self.extra = feature, extra

    def __reduce__(self) -> tuple[object, ...]:
        return (MissingExtraError, (self.feature, self.extra))


class ExportError(SearchitectError):
    """An exported file could not be written or does not agree with the model it was made from."""


class TrialStopped(BaseException):
    """The study ends this trial early; `Context.report` raises it. Raise it yourself to give a trial up.

    Let it pass: the trial is *pruned*, with what it reported last. Or catch it, save what should be kept, and return
    measurements: the trial is pruned with those. Like `KeyboardInterrupt` it is no `Exception`, so that a function that
    survives its own errors does not train on by mistake.
    """


MAX_LISTED = 2_000
"""Characters of the valid names that a hint lists."""


def did_you_mean(name: str, valid: Iterable[str]) -> str:
    """Return a hint naming the nearest valid name, or all of them where none is near."""
    names = sorted(valid)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    if near:
        return f"did you mean '{near[0]}'?"
    listed = ", ".join(names)
    # The names may be those of a damaged file.
    return "one of: " + (listed if len(listed) <= MAX_LISTED else listed[:MAX_LISTED] + " …")


def _rebuild(kind: type[SearchitectError], message: str, hint: str | None) -> SearchitectError:
    return kind(message, hint=hint)
