"""Rehearsal of a journal: every proposal is asked for again, and what was decided is decided again.

A strategy is a fold over what it was told, so that one made anew and told the journal, event by event, must ask exactly
what stands there. Nothing is evaluated here, and the journal is only read: what it says is taken over whether it agrees
or not, so that one difference is not the cause of all that follow it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from searchitect.errors import SearchitectError
from searchitect.seeding import derive
from searchitect.spaces.architecture import Architecture
from searchitect.storage.journal import Event
from searchitect.study import events
from searchitect.study.campaign import Campaign, Confirmation, best_of, confirmed_trials, frozen_models, random_strategy
from searchitect.study.limits import Limit
from searchitect.study.stopping import judged
from searchitect.study.study import Study, proposed, refusals
from searchitect.trial import Proposal, Trial, TrialState

__all__ = ["Finding", "Rehearsal", "no_scores", "rehearse"]

OPENINGS = ("start", "reused", "infeasible")
"""Events that follow from what a strategy was asked."""

_CHANGED = "asking wrote {} that the journal does not have there"


_PLAIN = Proposal(Architecture("", {}))


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that does not agree.

    Attributes:
        row: what was compared: "journal", "proposals", "keys and seeds", "repeats and limits", "stops", "decisions".
        where: place in the journal, or trial.
        expected: what follows from the journal before it.
        found: what stands there.
    """

    row: str
    where: str
    expected: str
    found: str

    def __str__(self) -> str:
        return f"{self.where}: expected {self.expected}, found {self.found}"


@dataclass(slots=True)
class Rehearsal:
    """What agreed and what did not.

    Attributes:
        counts: row to the number of things compared.
        findings: what does not agree, in the order of the journal.
        ended_early: the rest of the journal could not be followed.
    """

    counts: dict[str, int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    ended_early: bool = False

    def compare(self, row: str, where: str, expected: Any, found: Any) -> bool:
        """Count one comparison and note a difference."""
        self.counts[row] = self.counts.get(row, 0) + 1
        if expected == found:
            return True
        self.findings.append(Finding(row, where, _shown(expected), _shown(found)))
        return False


def no_scores(architecture: Architecture) -> Mapping[str, float | str]:
    """Stands for zero-cost scores in a rehearsal: they are read from the journal, never made again."""
    return {"none": "a rehearsal scores nothing anew"}


def rehearse(study: Study, journal: Iterable[Event], campaign: Campaign | None = None) -> Rehearsal:
    """Go through a journal and ask for everything again.

    Args:
        study: as the one of the journal was made, in a store of its own that holds the manifest alone.
        journal: the events after the manifest.
        campaign: what the study did beside its search; None for one that was driven by hand.
    """
    found = Rehearsal()
    for position, event in enumerate(journal, start=2):
        try:
            _follow(study, event, f"event {position}", campaign or Campaign(Limit()), found)
        except (SearchitectError, LookupError, TypeError, ValueError, AttributeError) as error:
            what = error.message if isinstance(error, SearchitectError) else f"{type(error).__name__}: {error}"
            found.findings.append(Finding("journal", f"event {position}", "one that can be followed", what))
            found.ended_early = True
            break
    return found


def _follow(study: Study, event: Event, where: str, campaign: Campaign, found: Rehearsal) -> None:
    kind = event["kind"]
    expected, there = _place(study, event)
    if not found.compare("journal", where, expected, there):
        if kind in ("end", "report", "manifest"):
            return  # of no trial that could be told
    elif kind in OPENINGS:
        _ask_again(study, event, campaign, found)
    elif kind == "report":
        _judge_again(study, event, where, found)
    elif kind in ("finalists", "test_opened"):
        _decide_again(study, event, found)
    study.mark(event)


def _place(study: Study, event: Event) -> tuple[Any, Any]:
    """What the place of an event in the journal demands of it, and what it has."""
    kind, number, running = event["kind"], event.get("number"), study.state.running
    if kind in OPENINGS:
        return f"trial {len(study.state.trials)}", f"trial {number}"
    if kind in ("end", "report"):
        return "a trial that runs", "a trial that runs" if number in running else f"trial {number}"
    if kind == "phase":
        left = [n for n in running if study.state.trials[n].phase == event["phase"]]
        return "no trial without an end", f"trials {left} without an end" if left else "no trial without an end"
    return ("the only manifest", "another manifest") if kind == "manifest" else (None, None)


def _ask_again(study: Study, event: Event, campaign: Campaign, found: Rehearsal) -> None:
    number = len(study.state.trials)
    _enter(study, event.get("phase"), campaign)
    before = study.state.position
    proposal = proposed(study, study.strategy, number)
    what = f"trial {number}"
    if study.state.position != before:
        found.compare("proposals", what, "no event", _CHANGED.format("an event"))
    seed = event["seed"] if event["kind"] == "start" else 0
    told = events.opening_trial(event, seed, TrialState.RUNNING)
    if not found.compare("proposals", what, _asked(proposal), _asked(told.proposal)):
        return
    found.compare("keys and seeds", f"key of {what}", study.space.key(told.architecture), told.key)
    if event["kind"] == "start":
        found.compare("keys and seeds", f"seed of {what}", derive(study.seed, "trial", number), seed)
    found.compare("repeats and limits", what, _verdict(study, told), _written_verdict(event))


def _enter(study: Study, phase: Any, campaign: Campaign) -> None:
    """Make the strategy of a phase as the campaign did, at its first trial."""
    if phase == study.phase:
        return
    if phase == "random":
        study.enter("random", random_strategy(study, campaign.shared))
    elif phase == "confirm" and study.state.marks.get("finalists"):
        study.enter("confirm", Confirmation(confirmed_trials(study), campaign.confirm_seeds))


def _verdict(study: Study, trial: Trial) -> tuple[str, Any]:
    """What becomes of a proposal before it is run: a repeat, infeasible, or a start."""
    of = study.state.find(events.identity(trial.key, trial.proposal))
    if of is not None:
        return "reused", of
    violations = refusals(study, trial.architecture)
    return ("infeasible", events.shortened("; ".join(violations))) if violations else ("start", None)


def _written_verdict(event: Event) -> tuple[str, Any]:
    return event["kind"], event.get("of") if event["kind"] == "reused" else event.get("reason")


def _judge_again(study: Study, event: Event, where: str, found: Rehearsal) -> None:
    """The verdict on a report follows from the trials that had ended before it, or before its trial began."""
    trial, report = study.state.trials[event["number"]], (event["step"], event["measurements"])
    verdicts = []
    for seen in (None, study.state.seen[trial.number]):  # freely, and deterministically
        reason = judged(study, trial, report, seen=seen)[1]
        verdicts.append(None if reason is None else events.shortened(reason))
    found_one = event.get("stop")
    found.compare("stops", where, found_one if found_one in verdicts else verdicts[0], found_one)


def _decide_again(study: Study, event: Event, found: Rehearsal) -> None:
    if event["kind"] == "finalists":
        for arm, numbers in event["arms"].items():
            expected = [trial.number for trial in best_of(study, arm, len(numbers))]
            found.compare("decisions", f"finalists of the {arm}", expected, numbers)
        return
    models, chosen = frozen_models(study)
    found.compare("decisions", "models for the test", models, event["models"])
    found.compare("decisions", "model handed over", chosen, event["handed_over"])


def _asked(proposal: Proposal | None) -> Any:
    return "nothing" if proposal is None else proposal


def _shown(value: Any) -> str:
    if isinstance(value, Proposal):
        names = ("fidelity", "continues", "inherits", "replicate", "parent", "keeps")
        told = {name: getattr(value, name) for name in names if getattr(value, name) != getattr(_PLAIN, name)}
        parts = dict(value.architecture.items()) | told
        value = ", ".join(f"{name}={content}" for name, content in parts.items())
    text = str(value)
    return text if len(text) <= 200 else text[:199] + "…"
