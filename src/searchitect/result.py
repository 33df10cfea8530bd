"""`Result`: the frozen view of a study, made from its journal alone. Reading one opens nothing and trains nothing."""

from __future__ import annotations

import importlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from searchitect.errors import ConfigError, StorageError
from searchitect.evaluation import Energy
from searchitect.objectives import Constraint, Objective, parse_constraint, parse_objective
from searchitect.portfolio.planning import check_size, plan_from
from searchitect.portfolio.reading import Records, fresh_portfolio, recorded_portfolio
from searchitect.portfolio.record import Portfolio
from searchitect.portfolio.scenario import Scenario, scenarios_of
from searchitect.portfolio.verdict import judge_portfolios
from searchitect.spaces.architecture import Architecture
from searchitect.spaces.search_space import SearchSpace
from searchitect.storage.journal import Event
from searchitect.strategies import Belief
from searchitect.strategies.niches import parse_niches
from searchitect.strategies.tessellation import NICHED, is_tessellation
from searchitect.study.beliefs import noted_belief
from searchitect.study.campaign import finalists_of
from searchitect.study.cautions import cautions
from searchitect.study.elites import Elites, refuse_unknown, study_elites
from searchitect.study.energy import spent_energy
from searchitect.study.finalists import Finalist, best_trial, handed_over, pareto_front, winner
from searchitect.study.ledger import Spent, spending
from searchitect.study.manifest import refuse_newer
from searchitect.study.scored import proxy_card
from searchitect.study.state import StudyState, folding
from searchitect.study.verdict import Verdict, judge
from searchitect.trial import Fidelity, Trial

__all__ = ["Best", "Result", "read_result"]


@dataclass(frozen=True, slots=True)
class Best:
    """The architecture that won, and the trained model that is handed over.

    Attributes:
        arm: "search", or "random" where random search at equal cost found the better one.
        trial: the trial whose weights are handed over: the confirmation seed with the best validation value; without a
            confirmation the best trial of the search.
        measurements: of that trial, on validation data.
        mean, std: over the confirmation seeds; empty without a confirmation.
        folder: where the trained model lies; None where the study kept no weights.
        space: the user's class, where it is known; catalogue spaces need none.
    """

    architecture: Architecture
    trial: int
    measurements: Mapping[str, float]
    mean: Mapping[str, float] = field(default_factory=dict)
    std: Mapping[str, float] = field(default_factory=dict)
    folder: Path | None = None
    space: type | None = None
    arm: str = "search"

    @property
    def model(self) -> Any:
        """The trained `nn.Module`, preprocessing included, exactly as it was scored.

        Raises:
            ConfigError: the study kept no weights, as with your own training function.
        """
        return self.loaded.model

    @property
    def loaded(self) -> Any:
        """The `deploy.LoadedModel`: model, labels, `predict`."""
        if self.folder is None:
            raise ConfigError(
                "this study kept no trained model: the evaluation was your own function",
                hint="result.best.instance.build(...) makes the model anew",
            )
        return _upward("searchitect.deploy:load")(self.folder, space=self.space)

    @property
    def instance(self) -> Any:
        """The typed view of the architecture: an instance of the space's class."""
        if self.space is None:
            raise ConfigError("the class of the space is not known here", hint="sa.search(...) and resume know it")
        return _upward("searchitect.spaces:SearchSpace").of(self.space).instance(self.architecture)

    def export(self, folder: str | Path) -> tuple[str, ...]:
        """Copy the run's model files into `folder` and return their names."""
        if self.folder is None:
            raise ConfigError("this study kept no trained model, so there is nothing to export")
        return tuple(_upward("searchitect.deploy:copy_files")(self.folder, Path(folder)))

    def retrain(self, task: Any, **recipe: Any) -> Any:
        """Train the architecture from scratch on a task; returns a `deploy.LoadedModel`.

        Args:
            recipe: fields of `Recipe` to change, such as `epochs=100`.
        """
        return _upward("searchitect.api:retrain")(self, task, recipe)


@dataclass(frozen=True, slots=True)
class Result:
    """Everything a study found, as plain data.

    Attributes:
        trials: of all phases ("search", "random", "confirm"), by number.
        finalists: architectures that were evaluated again on fresh seeds.
        best: None where no trial was complete and within the limits.
        front: trials of the search that no other dominates.
        test: test metrics of the handed-over model; empty where there is no test split or it is not opened yet.
        test_models: per model ("search", "random", baselines) {"metrics", "std", "seeds"} on the test split.
        baselines: per classical baseline its validation metrics.
        confusion: of the handed-over model on the test split, rows are true classes.
        stopped_by: how the search ended: "trials", "budget", "until", "exhausted", or "unfinished".
        seconds: working time over all sessions.
        ledger: busy worker seconds per phase.
        counts: trials by state (complete, failed, pruned, infeasible, running, reused); running are those that have no
            end in the journal, because they run at this moment or were cut off.
        warnings: what a reader must know, one sentence each.
        energy: what all evaluations have used, counted or estimated; None before the first has ended.
        costs: what was spent on what: search, random search, confirmation, failures, proxies, reused.
        belief: what the strategy's model held true at the end of the search; None for a strategy without one.
        proxies: of a search that started from zero-cost scores: "card" (per proxy its rank correlation with the results
            and the interval, weight, whether it is off), "scored" (how many architectures), "failed"; else empty.
        served: what a portfolio is read from; `portfolio` does so.
    """

    study: str
    seed: int
    manifest: Mapping[str, Any]
    trials: tuple[Trial, ...]
    objectives: tuple[Objective, ...]
    constraints: tuple[Constraint, ...]
    finalists: tuple[Finalist, ...]
    best: Best | None
    front: tuple[Trial, ...]
    test: Mapping[str, float]
    test_models: Mapping[str, Mapping[str, Any]]
    baselines: Mapping[str, Mapping[str, float]]
    confusion: tuple[tuple[int, ...], ...]
    labels: tuple[str, ...]
    verdict: Verdict
    stopped_by: str
    seconds: float
    ledger: Mapping[str, float]
    counts: Mapping[str, int]
    folder: Path | None = None
    files: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    belief: Belief | None = None
    proxies: Mapping[str, Any] = field(default_factory=dict)
    energy: Energy | None = None
    costs: tuple[Spent, ...] = ()
    served: Records | None = None

    def portfolio(
        self,
        scenarios: str | Path | Iterable[Scenario | Mapping[str, Any]] | None = None,
        size: int | None = None,
    ) -> Portfolio:
        """Return the models chosen for scenarios: one for each, at most `size` different ones.

        Without scenarios, the portfolio of a search for scenarios, as it was chosen, confirmed and tested. With
        scenarios, one for these, from what this search measured; its models are confirmed where they were finalists.

        Args:
            scenarios: as for `sa.search`. A device is called as in the measurements (`latency_ms_NAME`).
            size: of the portfolio; by default as many as scenarios.

        Raises:
            ConfigError: this was no search for scenarios and none are given, or one asks for what was not measured.
        """
        recorded = self.manifest["details"].get("portfolio")
        assert self.served is not None
        if scenarios is None and size is None:
            if recorded is None:
                raise ConfigError(
                    "this was no search for scenarios",
                    hint="result.portfolio('devices.toml'), or name them in sa.search",
                )
            return recorded_portfolio(self.served, plan_from(recorded))
        if scenarios is None and recorded is None:
            raise ConfigError("which scenarios?", hint="result.portfolio('devices.toml', size=2)")
        wanted = scenarios_of(recorded["scenarios"] if scenarios is None else scenarios)
        return fresh_portfolio(self.served, wanted, check_size(size, wanted))

    @property
    def niches(self) -> Any:
        """The niches of the search, as plain data; None where its strategy had none."""
        strategy = self.manifest.get("strategy") or {}
        niches = strategy.get("options", {}).get("niches") if strategy.get("name") in NICHED else None
        return None if is_tessellation(niches) else niches

    def elites(self, niches: Any = None, *, phase: str = "search") -> Elites:
        """Return the best trial of every niche, how many niches have one, and the QD score.

        Args:
            niches: as for the strategy `map_elites`: ["latency_ms<=5", …], {"nested": …}, {"grid": …}, or those of
                another search; by default those of this one. A feature must be among the trials' measurements.
            phase: "search", or "random" for those that random search found at equal cost.

        Raises:
            ConfigError: the search had no niches, or they cannot be read, or no trial tells one of their features.
        """
        if niches is None and self.niches is None:
            raise ConfigError("this search had no niches", hint="result.elites(['parameters<=1e4', 'parameters<=1e5'])")
        read = parse_niches(self.niches if niches is None else niches)
        full = Fidelity.from_json(self.manifest["settings"]["fidelity"])
        space = None if self.best is None or self.best.space is None else SearchSpace.of(self.best.space)
        refuse_unknown(read, self.trials, space)
        return study_elites(self.trials, read, space, self.objectives[0], self.constraints, phase, full)

    def explain(
        self,
        *,
        objective: str | None = None,
        trial: int | None = None,
        baseline: str | int | Architecture = "default",
        limits: Sequence[str] = (),
        model: bool = True,
        inputs: str | Path | None = None,
        methods: Sequence[str] | None = None,
        gradients: str | Path | None = None,
        data: Any = None,
        space: Any = None,
        store: Any = None,
        language: str = "en",
        seconds: float = 60.0,
        seed: int = 0,
    ) -> Any:
        """Why this architecture: an `Explanation`; `.sentences` says it in five, `.write("why.html")` shows it all.

        Which decisions matter, under which rules, what changed on the way to the winner, what single changes would
        cost, how the search went, what the model looks at. See `api.explain` for the arguments and docs/explain.md.
        """
        return _upward("searchitect.api:explain")(
            self, objective=objective, trial=trial, baseline=baseline, limits=limits, model=model, inputs=inputs,
            methods=methods, gradients=gradients, data=data, space=space, store=store, language=language,
            seconds=seconds, seed=seed,
        )  # fmt: skip

    def document(self) -> dict[str, Any]:
        """The JSON document that `--json` prints; its keys are described in docs/cli.md."""
        best = None
        if self.best is not None:
            best = {
                "trial": self.best.trial,
                "found_by": self.best.arm,
                "architecture": self.best.architecture.to_json()["decisions"],
                "measurements": dict(self.best.measurements),
                "mean": dict(self.best.mean),
            }
        return {
            "study": self.study,
            "best": best,
            "test": dict(self.test),
            "baselines": {name: dict(values) for name, values in self.baselines.items()},
            "trials": dict(self.counts),
            "verdict": self.verdict.to_json(),
            "stopped_by": self.stopped_by,
            "files": list(self.files),
            "seconds": round(self.seconds, 3),
            "ledger": {phase: round(seconds, 3) for phase, seconds in self.ledger.items()},
            "energy": None if self.energy is None else {**asdict(self.energy), "text": str(self.energy)},
            "warnings": list(self.warnings),
            "belief": None if self.belief is None else asdict(self.belief),
            "proxies": dict(self.proxies) or None,
            "elites": self._elites_document(),
            "costs": [line.to_json() for line in self.costs],
            "portfolio": self.portfolio().document() if self.manifest["details"].get("portfolio") else None,
        }

    def _elites_document(self) -> dict[str, Any] | None:
        try:
            return None if self.niches is None else self.elites().to_json()
        except ConfigError:  # the class of the space, which makes the features, is not known here
            return None


def read_result(events: Iterable[Event], *, folder: Path | None = None, space: type | None = None) -> Result:
    """Fold the events of a study into its result.

    Raises:
        StorageError: there is no manifest: the journal is empty; or its events do not hang together.
    """
    state = StudyState()
    with folding():
        for event in events:
            state.apply(event)
    if state.manifest is None:
        raise StorageError("this study has no events yet")
    try:
        return result_of(state, folder=folder, space=space)
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        what = f"the journal of this study does not hang together: {type(error).__name__}: {str(error)[:200]}"
        raise StorageError(what, hint="the store was changed or damaged: restore it from a copy") from error


def result_of(state: StudyState, *, folder: Path | None = None, space: type | None = None) -> Result:
    """The result of a study as its state stands."""
    assert state.manifest is not None
    refuse_newer(state.manifest)
    settings = state.manifest["settings"]
    objectives = tuple(parse_objective(text) for text in settings["objectives"])
    limits = tuple(parse_constraint(text) for text in settings["constraints"])
    finalists = _finalists(state, objectives)
    tested = next(iter(state.marks.get("test_result", [])), {})
    task = state.manifest["details"].get("task") or {}
    baselines = {e["name"]: dict(e["measurements"]) for e in state.marks.get("baseline", [])}
    first = objectives[0]
    return Result(
        study=state.manifest["study"],
        seed=state.manifest["seed"],
        manifest=state.manifest,
        trials=tuple(state.trials),
        objectives=objectives,
        constraints=limits,
        finalists=finalists,
        best=_best(state, objectives, limits, finalists, folder, space),
        front=tuple(pareto_front(state.of_phase("search"), objectives, limits)),
        test=dict(tested.get("handed_over", {})),
        test_models={name: dict(one) for name, one in tested.get("models", {}).items()},
        baselines=baselines,
        confusion=tuple(tuple(row) for row in tested.get("confusion", ())),
        labels=tuple(task.get("labels", ())),
        verdict=_nothing_found(state, objectives, limits)
        or _over_scenarios(state, finalists, objectives, tested)
        or judge(state.manifest, finalists, first, limits, tested),
        stopped_by=state.phases["search"]["ended_by"] if "search" in state.phases else "unfinished",
        seconds=state.elapsed,
        ledger=dict(state.seconds),
        counts=_counts(state.trials),
        folder=folder,
        files=tuple(name for event in state.marks.get("exported", [])[-1:] for name in event["files"]),
        warnings=cautions(state, finalists, folder),
        belief=noted_belief(state.marks),
        proxies=proxy_card(state.marks),
        energy=spent_energy(state),
        costs=spending(state),
        served=_records(state, finalists, objectives, folder),
    )


def _records(
    state: StudyState, finalists: Sequence[Finalist], objectives: Sequence[Objective], folder: Path | None
) -> Records:
    assert state.manifest is not None
    tested = next(iter(state.marks.get("test_result", ())), {})
    return Records(
        state.trials,
        finalists,
        objectives,
        Fidelity.from_json(state.manifest["settings"]["fidelity"]),
        next(iter(state.marks.get("portfolio", ())), None),
        next(iter(state.marks.get("served", ())), None),
        tested.get("portfolio"),
        folder,
    )


def _over_scenarios(
    state: StudyState, finalists: Sequence[Finalist], objectives: Sequence[Objective], tested: Mapping[str, Any]
) -> Verdict | None:
    """The verdict of a search for scenarios; None for any other."""
    assert state.manifest is not None
    recorded = state.manifest["details"].get("portfolio")
    if recorded is None or not finalists:
        return None
    return judge_portfolios(plan_from(recorded), finalists, objectives, state.trials, tested.get("portfolio"))


def _finalists(state: StudyState, objectives: Sequence[Objective]) -> tuple[Finalist, ...]:
    chosen = next(iter(state.marks.get("finalists", [])), None)
    return finalists_of(state.trials, chosen, objectives[0])


def _nothing_found(state: StudyState, objectives: Sequence[Objective], limits: Sequence[Constraint]) -> Verdict | None:
    """Why a search that has ended has no winner; None where it has one or still goes on."""
    tried = state.of_phase("search")
    if "search" not in state.phases:
        return None
    if best_trial(tried, objectives, limits) is not None:
        return _nothing_confirmed(state)
    kept = " and ".join(str(limit) for limit in limits)
    if not tried:
        text = f"Nothing was found: no architecture that was drawn keeps {kept or 'what the space demands'}."
    elif any(trial.is_complete for trial in tried):
        text = f"Nothing was found: no trial that was complete keeps {kept}."
    else:
        text = f"Nothing was found: none of {len(tried)} trial(s) was complete; the usual reason: {_usual(tried)}"
    return Verdict("not_compared", text)


def _nothing_confirmed(state: StudyState) -> Verdict | None:
    again = state.of_phase("confirm")
    if "confirm" not in state.phases or not again or any(trial.is_complete for trial in again):
        return None
    text = f"No winner was confirmed: all {len(again)} confirmation trial(s) failed; the usual reason: {_usual(again)}"
    return Verdict("not_compared", text)


def _usual(trials: Iterable[Trial]) -> str:
    reasons = Counter(trial.reason for trial in trials if trial.reason)
    return reasons.most_common(1)[0][0] if reasons else "none was given"


def _best(
    state: StudyState,
    objectives: Sequence[Objective],
    limits: Sequence[Constraint],
    finalists: Sequence[Finalist],
    folder: Path | None,
    space: type | None,
) -> Best | None:
    first = objectives[0]
    won = winner(finalists, None, first, limits)
    if won is None:
        trial = best_trial(state.of_phase("search"), objectives, limits)
        return None if trial is None else Best(trial.architecture, trial.number, _all(trial), space=space)
    trial = handed_over(won, state.trials, first)
    kept = folder if folder is not None and (folder / "architecture.json").is_file() else None
    return Best(won.architecture, trial.number, _all(trial), won.mean, won.std, kept, space, won.arm)


def _all(trial: Trial) -> dict[str, float]:
    timed = {k: v for k, v in trial.clock.items() if k not in ("elapsed", "seconds")}
    return {**trial.measurements, **timed}


def _counts(trials: Iterable[Trial]) -> dict[str, int]:
    counts = dict.fromkeys(("complete", "failed", "pruned", "infeasible", "running", "reused"), 0)
    for trial in trials:
        counts["reused" if trial.reused is not None else trial.state.value] += 1
    return counts


def _upward(path: str) -> Any:
    """The one way to reach a higher layer: a registry string, resolved when called."""
    module, name = path.split(":")
    return getattr(importlib.import_module(module), name)
