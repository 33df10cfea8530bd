"""Zero-cost proxies around any strategy: they say where it starts and what it passes over, never what is best.

A pool of random architectures is scored, and their votes (`predictors.proxy_votes`) decide which of them are trained
first. At least three in ten of these trials are the strategy's own, so that the search keeps its diversity and the
proxies can be checked: each has a trust card, one that misleads is switched off, and after 20 trainings their weights
are learned.

Later they filter, where the strategy proposes without a model: random search and evolution are asked for several
proposals, and the one with the best vote is trained. Again at least three in ten are taken as they come. A strategy
with a model knows more of the results than the proxies do, and is left alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from searchitect.errors import ConfigError
from searchitect.spaces.architecture import Architecture
from searchitect.strategies.proxy_trust import ProxyTrust
from searchitect.strategies.strategy import Belief, Setting, Strategy, expected_by
from searchitect.trial import Proposal, Trial, TrialState

__all__ = ["LEAST_OWN", "ProxySeeding", "seeding_trials"]

LEAST_OWN = 0.3
"""Least share of the strategy's own proposals: with fewer nobody would see that the proxies mislead."""

FEWEST, MOST, SHARE = 5, 20, 0.2
"""Trials that the seeding lasts for: a share of the budget within bounds. Chosen on TransNAS-Bench-101, micro space."""


DRAWS, APART = 4, 10**9
"""Proposals that are compared by vote, and how far apart the numbers lie for which they are drawn."""


class ProxySeeding:
    """Start `strategy` from the zero-cost scores of `setting.scores`, on a pool of `setting.pool` architectures.

    Args:
        strategy: what takes over; it is told every trial from the first.
        own_share: share of the trials that the strategy proposes itself, of the seeding and of those filtered later.
        trials: how many trials the seeding lasts for; by default a fifth of the budget within 5..20.
        bands: bands of equal count by size within which architectures are ranked, so that under a limit the vote is
            not for the largest alone; by default 3 where limits forbid some of the pool, otherwise 1.
        draws: proposals of which the best by vote is taken after the seeding, where the strategy says that its
            proposals differ by number alone (`is_redrawn`); 1 filters nothing.

    Raises:
        ConfigError: `own_share` is less than 0.3, or the setting has no scores.
    """

    def __init__(
        self,
        setting: Setting,
        strategy: Strategy,
        *,
        own_share: float = LEAST_OWN,
        trials: int | None = None,
        bands: int | None = None,
        draws: int = DRAWS,
    ) -> None:
        if not LEAST_OWN <= own_share <= 1.0:
            raise ConfigError(f"own_share must lie between {LEAST_OWN} and 1, got {own_share!r}")
        if setting.scores is None:
            raise ConfigError("there are no zero-cost scores to start from", hint="sa.search(..., proxies='default')")
        if draws < 1:
            raise ConfigError(f"draws is a number from 1 on, got {draws!r}")
        self._scores, self._inner, self._own, self._draws = setting.scores, strategy, own_share, draws
        self._filters = draws > 1 and len(setting.objectives) == 1  # proxies say nothing of a second objective
        self._length = seeding_trials(setting.budget) if trials is None else trials
        self.trust = ProxyTrust(setting, bands)
        self._seen: set[str] = set()
        self._started = 0

    def ask(self, number: int) -> Proposal | None:
        proposal = self._inner.ask(number)
        if proposal is None:
            return None
        if not self._is_own(self._started) and not _goes_on(proposal):
            if self._started < self._length:
                seed = self._recommended()
                proposal = proposal if seed is None else Proposal(seed, proposal.fidelity)
            elif self._filters and getattr(self._inner, "is_redrawn", False):
                proposal = self._filtered(proposal, number)
        self._scores(proposal.architecture)  # now, so that a trial's scores stand before it in the journal
        return proposal

    def tell(self, trial: Trial) -> None:
        self.trust.tell(trial)
        self._seen.add(trial.key)
        # Infeasible ones are told once, all others also when they start.
        self._started += trial.state in (TrialState.RUNNING, TrialState.INFEASIBLE)
        self._inner.tell(trial)

    def belief(self) -> Belief:
        """What the inner strategy believes, and how far the proxies are trusted."""
        believed = getattr(self._inner, "belief", Belief)()
        note = f"{self.trust.note()}; {believed.note}" if believed.note else self.trust.note()
        return replace(believed, note=note)

    def expected(self, architectures: Sequence[Architecture]) -> list[tuple[float, float]] | None:
        """What the inner strategy's model expects of new trainings (`expected_by`)."""
        return expected_by(self._inner, architectures)

    def proxy_trust(self) -> dict[str, Any]:
        """The trust card as JSON: proxy → ρ with its interval on the finished trials, weight, on or off."""
        return self.trust.card()

    def _is_own(self, place: int) -> bool:
        """Spread the strategy's own proposals evenly; the first proposal is a recommended one."""
        return int((place + 1) * self._own) > int(place * self._own)

    def _filtered(self, proposal: Proposal, number: int) -> Proposal:
        """The best by vote of this proposal and of what the strategy would have proposed under other numbers."""
        others = [self._inner.ask(number + APART * place) for place in range(1, self._draws)]
        drawn = {one.architecture: one for one in (proposal, *others) if one is not None and not _goes_on(one)}
        found = self.trust.votes(list(drawn))
        return list(drawn.values())[found.index(max(found))]

    def _recommended(self) -> Architecture | None:
        pool = self.trust.pool
        for place in self.trust.best_first():
            if pool.keys[place] not in self._seen:
                return pool.architectures[place]
        return None


def _goes_on(proposal: Proposal) -> bool:
    """Whether a proposal is about a trial that exists: the next rung, an heir, another seed."""
    return proposal.continues is not None or proposal.inherits is not None or proposal.replicate > 0


def seeding_trials(budget: int | None) -> int:
    """Return how many trials the seeding of a search lasts for."""
    return min(MOST, max(FEWEST, int(SHARE * (budget or 100))))
