"""A warm start around any strategy: first what earlier searches recommend, then the strategy, which was told all.

Of the first proposals a share is always the strategy's own start, so that the search keeps its diversity and the advice
can be checked. The advice is given up as soon as what was observed contradicts it: no harm is done by a bad source
for longer than it takes to see it (see `predictors.rank_transfer`).
"""

from __future__ import annotations

import random
from collections.abc import Container, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from searchitect.errors import ConfigError, SpaceError
from searchitect.predictors.rank_transfer import LEAST_TRUST, RankTransfer, trust
from searchitect.seeding import stream
from searchitect.spaces.architecture import Architecture
from searchitect.strategies.acquisition import log_expected_improvement
from searchitect.strategies.archive import Archive
from searchitect.strategies.candidates import best_fresh, draw_candidates
from searchitect.strategies.prior import PriorTrial
from searchitect.strategies.strategy import Belief, Setting, Strategy, expected_by
from searchitect.trial import Proposal, Trial, TrialState

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Vector = npt.NDArray[np.float64]

__all__ = ["WarmStart"]

FEWEST_RANKED = 5
"""Measured trials that a source needs before it can be learned from; with fewer its best are proposed as given."""

FEWEST_COMPLETE = 3
"""Complete trials from which on what they say is weighed against the sources."""

LARGEST_SOURCE = 400
"""Trials of one source that its model is fitted on: the better half of them, and an even choice of the rest."""

LONGEST = 50
"""Most trials that a warm start lasts for, unless told otherwise."""

CANDIDATES = 1_000
LEADERS = 20


class WarmStart:
    """Start `strategy` from `setting.prior`.

    Args:
        strategy: what takes over; it is told every trial from the first.
        warm_trials: how many trials the start lasts for; by default half of the budget within 10..50.
        own_share: share of them that the strategy proposes itself.

    Raises:
        SpaceError: a prior architecture is of another space.
        ConfigError: `own_share` is less than 0.3: too little to see that the advice is bad.
    """

    def __init__(
        self, setting: Setting, strategy: Strategy, *, warm_trials: int | None = None, own_share: float = 0.3
    ) -> None:
        if not 0.3 <= own_share <= 1.0:
            raise ConfigError(f"own_share must lie between 0.3 and 1, got {own_share!r}")
        _refuse_foreign(setting)
        self._setting, self._inner, self._own = setting, strategy, own_share
        self._length = min(LONGEST, max(10, (setting.budget or 100) // 2)) if warm_trials is None else warm_trials
        self._archive = Archive(setting)
        self._started = 0
        self._sources = _by_source(setting.prior)
        self._given = _in_order(setting.prior, self._sources)
        self._model: RankTransfer | None = None
        self._advice: tuple[int, list[float]] | None = None

    def ask(self, number: int) -> Proposal | None:
        if self._started < self._length and not self._is_own(self._started):
            architecture = self._recommended(number)
            if architecture is not None:
                return Proposal(architecture, self._setting.fidelity)
        return self._inner.ask(number)

    def tell(self, trial: Trial) -> None:
        self._archive.tell(trial)
        # Infeasible ones are told once, all others also when they start.
        self._started += trial.state in (TrialState.RUNNING, TrialState.INFEASIBLE)
        self._inner.tell(trial)

    def belief(self) -> Belief:
        """What the inner strategy believes, and how far the advice is followed."""
        believed = getattr(self._inner, "belief", Belief)()
        note = f"{self._note()}; {believed.note}" if believed.note else self._note()
        return replace(believed, note=note)

    def expected(self, architectures: Sequence[Architecture]) -> list[tuple[float, float]] | None:
        """What the inner strategy's model expects of new trainings (`expected_by`)."""
        return expected_by(self._inner, architectures)

    def _note(self) -> str:
        if not self._sources:
            return f"warm start: {len(self._given)} given architectures first"
        followed = [s for s, weight in zip(self._sources, self._weights(), strict=True) if weight > 0]
        if not followed:
            return "warm start: given up, what was observed contradicts the earlier searches"
        names = ", ".join(followed[:3]) + (" …" if len(followed) > 3 else "")
        return f"warm start: {len(followed)} of {len(self._sources)} earlier searches agree ({names})"

    def _is_own(self, place: int) -> bool:
        """Spread the strategy's own proposals evenly; the first proposal is a recommended one."""
        return int((place + 1) * self._own) > int(place * self._own)

    def _recommended(self, number: int) -> Architecture | None:
        space, seen = self._setting.space, self._archive.seen
        for architecture in self._given:
            if space.key(architecture) not in seen and not self._setting.check(architecture):
                return architecture
        weights = self._weights()
        if not self._sources or not any(weights):
            return None
        rng = stream(self._setting.seed, "warm start", number)
        return best_fresh(
            self._setting,
            self._archive.seen,
            lambda architectures: self._score(architectures, weights),
            lambda: self._candidates(rng, weights),
        )

    def _candidates(self, rng: random.Random, weights: Sequence[float]) -> list[Architecture]:
        """The leaders of the sources that are followed and of this search, small changes of them, and random ones."""
        followed = [records for records, weight in zip(self._sources.values(), weights, strict=True) if weight > 0]
        leaders = [found[place].architecture for place in range(LEADERS) for found in followed if place < len(found)]
        losses = self._archive.losses(len(self._archive.complete)).tolist()
        best = sorted(range(len(losses)), key=losses.__getitem__)[:LEADERS]
        parents = [self._archive.complete[place].architecture for place in best[: LEADERS // 2]] + leaders
        drawn = draw_candidates(self._setting.space, parents[: 5 * LEADERS], rng, CANDIDATES)
        return list(dict.fromkeys([*leaders, *drawn]))

    def _score(self, architectures: Sequence[Architecture], weights: Sequence[float]) -> Vector:
        """The pooled opinion at first, then minus the (log) expected improvement over the best posterior mean."""
        count, transfer = len(self._archive.complete), self._transfer()
        features = self._archive.encoded(architectures)
        if count < FEWEST_COMPLETE:
            return transfer.pooled(features, weights)
        seen, losses = self._archive.features(count), self._archive.losses(count)
        mean, deviation = transfer.predict(features, weights, seen, losses)
        best = float(transfer.predict(seen, weights, seen, losses)[0].min())
        return -log_expected_improvement(mean, deviation, best)

    def _weights(self) -> list[float]:
        """How far each source is followed, after all that has been observed; all 0 where they mislead together."""
        if not self._sources:
            return []
        count = len(self._archive.complete)
        if self._advice is None or self._advice[0] != count:
            self._advice = (count, self._weighed(count))
        return self._advice[1]

    def _weighed(self, count: int) -> list[float]:
        import numpy as np

        from searchitect.predictors.targets import rank_correlation

        transfer = self._transfer()
        if count == 0:
            return transfer.weights(np.zeros((len(self._sources), 0)), np.zeros(0))
        opinions, losses = transfer.opinions(self._archive.features(count)), self._archive.losses(count)
        weights = transfer.weights(opinions, losses)
        if any(weights) and trust(rank_correlation(np.array(weights) @ opinions, losses), count) < LEAST_TRUST:
            return [0.0] * len(weights)
        return weights

    def _transfer(self) -> RankTransfer:
        if self._model is None:
            import numpy as np

            self._model = RankTransfer(
                [
                    (
                        self._archive.encoded([record.architecture for record in records]),
                        np.array([record.rank for record in records], dtype=np.float64),
                        records[0].similarity,
                    )
                    for records in map(_thinned, self._sources.values())
                ]
            )
        return self._model


def _refuse_foreign(setting: Setting) -> None:
    for record in setting.prior:
        problems = setting.space.violations(record.architecture)
        if problems:
            raise SpaceError(
                f"a prior architecture of {record.source!r} does not belong to {setting.space.name}: {problems[0]}",
                hint="space.migrate(document) carries it over where that keeps its meaning",
            )


def _by_source(prior: Sequence[PriorTrial]) -> dict[str, list[PriorTrial]]:
    """Ranked records of every source with enough of them, best first."""
    found: dict[str, list[PriorTrial]] = {}
    for record in prior:
        if record.rank is not None:
            found.setdefault(record.source, []).append(record)
    return {
        source: sorted(records, key=lambda record: record.rank or 0.0)
        for source, records in found.items()
        if len(records) >= FEWEST_RANKED
    }


def _in_order(prior: Sequence[PriorTrial], learned: Container[str]) -> list[Architecture]:
    """What is proposed as it stands: architectures without a rank, then those of sources too small to learn from."""
    plain = [record.architecture for record in prior if record.rank is None]
    few = [record for record in prior if record.rank is not None and record.source not in learned]
    return plain + [record.architecture for record in sorted(few, key=lambda record: record.rank or 0.0)]


def _thinned(records: Sequence[PriorTrial]) -> Sequence[PriorTrial]:
    if len(records) <= LARGEST_SOURCE:
        return records
    half = LARGEST_SOURCE // 2
    rest = records[half:]
    return [*records[:half], *(rest[place * len(rest) // half] for place in range(half))]
