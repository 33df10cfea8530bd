"""`Study`: a journal, its fold, and the strategy that is asked and told. No clock, no model, no process."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Any

from searchitect.errors import ConfigError, EvaluationError, SpaceError
from searchitect.evaluation import Check, Facts, Outcome, Reports
from searchitect.objectives import Constraint, Objective, check_consistent, parse_constraint, parse_objective
from searchitect.seeding import derive
from searchitect.spaces.architecture import Architecture
from searchitect.spaces.search_space import SearchSpace
from searchitect.storage import open_store
from searchitect.storage.journal import Event, Store
from searchitect.strategies import Belief, PriorTrial, Setting, Strategy, make_strategy, warmed
from searchitect.strategies.tessellation import niche_features
from searchitect.study import events
from searchitect.study.beliefs import asked_belief
from searchitect.study.costing import predicted_cost
from searchitect.study.incidents import Lessons, named_cause
from searchitect.study.limits import REPEATS_IN_A_ROW
from searchitect.study.manifest import make_manifest, prior_of, refuse_cut_off, refuse_difference
from searchitect.study.pruning import KIND as PRUNED, SpacePruning
from searchitect.study.scored import Score, remembered
from searchitect.study.sessions import Session
from searchitect.study.state import StudyState, folding
from searchitect.study.stopping import Rule, judged, stopping_rule
from searchitect.trial import Fidelity, Proposal, Trial, TrialState

__all__ = ["Facts", "Study", "proposed", "refusals"]


class Study:
    """One search: ask for a trial, evaluate it in any way, tell what came out.

    The same study drives your own loop and `searchitect.search`. Every step is an event in the journal before it
    takes effect, so a study opened again under its name goes on where it stopped: trials that had started and not
    ended are handed out again, under the same number and seed.

    Args:
        space: a class marked with `@space`, or a `SearchSpace`.
        strategy: a name from `STRATEGIES`, or a strategy object.
        objectives: names of measurements, or "minimize NAME"; the first decides which trial is best.
        constraints: limits such as "parameters<=1e5".
        store: URL or path of a store, or an open store; in memory by default.
        name: name of the study in its store.
        facts: what is known of an architecture without training; limits on it are tested before a trial starts.
        allowed: says why an architecture cannot be evaluated at all, such as one that a table does not hold; asked
            before every trial, with limits or without.
        fidelity: what an ordinary evaluation of the search may spend.
        recorded_epochs: where only some numbers of epochs can be asked for, as of a table: these, the full one last.
        budget: expected number of trials; lets strategies size themselves.
        workers: how many trials you will run at the same time, for strategies that mind. A study opened again keeps
            the number it began with.
        prior: what earlier searches found (`api.prior_trials` reads it from studies); the strategy starts from it. It
            is kept in the journal: a study opened again without it has it still.
        stopping: "median" or "curve": `report` then says which running trials are not worth their end; see
            `study.stopping`. A function of your own is a rule too.
        scores: zero-cost scores of an architecture by proxy, higher is better; the search starts from them. A text in
            the place of a score says why there is none. Each architecture is scored once and kept in the journal.
        pool: how many random architectures may be scored before the first trial.
        prune_space: leave options out of most proposals that are not worth trying; see docs/many_objectives.md.
        details: further entries for the manifest that a resumed study must repeat, such as the task.
        recorded: further entries for the manifest that are kept for the record only.
        allow_changed_code: go on although the source of the space differs.
        on_event: called with every event after it is written; an old study begins with its manifest.

    Attributes:
        strategy: the one that is asked in this phase.
        again: numbers of trials that an earlier session started and did not end; `ask` hands them out first.

    Raises:
        StorageError: the study is run by another process, or the store cannot be used.
        ConfigError: the store holds a study of this name that differs; the message names the difference.
    """

    def __init__(
        self,
        space: type | SearchSpace,
        *,
        strategy: str | Strategy = "regularized_evolution",
        options: Mapping[str, Any] | None = None,
        objectives: Sequence[str | Objective] = ("score",),
        constraints: Sequence[str | Constraint] = (),
        seed: int = 0,
        store: str | Store | None = None,
        name: str = "study",
        facts: Facts | None = None,
        allowed: Check | None = None,
        fidelity: Fidelity = Fidelity(),
        recorded_epochs: Sequence[int] = (),
        budget: int | None = None,
        workers: int = 1,
        prior: Sequence[PriorTrial] | None = None,
        scores: Score | None = None,
        pool: int = 1_000,
        stopping: str | Rule | None = None,
        prune_space: bool = False,
        details: Mapping[str, Any] | None = None,
        recorded: Mapping[str, Any] | None = None,
        allow_changed_code: bool = False,
        on_event: Callable[[Event], None] | None = None,
    ) -> None:
        self.space = SearchSpace.of(space)
        self.objectives = _objectives(objectives)
        self.constraints = tuple(parse_constraint(text) for text in constraints)
        check_consistent(self.constraints)
        self.seed, self.name, self._on_event = seed, name, on_event
        self._needed = _needed(self.objectives, self.constraints) | {*niche_features(strategy, options, self.space)}
        self._facts, self._allowed, self.stopping = facts, allowed, stopping_rule(stopping)
        self._lessons, self._verdicts = Lessons(facts), dict[str, Sequence[str]]()
        self._known: set[str] = set()  # what the facts have ever answered
        self.gate: Callable[[Trial], bool] | None = None  # says whether a trial is worth beginning
        self.pruning = SpacePruning() if prune_space else None
        self.setting = Setting(
            self.space, self.objectives, seed, _guarded(self), budget, fidelity, workers, tuple(prior or ()), facts,
            self.constraints, predicted_cost(self, facts), tuple(recorded_epochs), remembered(self, scores), pool,
        )  # fmt: skip

        # A name or an option that is wrong is refused before anything is written.
        self._strategy = _made(strategy, self.setting, options)

        def manifest(old: Event | None) -> Event:
            kept = self.setting if old is None else _kept(self.setting, old, prior is not None)
            if kept != self.setting:
                self.setting = kept
                self._strategy = _made(strategy, self.setting, options)
            return make_manifest(self, _label(strategy), options, details, recorded)

        self._open(store, manifest, allow_changed_code)

    def _open(
        self, store: str | Store | None, manifest: Callable[[Event | None], Event], allow_changed_code: bool
    ) -> None:
        self._exit = ExitStack()
        self.store = store if store is not None and not isinstance(store, str) else open_store(store)
        self._exit.enter_context(self.store.lock(self.name))
        try:
            self._journal = self.store.journal(self.name, create=True)
            self.state = StudyState()
            with folding():
                for _, event in self._journal.read():
                    self.state.apply(event)
            self._session = Session(list(self.state.running), self.store)
            if self.pruning is not None:
                self.pruning.replay(self.state.marks)
            if self.state.manifest is None:
                self._append(manifest(None))
            else:
                refuse_cut_off(self.state.manifest, self.state.position)
                refuse_difference(self.state.manifest, manifest(self.state.manifest), allow_changed_code)
                if self._on_event is not None:
                    self._on_event(self.state.manifest)
        except BaseException:
            self._exit.close()
            raise
        self._strategies: dict[str, Strategy] = {}
        self.enter("search", self._strategy)

    # ---- phases

    def enter(self, phase: str, strategy: Strategy) -> None:
        """Make `strategy` the one that is asked in this phase, and tell it what the journal says of the phase."""
        for trial in self.state.told.get(phase, ()):
            strategy.tell(trial)
        self._strategies[phase] = self.strategy = strategy
        self.again = [n for n in self.state.running if self.state.trials[n].phase == phase]
        self.phase = phase

    def mark(self, event: Event) -> None:
        """Write an event that is not about a trial."""
        self._append(event)

    # ---- ask and tell

    def ask(self) -> Trial | None:
        """Return the next trial to evaluate, already written as started.

        Repeats of earlier evaluations are answered from the journal and infeasible architectures are set aside on the
        way; neither is returned.

        Returns:
            None if the strategy waits for running trials or has nothing left to propose.
        """
        if self.again:
            return self.state.trials[self.again.pop(0)]
        strategy = self._strategies[self.phase]
        for _ in range(REPEATS_IN_A_ROW):
            number = len(self.state.trials)
            proposal = proposed(self, strategy, number)
            if proposal is None:
                return None
            key, seed = self.space.key(proposal.architecture), derive(self.seed, "trial", number)
            trial = Trial(number, proposal, TrialState.RUNNING, key, seed, self.phase)
            of = self.state.find(events.identity(trial.key, proposal))
            if of is not None:
                self._append(events.reused(trial, of))
            elif violations := refusals(self, proposal.architecture):
                self._append(events.infeasible(trial, "; ".join(violations)))
            elif self.gate is not None and not self.gate(trial):
                return None
            else:
                self._append(events.started(trial), trial)
                return trial
        return None

    def report(self, trial: Trial | int, step: int, **measurements: float) -> str | None:
        """Write down an intermediate result of a running trial, and return why it should stop, or None.

        Without a stopping rule the answer is None. What was reported before is not written again, so that a trial that
        is run again after an interruption gets the same answers. To follow the advice, end the trial as pruned::

            if study.report(trial, epoch, accuracy=accuracy):
                study.tell(trial, pruned=True)

        Args:
            step: the epoch, from 1; steps rise.
            measurements: by name; those of the objectives are compared, and `progress`, the share that is done.
        """
        number = trial if isinstance(trial, int) else trial.number
        _demand_running(self, number)
        finite = {name: float(value) for name, value in measurements.items() if math.isfinite(value)}
        record, told = judged(self, self.state.trials[number], (step, finite))
        if record is not None:
            self._append(events.reported(number, step, record.reports[-1][1], told))
        return told

    def tell(
        self,
        trial: Trial | int,
        value: float | None = None,
        *,
        failed: str | None = None,
        cause: str | None = None,
        pruned: bool | str = False,
        reports: Reports = (),
        **measurements: float,
    ) -> Trial:
        """Tell how a trial ended.

        Args:
            trial: what `ask` returned, or its number.
            value: the first objective, where there is no need to name it.
            failed: why there is no result; the trial then counts as failed.
            cause: of a failed one, what ended it, where that was no ordinary error: "memory", "time", "hang", "crash",
                "killed" or "lost". The study learns from it; see docs/reliability.md.
            pruned: the evaluation was ended early, for this reason or, where True, for the one that `report` gave.
            measurements: finite numbers by name; every objective must be among them. Of a pruned trial what was
                reported last, where nothing else is told.

        Returns:
            The finished trial. Without the objectives, or with NaN, it is a failed one that says so.
        """
        number = trial if isinstance(trial, int) else trial.number
        if value is not None:
            measurements = {self.objectives[0].name: value, **measurements}
        if pruned and failed is None:
            return self.end(_pruned(self.state, number, pruned, measurements, reports), self.state.elapsed)
        state = TrialState.COMPLETE if failed is None else TrialState.FAILED
        why = None if cause is None or failed is None else named_cause(cause)
        return self.end(Outcome(number, state, measurements, failed, reports, cause=why), self.state.elapsed)

    def end(self, outcome: Outcome, elapsed: float) -> Trial:
        """Write the end of a running trial; `elapsed` is the working time of the study so far, in seconds."""
        _demand_running(self, outcome.number)
        known = {step for step, _ in self.state.trials[outcome.number].reports}
        outcome = dataclasses.replace(outcome, reports=tuple(r for r in outcome.reports if r[0] not in known))
        event = events.ended(_sound(outcome, self.objectives, _unanswered(self, outcome)), self._needed, elapsed)
        self._append(self._session.noted(event))
        return self.state.trials[outcome.number]

    def check(self, architecture: Architecture) -> Sequence[str]:
        """Why this architecture cannot be evaluated, or the limits it is known to break before any training.

        Strategies ask it often: without limits no model is built for it, as there is before a trial begins.
        """
        if self._allowed is None and (self._facts is None or not self.constraints):
            return refusals(self, architecture, problems=())
        key = architecture.digest()
        if key not in self._verdicts:
            self._verdicts[key] = self._problems(architecture)
        return refusals(self, architecture, problems=self._verdicts[key])

    # ---- reading

    @property
    def trials(self) -> tuple[Trial, ...]:
        """The latest record of every trial, in order of number."""
        return tuple(self.state.trials)

    @property
    def best(self) -> Trial | None:
        """The best complete trial that keeps all limits, or None."""
        from searchitect.study.finalists import best_trial

        return best_trial(self.state.trials, self.objectives, self.constraints)

    def instance(self, trial: Trial) -> Any:
        """The typed view of a trial's architecture."""
        return self.space.instance(trial.architecture)

    def belief(self) -> Belief | None:
        """What the strategy of the search believes now; None for one without a model."""
        return asked_belief(self._strategy, self.state.trials, self.objectives[0].name)

    def close(self) -> None:
        """Release the study, so that another process may run it. Safe to call twice."""
        self._exit.close()

    def __enter__(self) -> Study:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # ---- inside

    def _problems(self, architecture: Architecture) -> Sequence[str]:
        try:
            problems = [] if self.space.contains(architecture) else list(self.space.violations(architecture))
            if not problems and self._allowed is not None:
                problems = list(self._allowed(architecture))
            if problems or self._facts is None:
                return problems
            known = self._facts(architecture, self._needed)
            self._known.update(known)
        except (EvaluationError, SpaceError) as error:
            return [error.message]
        return [limit.explained(known) for limit in self.constraints if limit.name in known and not limit.holds(known)]

    def _append(self, event: Event, opened: Trial | None = None) -> None:
        self._journal.append(event)
        told = self.state.apply(event, opened)
        if event["kind"] == PRUNED and self.pruning is not None:
            self.pruning.apply(event)
        if told:
            strategy = self._strategies[self.phase]
            for trial in told:
                strategy.tell(trial)
        if self._on_event is not None:
            self._on_event(event)


def _needed(objectives: Sequence[Objective], limits: Sequence[Constraint]) -> frozenset[str]:
    """The measurements that objectives and limits are on."""
    return frozenset(objective.name for objective in objectives).union(*(limit.names for limit in limits))


def _guarded(study: Study) -> Check:
    """The check that strategies ask: of what was pruned away they hear as of what is forbidden."""
    return study.check if study.pruning is None else study.pruning.guard(study.check)


def proposed(study: Study, strategy: Strategy, number: int) -> Proposal | None:
    """What the strategy asks for next, of what was not pruned away."""
    if study.pruning is None or study.phase != "search":
        return strategy.ask(number)
    study.pruning.review(study)
    return study.pruning.ask(strategy, study.setting, number)


def refusals(study: Study, architecture: Architecture, problems: Sequence[str] | None = None) -> Sequence[str]:
    """Why no trial of this architecture is begun: by what is known of it, or of trials like it.

    Args:
        problems: what is known of it, where that was asked before.
    """
    known = study._problems(architecture) if problems is None else problems
    return known or study._lessons.of(study.state, study.space, architecture)


def _label(strategy: str | Strategy) -> str:
    return strategy if isinstance(strategy, str) else type(strategy).__name__


def _objectives(texts: Sequence[str | Objective]) -> tuple[Objective, ...]:
    if not texts:
        raise ConfigError("a study needs at least one objective", hint="objectives=['accuracy']")
    return tuple(parse_objective(text) for text in texts)


def _made(strategy: str | Strategy, setting: Setting, options: Mapping[str, Any] | None) -> Strategy:
    if isinstance(strategy, str):
        return make_strategy(strategy, setting, options)
    return warmed(strategy, setting)


def _kept(setting: Setting, old: Event, own_prior: bool) -> Setting:
    """The setting with what the strategy of an existing study was made with; its prior where none was given."""
    prior, settings = setting.prior if own_prior else prior_of(old), old["settings"]
    workers, pool = settings.get("workers", 1), settings.get("proxy_pool", setting.pool)
    return dataclasses.replace(setting, workers=workers, prior=prior, pool=pool)


def _unanswered(study: Study, outcome: Outcome) -> list[Constraint]:
    """Limits on quantities that neither the evaluation nor the facts give."""
    left = [limit for limit in study.constraints if limit.name not in outcome.measurements]
    if left and not study._known:  # a resumed study has asked no facts yet
        study._problems(study.state.trials[outcome.number].architecture)
    return [limit for limit in left if limit.name not in study._known]


def _demand_running(study: Study, number: int) -> None:
    if number not in study.state.running:
        raise ConfigError(
            f"trial {number} is not running in study {study.name!r}",
            hint="tell each trial once, with what study.ask() returned",
        )


def _pruned(
    state: StudyState, number: int, why: bool | str, measurements: Mapping[str, float], reports: Reports
) -> Outcome:
    """The end of a trial that was given up, for this reason or for the one that its reports gave."""
    reason = why if isinstance(why, str) else state.stops.get(number, (0, "it was given up"))[1]
    last = state.trials[number].reports[-1:] if number in state.running else ()
    measured = measurements or dict(last[0][1] if last else {})
    return Outcome(number, TrialState.PRUNED, measured, reason, reports)


def _sound(outcome: Outcome, objectives: Sequence[Objective], limits: Sequence[Constraint]) -> Outcome:
    """The outcome, or a failed one where a complete one lacks an objective or what a limit is on, or holds a NaN."""
    if outcome.state is not TrialState.COMPLETE:
        return outcome
    reason = _unsound(outcome.measurements, [*(o.name for o in objectives), *(limit.name for limit in limits)])
    if reason is None:
        return outcome
    return dataclasses.replace(outcome, state=TrialState.FAILED, measurements={}, reason=reason)


def _unsound(measurements: Mapping[str, Any], wanted: Sequence[str]) -> str | None:
    missing = [name for name in wanted if name not in measurements]
    if missing:
        return f"the evaluation returned no {missing[0]!r}; it returned: {', '.join(measurements) or 'nothing'}"
    for name, value in measurements.items():
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            return f"the evaluation returned {value!r} for {name!r}; a finite number was expected"
    return None
