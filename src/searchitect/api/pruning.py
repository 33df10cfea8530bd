"""The user's word on what a search leaves out: options of a study left out, or brought back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from searchitect.api.opening import opened
from searchitect.errors import ConfigError
from searchitect.storage.journal import Store
from searchitect.study.pruning import pruning_notes, user_event
from searchitect.study.state import StudyState

__all__ = ["prune"]


def prune(
    study: str,
    *,
    leave_out: Sequence[str] = (),
    bring_back: Sequence[str] = (),
    store: str | Path | Store | None = None,
) -> list[str]:
    """Leave options out of a study's search, or bring them back, and say what is left out now.

    What the user says holds until the user says otherwise: no evidence brings such an option back, or leaves it out
    again. The study must not be running; `resume` goes on from here.

    Args:
        leave_out, bring_back: texts such as "cell.edge_0=skip".

    Raises:
        ConfigError: the study does not prune, or has not tried such an option.
        StorageError: there is no such study, or it is run by another process.
    """
    kept = opened(store)
    journal = kept.journal(study)
    if not leave_out and not bring_back:
        return pruning_notes(_state(journal.read()).marks)
    with kept.lock(study):
        state = _state(journal.read())
        if state.manifest is None or not state.manifest["settings"].get("prune_space"):
            raise ConfigError(f"study {study!r} does not prune its space", hint="start one with --prune-space")
        if "search" in state.phases:
            raise ConfigError(f"the search of study {study!r} has ended: nothing can be left out of it any more")
        event = user_event(state, [_pair(text) for text in leave_out], [_pair(text) for text in bring_back])
        journal.append(event)
        state.apply(event)
    return pruning_notes(state.marks)


def _state(events: object) -> StudyState:
    state = StudyState()
    for _, event in events:  # type: ignore[attr-defined]
        state.apply(event)
    return state


def _pair(text: str) -> tuple[str, str]:
    path, equals, option = text.partition("=")
    if not equals or not path or not option:
        raise ConfigError(f"expected PATH=OPTION, got {text!r}", hint="as `searchitect show STUDY` prints decisions")
    return path.strip(), option.strip()
