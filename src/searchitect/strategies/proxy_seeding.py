"""Zero-cost proxies around any strategy: they say where it starts, never what is best.

A pool of random architectures is scored, and their votes (`predictors.proxy_votes`) decide which of them are trained
first. At least three in ten of these trials are the strategy's own, so that the search keeps its diversity and the
proxies can be checked: each has a trust card, one that misleads is switched off, and after 20 trainings their weights
are learned.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from searchitect.errors import ConfigError
from searchitect.predictors.proxy_votes import (
    FEWEST_TO_LEARN,
    Trust,
    bands_of,
    learned_weights,
    log_ranks,
    score_matrix,
    trust_card,
    votes,
)
from searchitect.seeding import stream
from searchitect.spaces.architecture import Architecture
from searchitect.strategies.archive import Archive
from searchitect.strategies.strategy import Belief, Setting, Strategy
from searchitect.trial import Proposal, Trial, TrialState

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Vector = npt.NDArray[np.float64]
    Matrix = npt.NDArray[np.float64]

__all__ = ["LEAST_OWN", "ProxySeeding", "seeding_trials"]

LEAST_OWN = 0.3
"""Least share of the strategy's own proposals: with fewer nobody would see that the proxies mislead."""

FEWEST, MOST, SHARE = 5, 20, 0.2
"""Trials that the seeding lasts for: a share of the budget within bounds. Chosen on TransNAS-Bench-101, micro space."""

BANDS = 3
"""Bands of size in which architectures are ranked where limits forbid some of them."""

RELEARN = 5
"""Weights and trust may change after so many complete trials."""

SIZES = ("parameters", "flops")
"""Scores that tell the size of a model, the first that is there."""


class ProxySeeding:
    """Start `strategy` from the zero-cost scores of `setting.scores`.

    The pool has `setting.pool` architectures.

    Args:
        strategy: what takes over; it is told every trial from the first.
        own_share: share of the seeding's trials that the strategy proposes itself.
        trials: how many trials the seeding lasts for; by default a fifth of the budget within 5..20.
        bands: bands of equal count by size within which architectures are ranked, so that under a limit the vote is
            not for the largest alone; by default 3 where limits forbid some of the pool, otherwise 1.

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
    ) -> None:
        if not LEAST_OWN <= own_share <= 1.0:
            raise ConfigError(f"own_share must lie between {LEAST_OWN} and 1, got {own_share!r}")
        if setting.scores is None:
            raise ConfigError("there are no zero-cost scores to start from", hint="sa.search(..., proxies='default')")
        self._setting, self._inner, self._own = setting, strategy, own_share
        self._bands = bands
        self._length = seeding_trials(setting.budget) if trials is None else trials
        self._archive = Archive(setting)
        self._started = 0
        self._pool: _Pool | None = None
        self._standing: tuple[int, dict[str, Trust], Vector] | None = None
        self._order: tuple[int, list[int]] | None = None

    def ask(self, number: int) -> Proposal | None:
        proposal = self._inner.ask(number)
        if proposal is not None and self._started < self._length and not self._is_own(self._started):
            seed = None if _goes_on(proposal) else self._recommended()
            proposal = proposal if seed is None else Proposal(seed, proposal.fidelity)
        if proposal is not None:
            self._scores(proposal.architecture)  # now, so that a trial's scores stand before it in the journal
        return proposal

    def tell(self, trial: Trial) -> None:
        self._archive.tell(trial)
        # Infeasible ones are told once, all others also when they start.
        self._started += trial.state in (TrialState.RUNNING, TrialState.INFEASIBLE)
        self._inner.tell(trial)

    def belief(self) -> Belief:
        """What the inner strategy believes, and how far the proxies are trusted."""
        believed = getattr(self._inner, "belief", Belief)()
        note = f"{self._note()}; {believed.note}" if believed.note else self._note()
        return Belief(believed.incumbent, believed.rank_correlation, note)

    def proxy_trust(self) -> dict[str, Any]:
        """The trust card as JSON: proxy → Spearman's ρ with its interval on the finished trials, weight, on or off."""
        count = len(self._complete())
        names, card = self._known().names, self._card(count)
        weights = self._weights(count, card)
        return {
            name: {**asdict(card[name]), "is_off": card[name].is_off, "weight": round(float(weight), 4)}
            for name, weight in zip(names, weights, strict=True)
        }

    def _note(self) -> str:
        if self._pool is None:
            return "proxies: nothing scored yet"
        card = self.proxy_trust()
        spoken = ", ".join(_spoken(name, found) for name, found in card.items())
        return f"proxies voted on {len(self._pool.architectures)} architectures; trust: {spoken or 'no score at all'}"

    def _is_own(self, place: int) -> bool:
        """Spread the strategy's own proposals evenly; the first proposal is a recommended one."""
        return int((place + 1) * self._own) > int(place * self._own)

    def _recommended(self) -> Architecture | None:
        pool = self._known()
        if self._order is None or self._order[0] != self._settled():
            self._order = self._settled(), self._best_first()
        for place in self._order[1]:
            if pool.keys[place] not in self._archive.seen:
                return pool.architectures[place]
        return None

    def _best_first(self) -> list[int]:
        """Places of the pool by vote; nothing where every proxy is switched off, or has no score."""
        weights = self._now()[1]
        if not weights.any():
            return []
        found = votes(self._known().ranks, weights)
        return [place for place in (-found).argsort(kind="stable").tolist() if math.isfinite(found[place])]

    # ---- what is known of the proxies: functions of the first m = 5·⌊complete / 5⌋ complete trials

    def _settled(self) -> int:
        return len(self._complete()) // RELEARN * RELEARN

    def _now(self) -> tuple[dict[str, Trust], Vector]:
        known = self._settled()
        if self._standing is None or self._standing[0] != known:
            card = self._card(known)
            self._standing = known, card, self._weights(known, card)
        return self._standing[1], self._standing[2]

    def _complete(self) -> list[Trial]:
        """Complete trials at the first, full fidelity: others are results of another kind."""
        full = self._setting.fidelity
        return [t for t in self._archive.complete if t.proposal.fidelity == full and not t.proposal.replicate]

    def _card(self, count: int) -> dict[str, Trust]:
        names = self._known().names
        return trust_card(self._matrix(count), self._losses(count), names)

    def _weights(self, count: int, card: Mapping[str, Trust]) -> Vector:
        """Equal for all proxies that are on; learned where there are enough trials."""
        import numpy as np

        names = self._known().names
        on = np.array([not card[name].is_off for name in names], dtype=bool)
        weights = on / max(1, on.sum())
        if count >= FEWEST_TO_LEARN and on.sum() > 1:
            ranks = self._known().ranks_of(self._matrix(count))
            weights[on] = learned_weights(ranks[:, on], self._losses(count))
        return np.asarray(weights)

    def _matrix(self, count: int) -> Matrix:
        return score_matrix([self._scores(t.architecture) for t in self._complete()[:count]], self._known().names)

    def _losses(self, count: int) -> Vector:
        import numpy as np

        objective = self._setting.objectives[0]
        values = [objective.loss(trial.measurements[objective.name]) for trial in self._complete()[:count]]
        return np.array(values, dtype=np.float64)

    def _scores(self, architecture: Architecture) -> Mapping[str, float]:
        assert self._setting.scores is not None
        return self._setting.scores(architecture)

    def _known(self) -> _Pool:
        if self._pool is None:
            self._pool = _Pool(self._setting, self._bands)
        return self._pool


class _Pool:
    """Random architectures that are allowed, their scores and their ranks; a function of the setting alone."""

    def __init__(self, setting: Setting, bands: int | None) -> None:
        assert setting.scores is not None
        rng, space, size = stream(setting.seed, "proxy pool"), setting.space, setting.pool
        found: dict[str, Architecture] = {}
        forbidden: set[str] = set()
        for _ in range(4 * size):
            architecture = space.sample(rng)
            key = space.key(architecture)
            if key in found or key in forbidden:
                continue
            if setting.check(architecture):
                forbidden.add(key)
            else:
                found[key] = architecture
            if len(found) == size:
                break
        self.keys, self.architectures = list(found), list(found.values())
        scores = [setting.scores(architecture) for architecture in self.architectures]
        self.names = tuple(dict.fromkeys(name for one in scores for name in one))
        self.matrix = score_matrix(scores, self.names)
        count = (BANDS if forbidden else 1) if bands is None else bands
        self.bands = self._bands(count)
        self.ranks = log_ranks(self.matrix, self.bands)

    def ranks_of(self, matrix: Matrix) -> Matrix:
        """Return the log-ranks that other scores would have in the pool."""
        import numpy as np

        found = np.full(matrix.shape, math.nan)
        for column in range(matrix.shape[1]):
            known = np.sort(self.matrix[np.isfinite(self.matrix[:, column]), column])
            held = np.isfinite(matrix[:, column])
            places = np.searchsorted(known, matrix[held, column]) + 1.0
            found[held, column] = np.log(np.minimum(places, len(known)) / max(1, len(known)))
        return found

    def _bands(self, count: int) -> list[int] | None:
        size = next((self.names.index(name) for name in SIZES if name in self.names), None)
        if count == 1 or size is None or not len(self.matrix):
            return None
        return bands_of(self.matrix[:, size].tolist(), count)


def _spoken(name: str, found: Mapping[str, Any]) -> str:
    """One line of the trust card."""
    if found["correlation"] is None:
        return f"{name} not known yet"
    off = ", switched off" if found["is_off"] else ""
    return f"{name} ρ = {found['correlation']:.2f} ({found['low']:.2f} to {found['high']:.2f}{off})"


def _goes_on(proposal: Proposal) -> bool:
    """Whether a proposal is about a trial that exists: the next rung, an heir, another seed."""
    return proposal.continues is not None or proposal.inherits is not None or proposal.replicate > 0


def seeding_trials(budget: int | None) -> int:
    """Return how many trials the seeding of a search lasts for."""
    return min(MOST, max(FEWEST, int(SHARE * (budget or 100))))
