"""Space pruning: options that are not worth trying are left out of most proposals, visibly and for the time being.

Every change is an event of the journal, with its reason, before a strategy is asked again, so that a resumed study
prunes as the uninterrupted one did. Options are judged anew after every ten complete trials; one proposal in four is
not restricted, so that evidence in favour of what was left out can still arrive, and brings it back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from searchitect.errors import ConfigError, did_you_mean
from searchitect.evaluation import Check
from searchitect.seeding import stream
from searchitect.spaces.architecture import Architecture, Value
from searchitect.storage.journal import Event
from searchitect.strategies.strategy import Setting, Strategy, nothing_forbidden
from searchitect.study.pruning_rules import (
    Option,
    Reason,
    by_importance,
    by_known_limits,
    by_measured_limits,
    options_of,
)
from searchitect.study.state import StudyState
from searchitect.trial import Proposal, Trial

if TYPE_CHECKING:
    from searchitect.study.study import Study

__all__ = ["KIND", "SpacePruning", "pruning_notes", "user_event"]

KIND = "space_pruning"
"""The event: {"after": complete trials, "by": "rule" or "user", "out": [{"path", "option", "reason"}], "back": …}."""

FIRST, EVERY = 30, 10
"""Complete trials before options are judged by what was observed, and from one judgement to the next."""

UNRESTRICTED = 0.25
"""Share of the proposals for which nothing is left out."""


class SpacePruning:
    """Which options are left out now: a fold over the pruning events of a study.

    Attributes:
        out: options that are left out, each with its reason.
        kept: options that the user has brought back; no rule leaves them out again.
    """

    def __init__(self) -> None:
        self.out: dict[Option, Reason] = {}
        self.kept: set[Option] = set()
        self._demanded: set[Option] = set()  # left out by the user's word
        self._restricted = False
        self._seen = -1  # complete trials at the last judgement
        self._known: dict[Option, Reason] | None = None  # what limits known beforehand forbid
        self._check: Check = nothing_forbidden

    def guard(self, check: Check) -> Check:
        """Return a check that also forbids what is left out, while a restricted ask is under way."""
        self._check = check
        return self._allowed

    def ask(self, strategy: Strategy, setting: Setting, number: int) -> Proposal | None:
        """Ask a strategy; without restriction one time in four, and where nothing is left within.

        What is told to a strategy is told without restriction, so that nothing it keeps depends on what is left out
        now. One that promises to visit everything (`exhaustive`) is never restricted.
        """
        free = stream(setting.seed, "space pruning", "free", number).random() < UNRESTRICTED
        if free or not self.out or getattr(strategy, "exhaustive", False):
            return strategy.ask(number)
        self._restricted = True
        try:
            proposal = strategy.ask(number)
        finally:
            self._restricted = False
        return strategy.ask(number) if proposal is None else proposal

    def apply(self, event: Event) -> None:
        """Take one pruning event into account."""
        by_user = event["by"] == "user"
        for entry in event["out"]:
            option = _option(entry)
            self.out[option] = entry["reason"]
            self.kept.discard(option)
            if by_user:
                self._demanded.add(option)
        for entry in event["back"]:
            option = _option(entry)
            self.out.pop(option, None)
            if by_user:
                self.kept.add(option)
                self._demanded.discard(option)
        self._seen = event["after"] if not by_user else self._seen

    def replay(self, marks: Mapping[str, Sequence[Event]]) -> None:
        """Take all pruning events of a journal into account."""
        for event in marks.get(KIND, ()):
            self.apply(event)

    def review(self, study: Study) -> None:
        """Judge all options where it is time, and write down what changes."""
        trials = complete_trials(study)
        due = 0 if len(trials) < FIRST else len(trials) - (len(trials) - FIRST) % EVERY
        if due <= self._seen:
            return
        self._seen = due
        setting, observed = study.setting, trials[:due]
        if self._known is None:
            self._known = by_known_limits(setting)
        wanted = dict(self._known)
        if due:
            wanted |= by_importance(setting, observed) | by_measured_limits(setting, observed)
        wanted = {option: reason for option, reason in wanted.items() if option not in self.kept}
        out = {o: r for o, r in wanted.items() if o not in self.out}
        back = [o for o in self.out if o not in wanted and o not in self._demanded]
        if out or back:
            why = f"the evidence after {due} trials no longer speaks against it"
            study.mark(_event(due, "rule", out, dict.fromkeys(back, why)))

    def say(self, study: Study, path: str, option: Value, *, leave_out: bool) -> None:
        """Leave an option out, or bring it back, by the user's word; it holds until the user says otherwise.

        Raises:
            ConfigError: there is no such decision or option, or it is the last one left.
        """
        chosen = (path, _known_option(study.setting, path, option))
        options = options_of(study.setting)[path]
        if leave_out and all((path, other) in self.out or other == chosen[1] for other in options):
            raise ConfigError(f"{option!r} is the last option of {path} that is left", hint="bring another one back")
        change = {chosen: "by the user's word"}
        out, back = (change, {}) if leave_out else ({}, change)
        study.mark(_event(max(self._seen, 0), "user", out, back))

    def _allowed(self, architecture: Architecture) -> Sequence[str]:
        if self._restricted:
            for path, option in self.out:
                if path in architecture and architecture[path] == option:
                    return (f"{path}={option} is left out of the search: {self.out[path, option]}",)
        return self._check(architecture)


def complete_trials(study: Study) -> list[Trial]:
    """The complete trials of the search at its ordinary fidelity, in the order in which they ended."""
    trials = (study.state.trials[number] for number in study.state.ended)
    fidelity = study.setting.fidelity
    return [t for t in trials if t.phase == "search" and t.is_complete and t.proposal.fidelity == fidelity]


def pruning_notes(marks: Mapping[str, Sequence[Event]]) -> list[str]:
    """What a reader of a result must know: which options were left out in the end, and which came back."""
    pruning = SpacePruning()
    pruning.replay(marks)
    back = dict.fromkeys(_option(entry) for event in marks.get(KIND, ()) for entry in event["back"])
    notes = [f"left out of the search: {path}={option}, since {why}" for (path, option), why in pruning.out.items()]
    returned = [f"{path}={option}" for path, option in back if (path, option) not in pruning.out]
    return notes + ([f"left out for a time, then brought back: {', '.join(returned)}"] if returned else [])


def user_event(state: StudyState, leave_out: Sequence[tuple[str, str]], bring_back: Sequence[tuple[str, str]]) -> Event:
    """The event of the user's word about a study that is not open. Options are read as texts.

    Raises:
        ConfigError: no trial has tried such an option, or it is not left out.
    """
    pruning = SpacePruning()
    pruning.replay(state.marks)
    tried: dict[tuple[str, str], Option] = {}
    for trial in state.trials:
        tried.update({(path, str(value)): (path, value) for path, value in trial.architecture.items()})
    gone = {(path, str(value)): (path, value) for path, value in pruning.out}
    for known, asked in ((tried, leave_out), (gone, bring_back)):
        for path, option in asked:
            if (path, option) not in known:
                hint = did_you_mean(f"{path}={option}", [f"{p}={o}" for p, o in known]) if known else None
                what = "has been tried" if known is tried else "is left out"
                raise ConfigError(f"no option {path}={option} {what}", hint=hint)
    word = "by the user's word"
    after = max((event["after"] for event in state.marks.get(KIND, ())), default=0)
    return _event(after, "user", {tried[one]: word for one in leave_out}, {gone[one]: word for one in bring_back})


def _event(after: int, by: str, out: Mapping[Option, Reason], back: Mapping[Option, Reason]) -> Event:
    return {
        "kind": KIND,
        "after": after,
        "by": by,
        "out": _entries(out),
        "back": _entries(back),
    }


def _entries(options: Mapping[Option, Reason]) -> list[dict[str, Any]]:
    return [
        {"path": path, "option": list(value) if isinstance(value, tuple) else value, "reason": reason}
        for (path, value), reason in options.items()
    ]


def _option(entry: Mapping[str, Any]) -> Option:
    value = entry["option"]
    return entry["path"], tuple(value) if isinstance(value, list) else value


def _known_option(setting: Setting, path: str, option: Value) -> Value:
    listed = options_of(setting)
    if path not in listed:
        raise ConfigError(f"no decision {path!r} has options that can be left out", hint=did_you_mean(path, listed))
    named = {str(value): value for value in listed[path]}
    if option in listed[path]:
        return option
    if str(option) not in named:
        raise ConfigError(f"{path} has no option {option!r}", hint=did_you_mean(str(option), named))
    return named[str(option)]
