"""Successive halving, bracket after bracket: the part that synchronous multi-fidelity strategies share.

A bracket begins with new configurations on its lowest rung. Once all of them have ended, the best 1/η go on, each as a
trial that `continues` its own; until then nothing is asked (`None`). A trial that failed or was pruned is not promoted.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from enum import Enum

from searchitect.strategies.rung_samplers import RungSampler
from searchitect.strategies.rungs import (
    ALARMING_PAIRS,
    Bracket,
    Ladder,
    RungAlarm,
    agreements,
    disagreement,
    promoted,
)
from searchitect.strategies.strategy import Belief, Setting
from searchitect.trial import Proposal, Trial, TrialState

__all__ = ["Halving", "Promote", "RungRecord", "continuation"]

Promote = Callable[[Sequence[Trial], int], list[Trial]]
"""Chooses so many of the trials of a rung, all of which have ended."""


class _Step(Enum):
    NEW = "a new configuration is wanted"
    WAIT = "a rung is incomplete"
    OVER = "the bracket has ended"


class RungRecord:
    """Complete trials by rung; what a strategy by rungs believes; and the rung that new configurations begin on.

    Attributes:
        alarms: pairs of rungs that disagreed, each once, in the order in which it was found.
        least: the lowest rung on which a configuration may begin; an alarm raises it, and nothing lowers it.
    """

    def __init__(self, setting: Setting, ladder: Ladder) -> None:
        self._setting, self._ladder = setting, ladder
        self.complete: list[list[Trial]] = [[] for _ in ladder.fidelities]
        self.alarms: list[RungAlarm] = []
        self.least = 0

    def tell(self, trial: Trial) -> None:
        rung = self._ladder.rung_of(trial.proposal.fidelity)
        if rung is not None and trial.is_complete and trial.reused is None:
            self.complete[rung].append(trial)
            self._watch(rung)

    def _watch(self, rung: int) -> None:
        """Raise the alarm where the order on this rung is not that of the one below.

        It is looked at 8, 16, 32, … trials: who looks at every one finds by chance what he fears.
        """
        looks = len(self.complete[rung]) / ALARMING_PAIRS
        if rung == 0 or rung - 1 < self.least or looks < 1 or not math.log2(looks).is_integer():
            return
        trials = [*self.complete[rung - 1], *self.complete[rung]]
        alarm = disagreement(self._ladder, trials, self._setting.objectives[0], rung - 1)
        if alarm is not None:
            self.alarms.append(alarm)
            self.least = rung

    def belief(self, doing: str) -> Belief:
        """The best trial of the highest rung that has one, what is done now, and whether rungs agree."""
        setting, reached = self._setting, [rung for rung in self.complete if rung]
        if not reached:
            return Belief(note=doing)
        (best,) = promoted(reached[-1], 1, setting.objectives, setting.constraints)
        trials = [trial for rung in self.complete for trial in rung]
        found = agreements(self._ladder, trials, setting.objectives[0])
        told = [f"τ({step}) = {one.tau:.2f}" for step, one in found.items() if one.tau is not None]
        return Belief(best.number, note="; ".join([doing, *told]))


class _Filling:
    """One bracket as it fills: its trials by rung, in the order in which they started."""

    def __init__(self, bracket: Bracket, ladder: Ladder, promote: Promote) -> None:
        self.bracket, self._ladder, self._promote = bracket, ladder, promote
        self.rungs: list[dict[int, Trial]] = [{} for _ in bracket.sizes]
        self._chosen: dict[int, list[Trial]] = {}

    def tell(self, trial: Trial) -> None:
        for rung in self.rungs:
            if trial.number in rung:
                rung[trial.number] = trial
        if trial.state is TrialState.RUNNING:
            place = self._place(trial)
            if place is not None:
                self.rungs[place][trial.number] = trial

    def next(self, *, closed: bool = False) -> tuple[int, Trial] | _Step:
        """A trial to go on with and the rung it goes to, or what else there is to do.

        Args:
            closed: the lowest rung gets no more configurations, since there are none.
        """
        place = max((place for place, rung in enumerate(self.rungs) if rung), default=0)
        if place == 0 and not closed and len(self.rungs[0]) < self.bracket.sizes[0]:
            return _Step.NEW
        waiting = self._waiting(place) if place else []
        if waiting:
            return place, waiting[0]
        if any(not trial.state.is_finished for trial in self.rungs[place].values()):
            return _Step.WAIT
        if place + 1 < len(self.rungs) and (waiting := self._waiting(place + 1)):
            return place + 1, waiting[0]
        return _Step.OVER

    def _waiting(self, place: int) -> list[Trial]:
        """Trials of the rung below, all of which have ended, that are to be continued on this one and are not yet."""
        if place not in self._chosen:
            below = list(self.rungs[place - 1].values())
            count = min(self.bracket.sizes[place], max(1, len(below) // self._ladder.eta))
            self._chosen[place] = self._promote(below, count)
        begun = {trial.proposal.continues for trial in self.rungs[place].values()}
        return [trial for trial in self._chosen[place] if trial.number not in begun]

    def _place(self, trial: Trial) -> int | None:
        """The rung that a trial which starts belongs to; None where it is not of this bracket, as in a warm start."""
        rung = self._ladder.rung_of(trial.proposal.fidelity)
        if rung is None or not 0 <= (place := rung - self.bracket.first) < len(self.rungs):
            return None
        if place > 0:
            return place if trial.proposal.continues in self.rungs[place - 1] else None
        is_open = len(self.rungs[0]) < self.bracket.sizes[0] and not any(self.rungs[1:])
        return 0 if is_open and trial.proposal.continues is None else None


class Halving:
    """Fill one bracket after another, and begin again when all had their turn.

    Args:
        brackets: in their order.
        sampler: says which configurations are new.
        promote: chooses what goes on; by default the best by the objectives.
    """

    def __init__(
        self,
        setting: Setting,
        ladder: Ladder,
        brackets: Sequence[Bracket],
        sampler: RungSampler,
        promote: Promote | None = None,
    ) -> None:
        self._ladder, self._brackets, self._sampler = ladder, brackets, sampler
        objectives, constraints = setting.objectives, setting.constraints
        self._promote = promote or (lambda trials, count: promoted(trials, count, objectives, constraints))
        self._record = RungRecord(setting, ladder)
        self._turn = 0
        self._filling = self._begun()

    def ask(self, number: int) -> Proposal | None:
        filling = self._filling
        step = filling.next()
        if step is _Step.NEW:
            rung = filling.bracket.first
            architecture = self._sampler.draw(number, rung)
            if architecture is not None:
                keeps = rung + 1 < len(self._ladder)
                return Proposal(architecture, self._ladder.fidelities[rung], keeps=keeps)
            step = filling.next(closed=True)
        return None if isinstance(step, _Step) else continuation(self._ladder, step[1])

    def tell(self, trial: Trial) -> None:
        self._sampler.tell(trial)
        self._record.tell(trial)
        self._filling.tell(trial)
        if self._filling.next() is _Step.OVER:
            self._turn += 1
            self._filling = self._begun()

    def belief(self) -> Belief:
        """The best trial of the highest rung, the place in the schedule, and whether rungs agree."""
        if len(self._ladder) == 1:
            return self._record.belief("one rung only: a full evaluation is too short to be divided")
        filling = self._filling
        counts = zip(filling.rungs, filling.bracket.sizes, strict=True)
        told = ", ".join(f"{len(rung)}/{size}" for rung, size in counts)
        return self._record.belief(f"bracket {self._turn + 1}, trials per rung: {told}")

    def alarms(self) -> Sequence[RungAlarm]:
        """Rungs that disagreed so far."""
        return tuple(self._record.alarms)

    def _begun(self) -> _Filling:
        """The next bracket, without the rungs that foretell too little."""
        bracket = self._brackets[self._turn % len(self._brackets)]
        dropped = max(0, self._record.least - bracket.first)
        if dropped:
            bracket = Bracket(bracket.first + dropped, bracket.sizes[dropped:])
        return _Filling(bracket, self._ladder, self._promote)


def continuation(ladder: Ladder, trial: Trial) -> Proposal:
    """The proposal that takes a trial one rung higher; its weights stay as long as another rung may follow."""
    rung = ladder.rung_of(trial.proposal.fidelity)
    assert rung is not None
    return Proposal(
        trial.architecture, ladder.fidelities[rung + 1], continues=trial.number, keeps=rung + 2 < len(ladder)
    )
