"""What is known of zero-cost proxies within one search: the pool they scored, their trust card and their weights."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

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
from searchitect.strategies.strategy import Setting
from searchitect.trial import Trial

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Vector = npt.NDArray[np.float64]
    Matrix = npt.NDArray[np.float64]

__all__ = ["BANDS", "Pool", "ProxyTrust"]

BANDS = 3
"""Bands of size in which architectures are ranked where limits forbid some of them."""

RELEARN = 5
"""Weights and trust may change after so many complete trials."""

SIZES = ("parameters", "flops")
"""Scores that tell the size of a model, the first that is there."""


class Pool:
    """Random architectures that are allowed, their scores and their ranks; a function of the setting alone.

    Args:
        bands: see `ProxySeeding`.
    """

    def __init__(self, setting: Setting, bands: int | None) -> None:
        assert setting.scores is not None
        found, any_forbidden = _drawn(setting)
        self.keys, self.architectures = list(found), list(found.values())
        scores = [setting.scores(architecture) for architecture in self.architectures]
        self.names = tuple(dict.fromkeys(name for one in scores for name in one))
        self.matrix = score_matrix(scores, self.names)
        self.ranks = log_ranks(self.matrix, self._bands((BANDS if any_forbidden else 1) if bands is None else bands))

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


def _drawn(setting: Setting) -> tuple[dict[str, Architecture], bool]:
    """Different architectures by key, and whether any that was drawn is forbidden."""
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
    return found, bool(forbidden)


class ProxyTrust:
    """How far each proxy is followed: a function of the first m = 5·⌊complete / 5⌋ complete trials."""

    def __init__(self, setting: Setting, bands: int | None) -> None:
        self._setting, self._bands = setting, bands
        self._complete: list[Trial] = []
        self._made: Pool | None = None
        self._standing: tuple[int, Vector, list[int]] | None = None

    def tell(self, trial: Trial) -> None:
        """Take note of a complete trial at the full fidelity; others are results of another kind."""
        plain = trial.reused is None and not trial.proposal.replicate
        if trial.is_complete and plain and trial.proposal.fidelity == self._setting.fidelity:
            self._complete.append(trial)

    @property
    def pool(self) -> Pool:
        """The pool, scored when it is first asked for."""
        if self._made is None:
            self._made = Pool(self._setting, self._bands)
        return self._made

    @property
    def is_begun(self) -> bool:
        """Whether the pool has been scored."""
        return self._made is not None

    def best_first(self) -> list[int]:
        """Places of the pool by vote; nothing where every proxy is switched off or has no score."""
        return self._stand()[1]

    def votes(self, architectures: Sequence[Architecture]) -> list[float]:
        """The vote on each architecture, as if it were in the pool; −∞ without scores, all 0 where proxies are off."""
        assert self._setting.scores is not None
        weights, _ = self._stand()
        if not weights.any():
            return [0.0] * len(architectures)
        matrix = score_matrix([self._setting.scores(one) for one in architectures], self.pool.names)
        found = votes(self.pool.ranks_of(matrix), weights).tolist()
        return [vote if math.isfinite(vote) else -math.inf for vote in found]

    def _stand(self) -> tuple[Vector, list[int]]:
        """Weights of the proxies, and places of the pool by vote."""
        known = len(self._complete) // RELEARN * RELEARN
        if self._standing is None or self._standing[0] != known:
            weights = self._weights(known, self._card(known))
            self._standing = known, weights, self._order(weights)
        return self._standing[1:]

    def card(self) -> dict[str, Any]:
        """Proxy → ρ with its interval on all complete trials, weight, whether it is off; as JSON."""
        count = len(self._complete)
        card = self._card(count)
        weights = self._weights(count, card)
        return {
            name: {**asdict(card[name]), "is_off": card[name].is_off, "weight": round(float(weight), 4)}
            for name, weight in zip(self.pool.names, weights, strict=True)
        }

    def note(self) -> str:
        """The trust card in one line."""
        if not self.is_begun:
            return "proxies: nothing scored yet"
        spoken = ", ".join(_spoken(name, found) for name, found in self.card().items())
        return f"proxies voted on {len(self.pool.architectures)} architectures; trust: {spoken or 'no score at all'}"

    def _order(self, weights: Vector) -> list[int]:
        if not weights.any():
            return []
        found = votes(self.pool.ranks, weights)
        return [place for place in (-found).argsort(kind="stable").tolist() if math.isfinite(found[place])]

    def _card(self, count: int) -> dict[str, Trust]:
        return trust_card(self._matrix(count), self._losses(count), self.pool.names)

    def _weights(self, count: int, card: Mapping[str, Trust]) -> Vector:
        """Equal for all proxies that are on; learned where there are enough trials."""
        import numpy as np

        on = np.array([not card[name].is_off for name in self.pool.names], dtype=bool)
        weights = on / max(1, on.sum())
        if count >= FEWEST_TO_LEARN and on.sum() > 1:
            ranks = self.pool.ranks_of(self._matrix(count))
            weights[on] = learned_weights(ranks[:, on], self._losses(count))
        return np.asarray(weights)

    def _matrix(self, count: int) -> Matrix:
        assert self._setting.scores is not None
        scores = [self._setting.scores(trial.architecture) for trial in self._complete[:count]]
        return score_matrix(scores, self.pool.names)

    def _losses(self, count: int) -> Vector:
        import numpy as np

        objective = self._setting.objectives[0]
        values = [objective.loss(trial.measurements[objective.name]) for trial in self._complete[:count]]
        return np.array(values, dtype=np.float64)


def _spoken(name: str, found: Mapping[str, Any]) -> str:
    """One proxy of the trust card."""
    if found["correlation"] is None:
        return f"{name} not known yet"
    off = ", switched off" if found["is_off"] else ""
    return f"{name} ρ = {found['correlation']:.2f} ({found['low']:.2f} to {found['high']:.2f}{off})"
