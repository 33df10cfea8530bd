"""A whole study: search, random search at equal cost, confirmation on fresh seeds, baselines, the test split once."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from searchitect.objectives import Objective
from searchitect.seeding import derive
from searchitect.storage.journal import Event
from searchitect.strategies import make_strategy
from searchitect.strategies.strategy import Setting, Strategy
from searchitect.study.beliefs import noted_belief
from searchitect.study.effort import full_evaluations
from searchitect.study.finalists import Finalist, choose, feasible, handed_over, summarise, winner
from searchitect.study.limits import Limit
from searchitect.study.loop import Runner, run_phase
from searchitect.study.scored import PROXIES, note_proxies
from searchitect.study.study import Study
from searchitect.trial import Fidelity, Proposal, Trial, TrialState

__all__ = [
    "Campaign",
    "Confirmation",
    "Judge",
    "Places",
    "SharedWeights",
    "best_of",
    "confirmed_trials",
    "finalists_of",
    "frozen_models",
    "random_strategy",
    "run_campaign",
]


TRUSTED_RANK_CORRELATION = 0.5
"""Spearman's ρ on held-out trials from which a model's incumbent comes before the best observed trial."""


class Judge(Protocol):
    """Compares frozen models; knows the task, which the study does not."""

    def baselines(self) -> Sequence[str]:
        """Names of the classical baselines worth fitting on this task."""
        ...

    def validate(self, name: str) -> Mapping[str, float]:
        """Fit a baseline and return its validation metrics."""
        ...

    def test(
        self,
        models: Mapping[str, Sequence[int]],
        handed_over: int,
        baselines: Sequence[str],
        places: Mapping[str, Mapping[str, Sequence[int]]] | None = None,
    ) -> Mapping[str, Any]:
        """Open the test split and score everything once.

        Args:
            models: "search" and "random", each with the numbers of its winner's confirmation trials.
            handed_over: the one of these trials whose weights the user gets.
            places: arm to slug of a scenario to the confirmation trials of the model that serves it; given only where
                the study has scenarios.

        Returns:
            The body of the `test_result` event; see docs/storage.md.
        """
        ...


class Places(Protocol):
    """Chooses several models, each for places where it must serve (`portfolio.serving`)."""

    def chosen(self, study: Study) -> Event:
        """The "portfolio" event: which trials of each arm are confirmed, before any of them is."""
        ...

    def compare(self, study: Study, judge: Any) -> None:
        """After the confirmation: write down how alike the models are, once."""
        ...

    def models(self, study: Study) -> Mapping[str, Mapping[str, Sequence[int]]]:
        """Arm to place to the confirmation trials of the model that serves it."""
        ...


@dataclass(frozen=True, slots=True)
class SharedWeights:
    """What a search by shared weights owes to those that train alone.

    Attributes:
        seconds: spent on the shared weights before the study; random search gets them too.
        fidelity: what one trial of random search may spend: it trains, which trials of the search do not.
        epoch_seconds: of one epoch of a training alone; None where it is not known.
    """

    seconds: float
    fidelity: Fidelity
    epoch_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Campaign:
    """What one study does, in order.

    Attributes:
        search: bounds of the search.
        compare: run random search at equal cost.
        confirm_count: finalists per arm at most.
        confirm_seeds: fresh seeds per finalist; 0 leaves the confirmation out.
        confirm_fidelity: what one confirmation may spend at most.
        confirm_until: second of the study at which the confirmation should be over; None for no bound.
        shared: how random search stands beside a search by shared weights; None for any other search.
        places: where several models are handed over, how they are chosen; None where it is one.
    """

    search: Limit
    compare: bool = True
    confirm_count: int = 3
    confirm_seeds: int = 3
    confirm_fidelity: Fidelity = Fidelity()
    confirm_until: float | None = None
    shared: SharedWeights | None = None
    places: Places | None = None


class Confirmation:
    """Proposes every finalist on fresh seeds: replicates 1..n, finalists in turn.

    Args:
        finalists: trials that found the finalists, each with what one of its confirmations may spend.
    """

    def __init__(self, finalists: Iterable[tuple[Trial, Fidelity]], seeds: int) -> None:
        pairs = list(finalists)
        self._proposals = [
            Proposal(trial.architecture, fidelity, replicate=seed, parent=trial.number)
            for seed in range(1, seeds + 1)
            for trial, fidelity in pairs
        ]
        self._next = 0

    def ask(self, number: int) -> Proposal | None:
        return self._proposals[self._next] if self._next < len(self._proposals) else None

    def tell(self, trial: Trial) -> None:
        # One step per proposal: at its start, or at the only word about an infeasible one.
        if trial.state in (TrialState.RUNNING, TrialState.INFEASIBLE):
            self._next += 1


def run_campaign(study: Study, campaign: Campaign, runner: Runner, judge: Judge | None = None) -> str:
    """Run what is left of the study and return how its search ended."""
    ended_by = run_phase(study, "search", runner, campaign.search)
    _note_belief(study)
    note_proxies(study)
    if campaign.compare and study.state.of_phase("search"):
        _run_random(study, campaign, runner, ended_by)
    if campaign.confirm_seeds:
        _run_confirmation(study, campaign, runner)
    if campaign.places is not None and campaign.confirm_seeds:
        campaign.places.compare(study, judge)
    if judge is not None:
        _judge(study, judge, runner, campaign.places)
    return ended_by


def _note_belief(study: Study) -> None:
    """Write down what the strategy's model believes at the end of the search, once."""
    believed = None if study.state.marks.get("belief") else study.belief()
    if believed is not None:
        study.mark({"kind": "belief", **dataclasses.asdict(believed)})


def _run_random(study: Study, campaign: Campaign, runner: Runner, ended_by: str) -> None:
    """Random search with what the search has spent: its busy seconds where time ended it, otherwise its trials."""
    spent = [t for t in study.state.of_phase("search") if t.reused is None and t.state is not TrialState.INFEASIBLE]
    bound, shared = campaign.search.seconds, campaign.shared
    if shared is not None:
        cost = shared.seconds + _busy(study)
        limit = Limit(cost=cost, seconds=None if bound is None else 1.25 * (shared.seconds + bound))
    elif ended_by == "budget":
        # Its trials may run a little longer than meant; time that the search spent on starting up is not made up for.
        limit = Limit(cost=_busy(study), seconds=None if bound is None else 1.25 * bound)
    else:
        limit = Limit(trials=full_evaluations(spent, study.state.trials, study.setting), seconds=bound)
    study.enter("random", random_strategy(study, shared))
    run_phase(study, "random", runner, limit)


def random_strategy(study: Study, shared: SharedWeights | None = None) -> Strategy:
    """The random search beside a search that has ended."""
    spent = [t for t in study.state.of_phase("search") if t.reused is None and t.state is not TrialState.INFEASIBLE]
    own = study.setting
    fidelity = own.fidelity if shared is None else shared.fidelity
    setting = Setting(own.space, own.objectives, derive(study.seed, "random arm"), own.check, len(spent), fidelity)
    return make_strategy("random", setting)


def _busy(study: Study) -> float:
    """Seconds that the search has kept workers busy, with those of its zero-cost scores."""
    return study.state.seconds.get("search", 0.0) + study.state.seconds.get(PROXIES, 0.0)


def _run_confirmation(study: Study, campaign: Campaign, runner: Runner) -> None:
    if not study.state.marks.get("finalists"):
        if campaign.places is not None:
            study.mark(campaign.places.chosen(study))
        study.mark(_choose_finalists(study, campaign, runner))
    study.enter("confirm", Confirmation(confirmed_trials(study), campaign.confirm_seeds))
    run_phase(study, "confirm", runner, Limit(), keep_weights=True)


def confirmed_trials(study: Study) -> list[tuple[Trial, Fidelity]]:
    """The finalists that the journal names, each with what one of its confirmations may spend."""
    chosen = study.state.marks["finalists"][0]
    return [
        (study.state.trials[number], Fidelity.from_json(chosen["fidelities"][arm]))
        for arm, numbers in chosen["arms"].items()
        for number in numbers
    ]


def _choose_finalists(study: Study, campaign: Campaign, runner: Runner) -> Event:
    """The finalists of each arm, the same number for both, and what one confirmation of each arm may spend.

    In a time budget: as many as fit at the full fidelity into what is left of it, by their own measured speed. Where
    not even one per arm fits, the arms share the time equally, and each trains its one for as many epochs as fit.
    """
    arms = [arm for arm in ("search", "random") if study.state.of_phase(arm)]
    left = _seconds_left(campaign, runner, len(arms))
    count = campaign.confirm_count
    while count > 1 and sum(_full_seconds(study, campaign, arm, count) for arm in arms) > left:
        count -= 1
    full = {arm: _full_seconds(study, campaign, arm, count) for arm in arms}
    shares = {arm: min(1.0, left / len(arms) / max(1e-9, full[arm])) for arm in arms}
    if sum(full.values()) <= left:
        shares = dict.fromkeys(arms, 1.0)
    return {
        "kind": "finalists",
        "arms": {arm: [t.number for t in best_of(study, arm, count)] for arm in arms},
        "fidelities": {arm: _shortened(campaign.confirm_fidelity, shares[arm]).to_json() for arm in arms},
    }


def _seconds_left(campaign: Campaign, runner: Runner, arms: int) -> float:
    """Busy seconds of all workers until the confirmation should be over; infinite without a budget of time."""
    if campaign.confirm_until is None:
        return math.inf
    at_once = min(runner.executor.workers, campaign.confirm_seeds * arms)
    return max(0.0, campaign.confirm_until - runner.clock.elapsed()) * at_once


def best_of(study: Study, arm: str, count: int) -> list[Trial]:
    """The trials of an arm that go into the confirmation, best first."""
    if study.state.marks.get("portfolio"):
        members = study.state.marks["portfolio"][0]["arms"].get(arm, {}).get("members", ())
        return [study.state.trials[number] for number in members]
    best = choose(study.state.of_phase(arm), study.objectives, study.constraints, count)
    believed = _believed_best(study) if arm == "search" else None
    if believed is None or believed.key in {trial.key for trial in best[:1]}:
        return best
    return [believed, *(trial for trial in best if trial.key != believed.key)][:count]


def _believed_best(study: Study) -> Trial | None:
    """The trial that the strategy's model believes best, where the model has shown that it can rank.

    The best observed of many trials is the luckiest of the good ones; a model that fits has averaged luck out.
    """
    noted = noted_belief(study.state.marks)
    if noted is None or noted.incumbent is None or len(study.objectives) > 1:
        return None
    if (noted.rank_correlation or 0.0) < TRUSTED_RANK_CORRELATION:
        return None
    kept = feasible([study.state.trials[noted.incumbent]], study.objectives, study.constraints)
    return kept[0] if kept else None


def _full_seconds(study: Study, campaign: Campaign, arm: str, count: int) -> float:
    """Busy seconds of all confirmations of an arm at full fidelity, in proportion to epochs and data."""
    high, spent = campaign.confirm_fidelity, 0.0
    for trial in best_of(study, arm, count):
        measured = trial if trial.reused is None else study.state.trials[trial.reused]
        low = measured.proposal.fidelity
        if campaign.shared is not None and low.epochs == 0:
            spent += campaign.shared.epoch_seconds or 0.0
            continue
        passes = measured.measurements.get("epochs") or (low.epochs or high.epochs or 1) * low.data_fraction
        spent += measured.clock.get("seconds", 0.0) / (passes * low.resolution**2)
    return campaign.confirm_seeds * spent * (high.epochs or 1) * high.data_fraction


def _shortened(fidelity: Fidelity, share: float) -> Fidelity:
    if fidelity.epochs is None or share >= 1.0:
        return fidelity
    passes = fidelity.epochs * share
    epochs = max(1, math.ceil(passes))  # 4.6 epochs are 5 on 92 % of the data: no second is left unused
    part = max(0.05, round(fidelity.data_fraction * passes / epochs, 2))
    return dataclasses.replace(fidelity, epochs=epochs, data_fraction=part)


def finalists_of(trials: Sequence[Trial], chosen: Event | None, objective: Objective) -> tuple[Finalist, ...]:
    """Summaries of all finalists, from the trials of a study and its "finalists" event."""
    if chosen is None:
        return ()
    found = []
    for arm, numbers in chosen["arms"].items():
        fidelity = Fidelity.from_json(chosen["fidelities"][arm])
        confirmed = [t for t in trials if t.phase == "confirm" and t.proposal.fidelity == fidelity]
        found += [summarise(arm, trials[number], confirmed, objective) for number in numbers]
    return tuple(f for f in found if f is not None)


def _judge(study: Study, judge: Judge, runner: Runner, places: Places | None) -> None:
    names = judge.baselines()
    marks = study.state.marks
    done = {event["name"] for event in marks.get("baseline", [])}
    for name in names:
        if name not in done:
            study.mark({"kind": "baseline", "name": name, "measurements": dict(judge.validate(name))})
    if marks.get("test_result"):
        return
    models, chosen = frozen_models(study)
    if chosen is None:
        return
    if marks.get("test_opened"):
        # An earlier session opened it and was cut off: the same frozen models are asked again, and the result says so.
        study.mark({"kind": "test_repeated"})
    else:
        event = {"kind": "test_opened", "models": models, "handed_over": chosen, "baselines": list(names)}
        study.mark(event if places is None else {**event, "places": places.models(study)})
    opened = marks["test_opened"][0]
    result = judge.test(opened["models"], opened["handed_over"], opened["baselines"], **_places(opened))
    study.mark({"kind": "test_result", **result, "clock": {"elapsed": round(runner.clock.elapsed(), 3)}})


def frozen_models(study: Study) -> tuple[dict[str, list[int]], int | None]:
    """Arm to the confirmation trials of its winner, and the trial that is handed over; None where nothing was found."""
    chosen = next(iter(study.state.marks.get("finalists", [])), None)
    finalists = finalists_of(study.state.trials, chosen, study.objectives[0])
    winners = {arm: winner(finalists, arm, study.objectives[0], study.constraints) for arm in ("search", "random")}
    models = {arm: list(f.trials) for arm, f in winners.items() if f is not None}
    # The user gets the best model that is there: where random search found it, that one, and the verdict says so.
    won = winner(finalists, None, study.objectives[0], study.constraints)
    return models, None if won is None else handed_over(won, study.state.trials, study.objectives[0]).number


def _places(opened: Event) -> dict[str, Any]:
    """The argument of `Judge.test` that studies without scenarios leave out."""
    return {"places": opened["places"]} if "places" in opened else {}
