"""How a budget is split before anything is spent: search, random search, confirmation, and the rest.

Pure arithmetic on the seconds of one epoch. The rules, in order: a reserve for baselines, test and export; at least one
finalist per arm on every fresh seed, in at most 45 % of what is left; the rest in equal halves for the search and for
random search. Where fewer than ten full trainings fit into a half, a trial of the search may spend a tenth of it, in
seconds whatever the size of the model, and so may one of random search.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from searchitect.errors import ConfigError
from searchitect.evaluation import Energy
from searchitect.objectives import Constraint
from searchitect.study.campaign import Campaign, SharedWeights
from searchitect.study.effort import described
from searchitect.study.gain import GAIN
from searchitect.study.limits import Limit
from searchitect.trial import Fidelity

__all__ = ["Plan", "Row", "Wishes", "make_plan"]

FEWEST_TRIALS = 10
"""Trials per arm below which the fidelity of the search is lowered."""

SHORTEST_COMPARED = 20.0
"""Seconds below which there is no room for random search."""

FEWEST_COMPARED = 3
"""Search trials below which a comparison says nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What the user asked for and what was measured.

    Attributes:
        seconds: the whole budget as a time; None for no bound.
        trials: evaluations of the search.
        total_trials: evaluations of everything ("500trials").
        until: stop conditions of the search.
        workers: evaluations at the same time, at least 1.
        epochs: of one full training; None where the evaluation is the user's own function.
        spent: seconds that reading the data and timing have taken already.
        epoch_seconds: of one epoch on one worker, measured; None where it is not known.
        compare: the user did not switch random search off.
        is_random: the strategy is random search itself.
        confirm_seeds, confirm_count: fresh seeds per finalist, finalists per arm at most.
        shared_seconds: spent before the study on weights that the search shares; None where every trial trains.
        owed_seconds: spent before the study on finding what its trials try; random search gets them too.
        models: handed over; each is a finalist of its arm.
        joules: the whole budget as energy; then `seconds` is the time in which that is used, as estimated.
        device: what it is used on.
    """

    seconds: float | None = None
    trials: int | None = None
    total_trials: int | None = None
    until: tuple[Constraint, ...] = ()
    workers: int = 1
    epochs: int | None = None
    epoch_seconds: float | None = None
    spent: float = 0.0
    compare: bool = True
    is_random: bool = False
    confirm_seeds: int = 3
    confirm_count: int = 3
    shared_seconds: float | None = None
    models: int = 1
    joules: float | None = None
    device: str = "cpu"
    owed_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One part of a plan.

    Attributes:
        what: its name.
        evaluations: how many; None where nothing bounds or predicts them, or the part has none.
        known: how sure that number is: "exactly", "at_most" or "about"; "none" for a part that evaluates nothing.
        seconds: of wall time; None where the budget is no time.
        energy: that busy workers use in this time, estimated; None where that is not known.
    """

    what: str
    evaluations: int | None
    known: Literal["exactly", "at_most", "about", "none"]
    seconds: float | None
    energy: Energy | None = None

    def amount(self) -> str:
        """The number of evaluations for a reader: "≤ 12", "≈ 40", "?"."""
        if self.evaluations is None:
            return "?"
        return {"at_most": "≤ ", "about": "≈ "}.get(self.known, "") + str(self.evaluations)

    def to_json(self) -> dict[str, Any]:
        """Numbers only: `evaluations` is 12, {"at_most": 12}, {"about": 12} or null."""
        count: Any = self.evaluations
        if count is not None and self.known in ("at_most", "about"):
            count = {self.known: count}
        joules = None if self.energy is None else round(self.energy.joules, 1)
        return {"what": self.what, "evaluations": count, "seconds": self.seconds, "joules": joules}


@dataclass(frozen=True, slots=True)
class Plan:
    """The split of a budget.

    Attributes:
        campaign: what the study will do.
        search_fidelity: what one trial of the search may spend.
        expected_trials: of the search; None where nothing bounds or predicts it.
        confirm_seconds: meant for the confirmation; None where the budget is no time.
        reserve: seconds kept for baselines, test and export.
        no_random: why random search is not run; None where it is.
        stopping: the rule by which trials of the search are ended early; what they save goes into more of them.
        scored: what is scored without training before the first trial, in words; within the time of the search.
        workers, device: what is busy meanwhile, for the energy.
        spent: seconds of the search's time that reading the data and timing have taken already.
    """

    campaign: Campaign
    search_fidelity: Fidelity
    expected_trials: int | None
    confirm_seconds: float | None
    reserve: float | None
    no_random: str | None
    stopping: str | None = None
    scored: str | None = None
    workers: int = 1
    device: str = "cpu"
    spent: float = 0.0

    @property
    def energy(self) -> Energy | None:
        """What all rows together are expected to use; None where their time is not known."""
        found = [row.energy for row in self.rows() if row.energy is not None]
        return Energy(sum(e.joules for e in found), sum(e.error for e in found), "model") if found else None

    def rows(self) -> Iterator[Row]:
        """What will be done, in order."""
        for row in self._rows():
            # Baselines, test and export run on one core; all else on every worker.
            workers = 1 if row.known == "none" else self.workers
            used = None if row.seconds is None else Energy.estimated(row.seconds * workers, self.device)
            yield dataclasses.replace(row, energy=used)

    def _rows(self) -> Iterator[Row]:
        campaign, seconds = self.campaign, self.campaign.search.seconds
        search = Row("search", self.expected_trials, "about", seconds)
        if campaign.search.trials is not None:
            search = Row("search", campaign.search.trials, "at_most", seconds)
        yield search
        if campaign.compare:
            # What was spent before the first trial stands in the time of the search alone.
            own = None if seconds is None else seconds - self.spent
            yield dataclasses.replace(search, what="random search", seconds=own)
        else:
            yield Row("random search", 0, "exactly", 0.0)
        finalists = (2 if campaign.compare else 1) * campaign.confirm_count * campaign.confirm_seeds
        yield Row("confirmation", finalists, "at_most" if finalists else "exactly", self.confirm_seconds)
        yield Row("baselines, test, export", None, "none", self.reserve)

    def lines(self) -> Iterator[str]:
        """The plan as sentences and a table, for a terminal."""
        for row in self.rows():
            trials = f"{row.amount():>12} evaluations" if row.known != "none" else " " * 24
            energy = "" if row.energy is None else f" {row.energy.amount:>10}"
            yield f"{row.what:<24} {trials} {_text(row.seconds):>10} s{energy}"
        if self.energy is not None:
            yield f"energy in all: about {self.energy}"
        yield f"one trial of the search: {described(self.search_fidelity)}"
        yield f"one confirmation: {described(self.campaign.confirm_fidelity)}"
        if self.scored:
            yield self.scored
        if self.stopping:
            yield f"stopped early: trials of the search that fall behind ({self.stopping} rule)"
        if self.no_random:
            yield f"no random search: {self.no_random}"


def make_plan(wishes: Wishes) -> Plan:
    """Split the budget."""
    plan = dataclasses.replace(_split(wishes), workers=wishes.workers, device=wishes.device)
    gain = next((limit.limit for limit in wishes.until if limit.name == GAIN), None)
    until = tuple(limit for limit in wishes.until if limit.name != GAIN)
    search = dataclasses.replace(plan.campaign.search, until=until, gain=gain)
    if wishes.joules is not None and wishes.seconds and search.seconds is not None:
        search = dataclasses.replace(search, joules=wishes.joules * search.seconds / wishes.seconds)
    return dataclasses.replace(plan, campaign=dataclasses.replace(plan.campaign, search=search))


def _split(wishes: Wishes) -> Plan:
    no_random = _why_not_compared(wishes)
    arms = 1 if no_random else 2
    if wishes.shared_seconds is not None:
        return _with_shared_weights(wishes, wishes.shared_seconds, arms, no_random)
    if wishes.owed_seconds is not None:
        plan = _by_trials(wishes, arms, no_random)
        owed = SharedWeights(wishes.owed_seconds, plan.search_fidelity, wishes.epoch_seconds)
        return dataclasses.replace(plan, campaign=dataclasses.replace(plan.campaign, shared=owed))
    if wishes.seconds is None:
        return _by_trials(wishes, arms, no_random)
    reserve = min(max(8.0, 0.08 * wishes.seconds), 60.0, 0.25 * wishes.seconds)
    spent = min(wishes.spent, 0.5 * wishes.seconds)
    left = wishes.seconds - reserve - spent
    confirmations = max(1, wishes.confirm_seeds) * arms * wishes.models
    epochs, confirm = _confirmation(wishes, left, confirmations)
    search = (left - confirm) / arms
    fidelity = _search_fidelity(wishes, search, epochs)
    campaign = Campaign(
        Limit(wishes.trials, spent + search, until=wishes.until),
        no_random is None,
        wishes.confirm_count,
        wishes.confirm_seeds,
        Fidelity(epochs=wishes.epochs),
        wishes.seconds - reserve,
    )
    expected = _expected(wishes, fidelity, search)
    return Plan(campaign, fidelity, expected, confirm, reserve, no_random, spent=spent)


def _by_trials(wishes: Wishes, arms: int, no_random: str | None) -> Plan:
    trials, count = wishes.trials, wishes.confirm_count
    if wishes.total_trials is not None:
        each = max(1, wishes.confirm_seeds) * arms
        count = max(wishes.models, min(count, wishes.total_trials // (4 * each)))
        share = max(1, (wishes.total_trials - count * each) // arms)
        trials = share if trials is None else min(trials, share)
    fidelity = Fidelity(epochs=wishes.epochs)
    limit = Limit(trials, until=wishes.until)
    campaign = Campaign(limit, no_random is None, count, wishes.confirm_seeds, fidelity)
    return Plan(campaign, fidelity, trials, None, None, no_random)


def _with_shared_weights(wishes: Wishes, shared: float, arms: int, no_random: str | None) -> Plan:
    """The split of a search whose trials train nothing.

    What the shared weights have cost counts in a budget of time, and random search gets it too.
    """
    if wishes.seconds is None:
        plan, random = _by_trials(wishes, arms, no_random), shared
    else:
        begun = dataclasses.replace(wishes, shared_seconds=None, seconds=wishes.seconds - arms * shared)
        if begun.seconds is None or begun.seconds < SHORTEST_COMPARED:
            raise ConfigError(
                f"a budget of {wishes.seconds:g} s is too short after a supernet that took {shared:.0f} s"
                + (", since random search gets as much" if arms == 2 else ""),
                hint=f"a budget of {2 * SHORTEST_COMPARED + arms * shared:.0f} s, or a number of trials",
            )
        plan = _split(begun)
        random = shared + (plan.campaign.search.seconds or 0.0)
    owed = SharedWeights(shared, _search_fidelity(wishes, random, wishes.epochs), wishes.epoch_seconds)
    until = plan.campaign.confirm_until
    campaign = dataclasses.replace(
        plan.campaign, shared=owed, confirm_until=None if until is None else until + (arms - 1) * shared
    )
    return dataclasses.replace(
        plan, campaign=campaign, search_fidelity=Fidelity(epochs=0), expected_trials=wishes.trials
    )


def _why_not_compared(wishes: Wishes) -> str | None:
    trials = wishes.trials if wishes.total_trials is None else wishes.total_trials // 4
    if wishes.is_random:
        return "the strategy is random search itself"
    if not wishes.compare:
        return "it was switched off"
    if wishes.seconds is not None and wishes.seconds < SHORTEST_COMPARED:
        return f"a budget of {wishes.seconds:g} s leaves no room for it"
    if wishes.owed_seconds is not None:
        few = wishes.owed_seconds < SHORTEST_COMPARED
        return f"a search of {wishes.owed_seconds:.0f} s is too short to compare" if few else None
    if trials is not None and trials < FEWEST_COMPARED:
        return f"{trials} trial(s) are too few to compare"
    return None


def _confirmation(wishes: Wishes, left: float, confirmations: int) -> tuple[int | None, float]:
    """Epochs of one confirmation and the seconds meant for all of them."""
    if not wishes.confirm_seeds:
        return wishes.epochs, 0.0
    if wishes.epochs is None or wishes.epoch_seconds is None:
        return wishes.epochs, 0.3 * left
    # Trainings run in whole waves: three of them on two workers take as long as four.
    waves = math.ceil(confirmations / wishes.workers)
    most = max(1, int(0.45 * left / (wishes.epoch_seconds * waves)))
    epochs = min(wishes.epochs, most)
    return epochs, min(0.45 * left, max(0.3 * left, epochs * wishes.epoch_seconds * waves))


def _search_fidelity(wishes: Wishes, seconds: float, epochs: int | None) -> Fidelity:
    if epochs is None or wishes.epoch_seconds is None:
        return Fidelity(epochs=epochs)
    affordable = seconds * wishes.workers / FEWEST_TRIALS
    if affordable >= wishes.epoch_seconds * epochs:
        return Fidelity(epochs=epochs)
    return Fidelity(epochs=wishes.epochs, seconds=round(affordable, 3))


def _expected(wishes: Wishes, fidelity: Fidelity, seconds: float) -> int | None:
    if wishes.epoch_seconds is None or fidelity.epochs is None:
        return wishes.trials
    each = fidelity.seconds or wishes.epoch_seconds * fidelity.epochs
    fitting = max(1, int(seconds * wishes.workers / each))
    return fitting if wishes.trials is None else min(wishes.trials, fitting)


def _text(seconds: float | None) -> str:
    return "–" if seconds is None else f"{seconds:.0f}"
