"""What goes wrong with machines and workers: run again, learn from, give up, and tell.

An architecture that brought a worker down is *quarantined*: no trial of it is begun again. One that ran out of memory
teaches more: once `TAUGHT` have, and as long as nothing as large has been complete, whatever needs as much is
infeasible, too. Both are pure functions of the journal, and strategies hear of them as of every limit: their `check`
says no, for free.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from searchitect.errors import ConfigError, EvaluationError, SpaceError, StorageError, did_you_mean
from searchitect.evaluation import Cause, Facts, Outcome
from searchitect.spaces.architecture import Architecture
from searchitect.spaces.search_space import SearchSpace
from searchitect.storage.journal import Event
from searchitect.study.events import RETRIED, retried, shortened
from searchitect.study.sessions import CUT_OFF, RECONNECTED
from searchitect.study.state import StudyState
from searchitect.trial import Trial, TrialState

if TYPE_CHECKING:
    from searchitect.study.study import Study

__all__ = [
    "DISCARDED",
    "HALTED",
    "MAX_FAILURES",
    "RETRIES",
    "FailureRate",
    "Lessons",
    "halt",
    "incident_lines",
    "named_cause",
    "run_again",
]

RETRIES = 2
"""How often a trial is run again that was lost with its machine, or whose worker was killed."""

MAX_FAILURES = 0.8
"""Share of the trials of a session that may fail before the search stops."""

LEAST_FAILURES = 10
"""Fewer failures than this are chance."""

TAUGHT = 3
"""So many trials that ran out of memory tell that it was their size, and not something else on the machine."""

HALTED = "halted"
"""Kind of the event of a trial that could not be kept, as where the disk is full: the study stops and runs it again."""

DISCARDED = "discarded"
"""Kind of the event of weights that were removed to keep within a quota."""

_MEMORY = "peak_memory_bytes"
_SHOWN = 12
_TOLD = {
    Cause.MEMORY: "ran out of memory",
    Cause.TIME: "took too long",
    Cause.HANG: "hung",
    Cause.CRASH: "crashed its worker",
    Cause.KILLED: "lost its worker each time",
    Cause.LOST: "lost its machine each time",
}


def run_again(study: Study, outcome: Outcome, retries: int) -> bool:
    """Whether a trial is to be run again, for infrastructure failed and not the trial; written down before it is."""
    attempt = study.state.attempts.get(outcome.number, 0) + 1
    if outcome.cause not in (Cause.KILLED, Cause.LOST) or outcome.halt or attempt > retries:
        return False
    study.mark(retried(outcome, attempt))
    return True


def halt(study: Study, outcome: Outcome) -> StorageError:
    """What stops a study whose machine failed; noted in the journal, where there is still room for that."""
    with suppress(StorageError):
        study.mark({"kind": HALTED, "number": outcome.number, "reason": shortened(outcome.reason or "")})
    return StorageError(
        f"trial {outcome.number} could not be kept: {outcome.reason}",
        hint="once there is room, resume the study: nothing is lost, and this trial is run again",
    )


def named_cause(name: str) -> Cause:
    """The cause of this name.

    Raises:
        ConfigError: there is none.
    """
    if name not in list(Cause):
        raise ConfigError(f"there is no cause {name!r} of a failure", hint=did_you_mean(name, list(Cause)))
    return Cause(name)


class FailureRate:
    """Stops a search most of whose trials fail.

    Trials of earlier sessions do not count: what made them fail may have been put right.

    Args:
        most: share of the finished trials that may fail; 1 for all.
    """

    def __init__(self, most: float) -> None:
        self._most = most
        self._finished = 0
        self._reasons: Counter[str] = Counter()

    def note(self, trial: Trial) -> None:
        """Count a finished trial.

        Raises:
            EvaluationError: more have failed than may; the message says what most often.
        """
        self._finished += 1
        if trial.state is not TrialState.FAILED:
            return
        self._reasons[_alike(trial.reason)] += 1
        failed = self._reasons.total()
        if failed >= LEAST_FAILURES and failed > self._most * self._finished:
            reason, times = self._reasons.most_common(1)[0]
            raise EvaluationError(
                f"{failed} of {self._finished} trials failed, more than max_failures={self._most:g} allows, so the "
                f"study stopped; most often ({times} times): {reason}",
                hint="put it right and resume: nothing is lost; a higher max_failures, up to 1, lets it go on as it is",
            )


def _alike(reason: str | None) -> str:
    """The reason without figures, so that those that differ by a number count as one."""
    words = (reason or "no reason was given").split()
    return " ".join("…" if any(c.isdigit() for c in word) else word for word in words)[:200]


class Lessons:
    """What the journal teaches about architectures that cannot be evaluated here."""

    def __init__(self, facts: Facts | None) -> None:
        self._facts = facts
        self._sizes: dict[str, float | None] = {}

    def of(self, state: StudyState, space: SearchSpace, architecture: Architecture) -> Sequence[str]:
        """Why this architecture is not worth a trial; empty where nothing is known against it."""
        if not state.quarantined:
            return ()
        of = state.quarantined.get(space.key(architecture))
        if of is not None:
            return (f"it is quarantined: trial {of} {_TOLD[Cause(state.causes[of])]}",)
        return tuple(self._too_large(state, architecture))

    def _too_large(self, state: StudyState, architecture: Architecture) -> Iterator[str]:
        """Whether it needs as much memory as those that ran out of it, none of which is smaller than a complete one."""
        failed = [n for n, cause in state.causes.items() if cause == Cause.MEMORY]
        if len(failed) < TAUGHT or self._facts is None:
            return
        own, known = self._size(architecture), [self._size(state.trials[n].architecture) for n in failed]
        least = min((size for size in known if size is not None), default=None)
        if own is None or least is None or own < least:
            return
        ended = (state.trials[n] for n in state.ended)
        if any((self._size(t.architecture) or 0.0) >= least for t in ended if t.is_complete):
            return
        yield f"{_MEMORY}={own:.4g}, and {least:.4g} was too much for the memory there is (trial {failed[0]} ran out)"

    def _size(self, architecture: Architecture) -> float | None:
        key = architecture.digest()
        if key not in self._sizes:
            assert self._facts is not None
            try:
                self._sizes[key] = self._facts(architecture, frozenset({_MEMORY})).get(_MEMORY)
            except (EvaluationError, SpaceError):
                self._sizes[key] = None
        return self._sizes[key]


def incident_lines(state: StudyState) -> list[str]:
    """Each incident of a study as one sentence, in the order of the journal as far as it matters."""
    halted = {event["number"] for event in state.marks.get(HALTED, ())}
    lines = [line for number, told in state.sessions.items() for line in _session_lines(number, told, halted)]
    lines += [_halt_line(state, event) for event in state.marks.get(HALTED, ())]
    lines += [_retry_line(event) for event in state.marks.get(RETRIED, ())]
    lines += [_end_line(state, number, Cause(cause)) for number, cause in state.causes.items()]
    more = len(lines) - _SHOWN
    lines = lines if more <= 0 else [*lines[:_SHOWN], f"{more} more trials were run again or ended in such a way"]
    gone = sum(len(event["numbers"]) for event in state.marks.get(DISCARDED, ()))
    return lines if not gone else [*lines, f"the weights of {gone} trial(s) were removed to keep within the disk quota"]


def _session_lines(number: int, told: Mapping[str, Any], halted: Container[int]) -> Iterator[str]:
    """What was noted with the end of a trial."""
    cut = [n for n in told.get(CUT_OFF, ()) if n not in halted]
    if cut:
        which, them = (f"trial {cut[0]}", "it") if len(cut) == 1 else (f"trials {', '.join(map(str, cut))}", "them")
        yield f"the driver ended while {which} ran; the study went on, and ran {them} again"
    times = told.get(RECONNECTED, 0)
    if times:
        how = "once" if times == 1 else f"{times} times"
        yield f"the connection to the store was lost {how} and opened again, by the end of trial {number}"


def _halt_line(state: StudyState, event: Event) -> str:
    number = event["number"]
    since = "it will be run again" if number in state.running else "it was run again when the study went on"
    return f"trial {number} could not be kept, so the study stopped; {since}: {_short(event['reason'])}"


def _retry_line(event: Event) -> str:
    what = "lost its machine" if event["cause"] == Cause.LOST else "lost its worker, which was killed"
    return f"trial {event['number']} {what}, and was run again (attempt {event['attempt']}): {_short(event['reason'])}"


def _end_line(state: StudyState, number: int, cause: Cause) -> str:
    trial = state.trials[number]
    kept = "; its architecture is quarantined" if state.quarantined.get(trial.key) == number else ""
    return f"trial {number} {_TOLD[cause]}{kept}: {_short(trial.reason)}"


def _short(text: object) -> str:
    said = str(text or "no reason was given")
    return said if len(said) <= 160 else said[:159] + "…"
