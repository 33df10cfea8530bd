"""What a reader of a result must know before believing it: one sentence each, from the journal alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from searchitect.study.alarms import fidelity_warnings
from searchitect.study.incidents import incident_lines
from searchitect.study.pruning import pruning_notes
from searchitect.study.scored import proxy_warnings

if TYPE_CHECKING:
    from searchitect.study.finalists import Finalist
    from searchitect.study.state import StudyState

__all__ = ["cautions"]


def cautions(state: StudyState, finalists: Sequence[Finalist], folder: Path | None) -> tuple[str, ...]:
    """Return what a reader of a result must know, one sentence each.

    Args:
        folder: of the run; files that were written there after all are not missed.
    """
    assert state.manifest is not None
    said = list(state.manifest["recorded"].get("warnings", ()))
    found = any(trial.is_complete for trial in state.of_phase("search"))
    if "search" in state.phases and found and not finalists:
        said.append("the winner was not confirmed on fresh seeds, so its figure is the best of many and too optimistic")
    said += fidelity_warnings(state) + incident_lines(state)
    if state.running:
        said.append(_without_end(list(state.running)))
    for event in state.marks.get("exported", [])[-1:]:
        gone = [(name, why) for name, why in event["skipped"] if folder is None or not (folder / name).is_file()]
        said += [f"{name} was not written: {why}" for name, why in gone]
    said += proxy_warnings(state.marks) + pruning_notes(state.marks)
    openings = len(state.marks.get("test_repeated", ()))
    if openings:
        said.append(
            f"the test predictions were repeated {openings} time(s) after an interruption, for the same frozen models"
        )
    return tuple(said)


def _without_end(numbers: Sequence[int]) -> str:
    shown = ", ".join(str(number) for number in numbers[:10]) + (" …" if len(numbers) > 10 else "")
    return (
        f"{len(numbers)} trial(s) have started and not ended ({shown}): they run at this moment, or they were cut off "
        "and resume runs them again"
    )
