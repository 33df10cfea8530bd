"""One phase of a study on an executor: ask, submit, collect, tell, until a limit is reached."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from searchitect.errors import EvaluationError
from searchitect.evaluation import Executor, Job, Meter, Outcome, trial_folder
from searchitect.storage.artifacts import Kept, StoredArtifacts, TrialFolders
from searchitect.study.alarms import note_alarms
from searchitect.study.checkpoints import WEIGHTS_FOLDER, forget_all, forget_continued
from searchitect.study.costing import PredictedCost, note_cost
from searchitect.study.effort import is_full
from searchitect.study.energy import Metering
from searchitect.study.following import follow
from searchitect.study.gain import expected_gain
from searchitect.study.incidents import MAX_FAILURES, RETRIES, FailureRate, halt, run_again
from searchitect.study.limits import Limit, hopeless
from searchitect.study.quota import Quota
from searchitect.study.study import Study
from searchitect.trial import Trial, TrialState

__all__ = ["Clock", "Runner", "run_phase", "weights_folder"]


def weights_folder(folder: Path, number: int) -> Path:
    """Where a trial that keeps its weights puts them."""
    return folder / WEIGHTS_FOLDER / trial_folder(number)


IN_TIME = 0.7
"""A trial is begun where so much of what it is expected to take is left."""

LATE_FIRST_TRIAL = 30.0
"""Seconds that the first trial of a phase may take even where its time is up already."""


class Clock:
    """Working seconds of a study: what earlier sessions left in the journal plus the time since this one began.

    Args:
        before: from the journal.
        since: reading of `now` when this session began; by default now.
    """

    def __init__(
        self, before: float = 0.0, now: Callable[[], float] = time.monotonic, since: float | None = None
    ) -> None:
        self._before, self._now = before, now
        self._start = now() if since is None else since

    def elapsed(self) -> float:
        return self._before + self._now() - self._start


@dataclass(frozen=True, slots=True)
class Runner:
    """How trials are run.

    Attributes:
        deterministic: only the oldest running trial may end, so that the journal does not depend on who is faster.
        trial_seconds: a trial is stopped after so long; None for no limit.
        folder: where trials that keep their weights put them.
        meter: counts the energy of the machine; None where it has no counter.
        retries: how often a trial is run again that was lost with its machine or whose worker was killed.
        disk_bytes: what weights of trials may take; None for no limit.
        max_failures: share of the search's trials in this session that may fail before it stops; 1 for all.
        artifacts: where they put them instead; None for the folder.
    """

    executor: Executor
    clock: Clock
    device: str = "cpu"
    deterministic: bool = False
    trial_seconds: float | None = None
    folder: Path | None = None
    meter: Meter | None = None
    retries: int = RETRIES
    max_failures: float = MAX_FAILURES
    disk_bytes: int | None = None
    artifacts: StoredArtifacts | None = None

    @property
    def kept(self) -> Kept | None:
        """The files that trials have left; None where none are kept."""
        if self.artifacts is not None:
            return self.artifacts
        return None if self.folder is None else TrialFolders(self.folder / WEIGHTS_FOLDER)


def run_phase(study: Study, phase: str, runner: Runner, limit: Limit, *, keep_weights: bool = False) -> str:
    """Run a phase the study has entered and return how it ended.

    Trials that an earlier session started and did not end are run to their end first, however little of the limit is
    left: they count as started, and an uninterrupted session would have waited for them too.

    Returns:
        "trials", "budget", "until" or "exhausted". A phase that ended in an earlier session is not run again.

    Raises:
        EvaluationError: the first trials all failed, or more did than may; the message carries a reason.
    """
    if phase in study.state.phases:
        _abandon(study, runner)
        _forget(runner, phase)
        return str(study.state.phases[phase]["ended_by"])
    metering = Metering(runner.meter, study.state, phase)
    try:
        reason = _Phase(study, phase, runner, limit, keep_weights).run()
    finally:
        study.gate = None
    clock = {"elapsed": round(runner.clock.elapsed(), 3), **metering.clock()}
    study.mark({"kind": "phase", "phase": phase, "ended_by": reason, "clock": clock})
    _forget(runner, phase)
    return reason


def _forget(runner: Runner, phase: str) -> None:
    """Once the search is over nothing is continued any more."""
    if runner.kept is not None and phase == "search":
        forget_all(runner.kept)


def _abandon(study: Study, runner: Runner) -> None:
    """End what a phase that is over has left without an end, as older versions could: too late to be of use."""
    while study.again:
        reason = "abandoned: it was cut off, and its phase was over before it could be run again"
        study.end(Outcome(study.again.pop(0), TrialState.FAILED, reason=reason), runner.clock.elapsed())


class _Phase:
    def __init__(self, study: Study, phase: str, runner: Runner, limit: Limit, keep_weights: bool) -> None:
        self.study, self.phase, self.runner, self.limit = study, phase, runner, limit
        self.keep_weights = keep_weights
        self.following = follow(study, phase, runner.executor, exact=runner.deterministic)
        self.flying: dict[int, None] = {}
        self.arrived: dict[int, Outcome] = {}
        known = study.state.of_phase(phase)
        # A trial that started in an earlier session counts once, whether it ended or is handed out again.
        again = sum(t.state is TrialState.RUNNING and t.reused is None for t in known)
        self.evaluated = sum(t.reused is None and t.state is not TrialState.INFEASIBLE for t in known) - again
        self.condition_met = any(self._reached(t) for t in known)
        self.begun = max((p["clock"]["elapsed"] for p in study.state.phases.values()), default=0.0)
        ended = [t for t in known if t.is_complete and t.reused is None]
        self.completed = len(ended)
        self.mean_seconds = sum(t.clock.get("seconds", 0.0) for t in ended) / max(1, len(ended))
        self.refused = False  # the last proposal would not end in time
        self.failures = FailureRate(runner.max_failures)
        self.quota = Quota(study, runner.kept, runner.disk_bytes)
        cost = study.setting.cost
        self.predicted = cost if isinstance(cost, PredictedCost) and limit.seconds is not None else None
        self.joules = None if runner.meter is None or limit.joules is None else runner.meter.joules()
        study.gate = self._affordable

    def _reached(self, trial: Trial) -> bool:
        """Whether a trial keeps the stop condition; what a lower rung shows is no result yet."""
        return self.limit.reached(trial) and is_full(trial, self.study.setting.fidelity)

    def run(self) -> str:
        note_alarms(self.study)
        self._note_cost()
        self.quota.keep()
        while True:
            reason = self._fill()
            if not self.flying:
                return reason or "exhausted"
            self._collect()

    def _fill(self) -> str | None:
        """Submit as many trials as there is room for; return why no more are wanted, or None."""
        executor = self.runner.executor
        while len(self.flying) < executor.workers and executor.capacity > 0:
            reason = None if self.study.again else self._enough()
            if reason is not None:
                return reason
            trial = self.study.ask()
            if trial is None:
                return "budget" if self.refused else None
            self._submit(trial)
            self.flying[trial.number] = None
            self.evaluated += 1
        return self._enough()

    def _enough(self) -> str | None:
        """Why no more trials are wanted, or None. The first one is run however late it is."""
        if self.condition_met or self._gains_too_little():
            return "until"
        if self.limit.trials is not None and self.evaluated >= self.limit.trials:
            return "trials"
        if self.evaluated == 0:
            return None
        if self.limit.enough is not None and self.limit.enough():
            return "trials"
        if self.limit.cost is not None and self._cost_of_one_more() > self.limit.cost:
            return "budget"
        left = self._left()
        if left is not None and (left <= 0 or (not self._foresees() and left < IN_TIME * self.mean_seconds)):
            return "budget"
        return "budget" if self._energy_spent() else None

    def _foresees(self) -> bool:
        """Whether the next trial's own cost can be told; otherwise the mean stands for it."""
        return self.predicted is not None and self.predicted.model is not None

    def _affordable(self, trial: Trial) -> bool:
        """Whether a trial would most likely end in time; one that would be cut short is not begun."""
        left, self.refused = self._left(), False
        if left is not None and self.evaluated and self.predicted is not None and self._foresees():
            self.refused = left < IN_TIME * self.predicted.of(trial.proposal)
        return not self.refused

    def _gains_too_little(self) -> bool:
        """Whether the next evaluations are expected to bring no more than the limit says."""
        if self.limit.gain is None:
            return False
        study = self.study
        gain = expected_gain(study.state.of_phase(self.phase), study.objectives[0], study.setting.fidelity)
        return gain is not None and gain <= self.limit.gain

    def _energy_spent(self) -> bool:
        """Whether the machine has counted as much energy as one phase may use, or would with one more trial."""
        if self.joules is None or self.limit.joules is None or self.runner.meter is None:
            return False
        used = self.runner.meter.joules() - self.joules
        return used + 0.5 * used / max(1, self.completed) > self.limit.joules

    def _note_cost(self) -> None:
        if self.predicted is not None:
            note_cost(self.study)

    def _cost_of_one_more(self) -> float:
        """Busy seconds when all that runs has ended, and half of one more trial: the nearest whole number is met."""
        spent = self.study.state.seconds.get(self.phase, 0.0)
        return spent + (len(self.flying) + 0.5) * self.mean_seconds

    def _left(self) -> float | None:
        if self.limit.seconds is None:
            return None
        return self.limit.seconds - (self.runner.clock.elapsed() - self.begun)

    def _submit(self, trial: Trial) -> None:
        left, cap = self._left(), self.runner.trial_seconds
        # Some grace: what was begun in time should end. A first trial may be late, and still gets a chance.
        most = None if left is None else max(1.0 + 1.3 * left, 2.0 * self.mean_seconds or LATE_FIRST_TRIAL)
        bounds = [bound for bound in (cap, most) if bound is not None]
        folder, artifacts, proposal = self.runner.folder, self.runner.artifacts, trial.proposal
        # What goes on from another trial finds it beside its own folder.
        keeps = self.keep_weights or proposal.keeps or proposal.continues is not None
        keep = weights_folder(folder, trial.number) if keeps and folder and artifacts is None else None
        seconds = min(bounds, default=None)
        there = artifacts if keeps else None
        attempt = self.study.state.attempts.get(trial.number, 0)
        job = Job(trial.number, proposal, trial.seed, self.runner.device, seconds, keep, there, attempt)
        self.runner.executor.submit(job)

    def _collect(self) -> None:
        if not self._settled():
            for outcome in self.runner.executor.collect(timeout=1.0):
                if outcome.number not in self.flying or outcome.number in self.arrived:
                    continue  # told twice, or of a job that nobody gave
                if outcome.attempt not in (None, self.study.state.attempts.get(outcome.number, 0)):
                    continue  # that it was lost is known: it is being run again
                if run_again(self.study, outcome, self.runner.retries):
                    self._submit(self.study.state.trials[outcome.number])
                else:
                    self.arrived[outcome.number] = outcome
        for number in self._settled():
            self._end(self.arrived.pop(number))

    def _settled(self) -> list[int]:
        """Numbers of arrived outcomes that may be told now."""
        if not self.runner.deterministic:
            return list(self.arrived)
        oldest = next(iter(self.flying))
        return [oldest] if oldest in self.arrived else []

    def _end(self, outcome: Outcome) -> None:
        if outcome.halt:
            raise halt(self.study, outcome)
        del self.flying[outcome.number]
        if self.runner.meter is not None:
            self.runner.meter.joules()  # often enough that no counter wraps around unseen
        if self.following is not None:
            self.following.settle(outcome.number)
        trial = self.study.end(outcome, self.runner.clock.elapsed())
        note_alarms(self.study)
        self._note_cost()
        if self.runner.kept is not None:
            forget_continued(self.runner.kept, self.study.state, trial)
        self.quota.keep(trial)
        self.condition_met = self.condition_met or self._reached(trial)
        if trial.is_complete:
            self.completed += 1
            self.mean_seconds += (outcome.seconds - self.mean_seconds) / self.completed
        none_yet = not (self.completed or trial.is_complete) and self.runner.max_failures < 1
        reason = hopeless(self.study.state.trials) if none_yet else None
        if reason is not None:
            raise EvaluationError(
                f"the first trials all failed, so the study stopped; the last reason: {reason}",
                hint="searchitect doctor SPACE TASK looks for the cause without training",
            )
        if self.phase == "search":
            self.failures.note(trial)
