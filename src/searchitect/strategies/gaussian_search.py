"""Bayesian optimisation with a Gaussian process: all but the kernel.

Jones, Schonlau and Welch, "Efficient global optimization", 1998 (expected improvement). For trials that still run see
`strategies.pending`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING

from searchitect.errors import ConfigError, did_you_mean
from searchitect.predictors.averaged_process import averaged
from searchitect.predictors.gaussian_process import GaussianPosterior, GaussianProcess, evenly
from searchitect.predictors.targets import from_normal_scores, normal_scores, rank_correlation
from searchitect.seeding import stream
from searchitect.spaces.architecture import Architecture
from searchitect.strategies.acquisition import (
    ACQUISITIONS,
    Acquisition,
    confidence_bound,
    first_allowed,
    log_expected_improvement,
    most_promising,
)
from searchitect.strategies.archive import Archive, initial_trials, spread
from searchitect.strategies.cost_cooling import CostCooling
from searchitect.strategies.front_models import LimitModels
from searchitect.strategies.listed import ListedMembers
from searchitect.strategies.pending import PENDING, Pending, assumed, log_penalty
from searchitect.strategies.selection import violation
from searchitect.strategies.strategy import Belief, Setting
from searchitect.trial import Proposal, Trial

if TYPE_CHECKING:
    import random

    import numpy as np
    import numpy.typing as npt

    from searchitect.predictors.kernels import Rows

    Vector = npt.NDArray[np.float64]

__all__ = ["GaussianSearch"]

LISTED = 6
"""Times `candidates` that are judged where a space is listed."""

NINE_TENTHS = 1.645
"""Standard deviations on each side of the mean that hold nine tenths of a normal distribution."""

PARENTS = 10
"""Trials of best posterior mean that are mutated."""


class GaussianSearch(ABC):
    """Fit a Gaussian process to the normal scores of the losses, propose what promises the largest improvement.

    Hyper-parameters are learned, cold, from the first m = k·⌊completed/k⌋ complete trials. The posterior is conditioned
    on *all* complete trials at once, and on the running ones as `pending` says: both are
    part of what was told, so a rebuilt strategy asks the same. A failed trial is no datum; it is not tried again.

    Args:
        process: the model.
        acquisition: "ei" (log expected improvement over the best posterior mean), "ucb", "thompson" (one function drawn
            from the posterior), or "independent" (a draw for each candidate by itself, White et al. 2021, §4).
        refit_every: k.
        initial: random trials before the model decides; by default a quarter of the budget within 3..10. The first is
            the space's default architecture.
        candidates: random candidates per ask, and as many mutants of the ten best; a third more of the best of both.
        max_points: the posterior rests on at most so many trials: half the best, half spread evenly over the others.
        width: deviations below the mean, for "ucb".
        exploration: what the deviations are multiplied by, for "ei". Beside a good incumbent most that is unknown is
            poor, more often than a normal distribution has it: below 1 less of it is tried.
        per_cost: promise per predicted cost instead of promise; see `CostCooling`.
        pending: what is made of running trials: "believer" (their predicted mean), "liar" (as good as the best) or
            "penalize" (a ball around each is avoided, local penalisation).

    Limits on measured quantities are modelled too: the probability that they hold multiplies the promise, and what is
    to be improved on is the best trial that keeps them (Gardner et al., "Bayesian optimization with inequality
    constraints", ICML 2014).

    Where limits that are known without training forbid half of a space that can be listed, candidates are the members
    that are probably allowed (`ListedMembers`), and "independent" gives way to "ei".
    """

    def __init__(
        self,
        setting: Setting,
        process: GaussianProcess,
        *,
        acquisition: Acquisition,
        refit_every: int,
        initial: int | None,
        candidates: int,
        max_points: int,
        width: float,
        pending: Pending,
        per_cost: bool = False,
        exploration: float = 1.0,
    ) -> None:
        if not exploration > 0:
            raise ConfigError(f"expected an exploration above 0, got {exploration!r}", hint="1 is plain improvement")
        _one_of("acquisition", acquisition, ACQUISITIONS)
        _one_of("pending", pending, PENDING)
        self._pending = pending
        self._setting, self._process = setting, process
        self._acquisition, self._width, self._exploration = acquisition, width, exploration
        self._initial = initial or initial_trials(setting)
        self._candidates, self._max_points = candidates, max_points
        self._archive = Archive(setting, refit_every)
        self._limits = LimitModels(setting, self._archive) if setting.constraints else None
        self._listed = ListedMembers(setting)
        self._cooling = CostCooling(setting, self._archive, self._initial) if per_cost else None
        self._rows: dict[int, Rows] = {}
        self._learned: tuple[int, Vector] | None = None
        self._fitted: tuple[int, list[int], GaussianPosterior] | None = None

    @abstractmethod
    def encode(self, architectures: Sequence[Architecture]) -> Rows:
        """Return one row per architecture, as the kernel wants them."""

    def ask(self, number: int) -> Proposal | None:
        rng, setting, archive = stream(self._setting.seed, "gp", number), self._setting, self._archive
        if archive.is_young(self._initial):
            return archive.opening(rng)
        chosen, posterior = self._posterior()
        means = posterior.fitted()
        limits = [] if self._limits is None else self._limits.posteriors()
        kept = self._keeping(chosen) if limits else set(chosen)
        order = sorted(range(len(chosen)), key=lambda i: (chosen[i] not in kept, means[i]))
        parents = [archive.complete[chosen[i]].architecture for i in order[:PARENTS]]
        best = float(means[order[0]])
        running = self.encode([t.architecture for t in archive.running.values()]) if archive.running else None
        if running is not None:
            posterior = assumed(posterior, running, best, self._pending)

        tried = [trial.architecture for trial in archive.complete]
        listed = self._listed.likely(number, tried, archive.seen, LISTED * self._candidates, rng)
        # Of a draw for each of a thousand the largest is luck; what is expected does not depend on their number.
        acquisition = "ei" if listed and self._acquisition == "independent" else self._acquisition

        def score(architectures: Sequence[Architecture]) -> Vector:
            rows = self.encode(architectures)
            found = self._score(acquisition, posterior, rows, best, rng)
            penalized = running is not None and self._pending == "penalize"
            if not penalized and not limits and self._cooling is None:
                return found
            found = _logarithm(acquisition, found) if kept else 0.0 * found
            if running is not None and penalized:
                found = found + log_penalty(posterior, rows, running, best)
            if self._limits is not None and limits:
                found = found + self._limits.log_feasible(limits, architectures)
            return found if self._cooling is None else found - self._cooling.discount(architectures)

        count = self._candidates
        found = first_allowed(setting, listed, score(listed)) if listed else None
        if found is None:
            found = most_promising(setting, archive.seen, parents, score, rng, random_draws=count, mutants=count)
        return None if found is None else Proposal(found, setting.fidelity)

    def tell(self, trial: Trial) -> None:
        self._archive.tell(trial)

    def belief(self) -> Belief:
        """The complete trial of best posterior mean, and how well leave-one-out predictions rank the trials."""
        if len(self._archive.complete) < 2:
            return Belief(note="no model yet: fewer than two complete trials")
        chosen, posterior = self._posterior()
        best = self._archive.complete[chosen[int(posterior.fitted().argmin())]]
        agreement = rank_correlation(posterior.held_out(), posterior.targets)
        note = f"Gaussian process on {len(chosen)} trials, noise {posterior.noise:.2f} of their spread"
        return Belief(best.number, agreement, note)

    def expected(self, architectures: Sequence[Architecture]) -> list[tuple[float, float]] | None:
        """Return where nine of ten new trainings of each would lie, by the first objective; None before a model.

        Takes longer than `belief`: what the hyper-parameters are is not taken for certain.
        """
        if self._archive.known < 2:
            return None
        known, (_, posterior) = self._archive.known, self._posterior()
        learned_from = self._learning(known)
        rng = stream(self._setting.seed, "expected", len(self._archive.complete))
        given = posterior.features, posterior.targets
        mixture = averaged(self._process, self._theta(), learned_from, given, rng)
        mean, deviation = mixture.predict(self.encode(architectures))
        losses = self._archive.losses(len(self._archive.complete))
        ends = [from_normal_scores(mean + side * NINE_TENTHS * deviation, losses) for side in (-1, 1)]
        loss = self._setting.objectives[0].loss  # its own inverse
        return [(min(pair), max(pair)) for pair in zip(*(map(loss, map(float, end)) for end in ends), strict=True)]

    def _keeping(self, chosen: Sequence[int]) -> set[int]:
        """Places of the trials that keep all limits."""
        limits = self._setting.constraints
        return {place for place in chosen if violation(self._archive.complete[place], limits) <= 0}

    def _score(
        self, acquisition: Acquisition, posterior: GaussianPosterior, rows: Rows, best: float, rng: random.Random
    ) -> Vector:
        if acquisition == "thompson":
            return -posterior.sample(rows, rng)
        mean, deviation = posterior.predict(rows)
        if acquisition == "independent":
            return _drawn(mean, deviation, rng)
        if acquisition == "ucb":
            return confidence_bound(mean, deviation, self._width)
        return log_expected_improvement(mean, self._exploration * deviation, best)

    def _posterior(self) -> tuple[list[int], GaussianPosterior]:
        """The places of the trials it rests on, and the posterior; a function of the complete trials alone."""
        count = len(self._archive.complete)
        if self._fitted is None or self._fitted[0] != count:
            losses = self._archive.losses(count)
            chosen = spread(losses, self._max_points)
            posterior = self._process.given(self._theta(), self._rows_of(chosen), normal_scores(losses)[chosen])
            self._fitted = count, chosen, posterior
        return self._fitted[1], self._fitted[2]

    def _theta(self) -> Vector:
        known = self._archive.known
        if self._learned is None or self._learned[0] != known:
            self._learned = known, self._learned_by(self._process)
        return self._learned[1]

    def _learned_by(self, process: GaussianProcess) -> Vector:
        """Hyper-parameters of a process, from the first m complete trials."""
        known = self._archive.known
        if known < 2:
            return process.prior().mean
        return process.learned(*self._learning(known))

    def _learning(self, known: int) -> tuple[Rows, Vector]:
        """The rows and targets that hyper-parameters are learned from."""
        places = evenly(known, self._process.fit_points)
        return self._rows_of(places), normal_scores(self._archive.losses(known))[places]

    def _rows_of(self, places: Sequence[int]) -> Rows:
        """The rows of some complete trials. What the model holds is encoded once; the rest is forgotten."""
        import numpy as np

        missing = [place for place in places if place not in self._rows]
        if missing:
            if len(self._rows) > 4 * self._max_points:
                self._rows = {place: self._rows[place] for place in places if place in self._rows}
            new = self.encode([self._archive.complete[place].architecture for place in missing])
            self._rows.update((place, new[i : i + 1]) for i, place in enumerate(missing))
        return np.concatenate([self._rows[place] for place in places])


def _logarithm(acquisition: Acquisition, score: Vector) -> Vector:
    """The log of the acquisition; of one that may be negative, that of its softplus (González et al. 2016, §3)."""
    import numpy as np

    return score if acquisition == "ei" else np.asarray(np.log(np.logaddexp(0.0, np.maximum(score, -600.0))))


def _drawn(mean: Vector, deviation: Vector, rng: random.Random) -> Vector:
    """A loss drawn for each candidate by itself, as a score: larger is better."""
    import numpy as np

    luck = np.array([rng.gauss(0.0, 1.0) for _ in range(len(mean))])
    return np.asarray(-(mean + deviation * luck))


def _one_of(option: str, value: str, known: Sequence[str]) -> None:
    if value not in known:
        hint = did_you_mean(value, known)
        raise ConfigError(f"there is no {option} {value!r}, only {', '.join(known)}", hint=hint)
