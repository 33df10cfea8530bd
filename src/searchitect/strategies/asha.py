"""Asynchronous successive halving, by promotion (Li et al., MLSys 2020, algorithm 2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from searchitect.strategies.halving import RungRecord, continuation
from searchitect.strategies.rung_samplers import make_sampler
from searchitect.strategies.rungs import RungAlarm, make_ladder, promoted
from searchitect.strategies.strategy import Belief, Setting
from searchitect.trial import Proposal, Trial

__all__ = ["ASHA"]


class ASHA:
    """Promote whatever is in the top 1/η of its rung so far, the highest rung first; else begin a new configuration.

    Nothing is waited for: a configuration may be promoted that would not have been, had the others ended.

    Args:
        eta: η.
        r_min: least amount of an evaluation; see `make_ladder`.
        axis: what a rung spends more of: "epochs", "data_fraction", "resolution".
        sampler: "random", or the strategy that chooses new configurations; `sampler_options` are its own.

    Raises:
        ConfigError: a number is out of range, or it is not known what a full evaluation spends.
    """

    def __init__(
        self,
        setting: Setting,
        *,
        eta: int = 3,
        r_min: float | None = None,
        axis: str = "epochs",
        sampler: str = "random",
        sampler_options: Mapping[str, Any] | None = None,
    ) -> None:
        self._setting = setting
        self._ladder = make_ladder(setting, eta=eta, r_min=r_min, axis=axis)
        self._sampler = make_sampler(setting, self._ladder, sampler, sampler_options)
        self._record = RungRecord(setting, self._ladder)
        self._continued: set[int] = set()
        self._tops: dict[int, tuple[int, list[Trial]]] = {}

    def ask(self, number: int) -> Proposal | None:
        candidate = self._promotable()
        if candidate is not None:
            return continuation(self._ladder, candidate)
        least = self._record.least
        architecture = self._sampler.draw(number, least)
        if architecture is None:
            return None
        return Proposal(architecture, self._ladder.fidelities[least], keeps=least + 1 < len(self._ladder))

    def tell(self, trial: Trial) -> None:
        self._sampler.tell(trial)
        self._record.tell(trial)
        if trial.proposal.continues is not None:
            self._continued.add(trial.proposal.continues)

    def belief(self) -> Belief:
        """The best trial of the highest rung, how many ended on each, and whether rungs agree."""
        counts = ", ".join(str(len(rung)) for rung in self._record.complete)
        return self._record.belief(f"complete trials per rung: {counts}")

    def alarms(self) -> Sequence[RungAlarm]:
        """Rungs that disagreed so far."""
        return tuple(self._record.alarms)

    def _promotable(self) -> Trial | None:
        """The best trial of the top 1/η of a rung that was not promoted, from the highest rung down."""
        for place in reversed(range(len(self._ladder) - 1)):
            for trial in self._top(place):
                if trial.number not in self._continued:
                    return trial
        return None

    def _top(self, place: int) -> list[Trial]:
        """The top 1/η of a rung, found once for each number of trials that ended there."""
        rung, setting = self._record.complete[place], self._setting
        known = self._tops.get(place)
        if known is None or known[0] != len(rung):
            top = promoted(rung, len(rung) // self._ladder.eta, setting.objectives, setting.constraints)
            known = self._tops[place] = (len(rung), top)
        return known[1]
