"""One search for several places: a Gaussian process is asked in turn by each place, and by the portfolio as a whole.

Two acquisitions take turns. For one place, in rotation, the constrained expected improvement over its best (Gardner et
al., "Bayesian optimization with inequality constraints", ICML 2014, equation 5): so every place gets its share of the
search, which a sum over places (`bop_elites`) does not see to. For the whole, the expected saving of a portfolio of K
models: what the best exchange of one member for the candidate would take off Σ p_s·min_a loss_s(a), over draws of the
posterior; it finds the compromises that serve several places at once, which no single place would look for.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from searchitect.errors import ConfigError
from searchitect.predictors.gaussian_process import GaussianPosterior, GaussianProcess, evenly
from searchitect.predictors.kernels import Columns, DecisionKernel
from searchitect.predictors.targets import rank_correlation
from searchitect.seeding import stream
from searchitect.spaces.architecture import Architecture
from searchitect.strategies.acquisition import log_expected_improvement, most_promising
from searchitect.strategies.archive import Archive, initial_trials, spread
from searchitect.strategies.places import Chances, Place, parse_places
from searchitect.strategies.strategy import Belief, Setting
from searchitect.trial import Proposal, Trial

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Vector = npt.NDArray[np.float64]
    Matrix = npt.NDArray[np.float64]

__all__ = ["Scenarios"]

DRAWS = 32
"""Draws of the posterior by which a saving is averaged."""

UNSEEN = 1e6
"""Taken off the score of a candidate whose limits were not asked for: it comes after all that were."""

Gain = Callable[[Sequence[Architecture], "Matrix"], "Vector"]
"""Score of architectures, given the probability that each keeps the limits of each place."""


class Scenarios:
    """Gaussian processes of what counts in each place; limits by what is known without training, or by a model.

    Args:
        places: see `parse_places`; none is one place without limits.
        size: K, models of the portfolio; by default one for each place.
        initial: random trials before the model decides; by default 10, or a quarter of a smaller budget.
        refit_every: hyper-parameters are learned anew after so many complete trials.
        candidates: random candidates per ask, and as many mutants of the best.
        inspected: candidates per round whose limits are asked for, where these are known without training; 0 for all.
        max_points: the posterior rests on at most so many trials.

    Raises:
        ConfigError: the places cannot be read, or a number is out of range.
    """

    def __init__(
        self,
        setting: Setting,
        *,
        places: Any = None,
        size: int | None = None,
        initial: int | None = None,
        refit_every: int = 5,
        candidates: int = 150,
        inspected: int = 40,
        max_points: int = 1000,
    ) -> None:
        self._setting = setting
        self._places = parse_places(places, setting.objectives)
        self._size = min(size or len(self._places), len(self._places))
        self._initial = initial or initial_trials(setting)
        if min(self._size, self._initial, refit_every, candidates, inspected + 1) < 1 or max_points < 2:
            raise ConfigError(f"cannot search with {size=}, {initial=}, {refit_every=}, {candidates=}, {max_points=}")
        self._columns = Columns.of(setting.space)
        self._process = GaussianProcess(DecisionKernel(self._columns))
        self._candidates, self._inspected, self._max_points = candidates, inspected, max_points
        self._every = refit_every
        self._archive = Archive(setting, refit_every)
        self._chances = Chances(setting, self._places, self._columns, self._process)
        self._learned: dict[int, tuple[int, Vector]] = {}
        self._wants = list(dict.fromkeys(place.wanted for place in self._places))

    def ask(self, number: int) -> Proposal | None:
        rng, setting, archive = stream(self._setting.seed, "scenarios", number), self._setting, self._archive
        if archive.is_young(self._initial):
            return archive.opening(rng)
        model = _Model(self._posteriors(), self._chances.kept(archive.complete), self._places, self._wants)
        whole = number % 2 == 1 and len(self._places) > 1
        gain = model.saving(self._columns, self._size, rng) if whole else model.improvement(self._columns, number // 2)
        parents = [archive.complete[i].architecture for i in model.parents(None if whole else number // 2, self._size)]
        score, count = self._asked(gain), self._candidates
        found = most_promising(setting, archive.seen, parents, score, rng, random_draws=count, mutants=count)
        return None if found is None else Proposal(found, setting.fidelity)

    def tell(self, trial: Trial) -> None:
        self._archive.tell(trial)

    def belief(self) -> Belief:
        """The best trial of the first objective, and how well leave-one-out predictions rank the trials."""
        why = f"scenarios: {len(self._places)} places in turn, and a portfolio of {self._size} for all of them"
        if len(self._archive.complete) < 2:
            return Belief(note=f"{why}; no model yet: fewer than two complete trials")
        chosen, posterior = self._posteriors()[0]
        best = self._archive.complete[chosen[int(posterior.fitted().argmin())]]
        agreement = rank_correlation(posterior.held_out(), posterior.targets)
        served = int(self._chances.kept(self._archive.complete).any(axis=0).sum())
        return Belief(best.number, agreement, f"{why}; models that keep the limits of {served} so far")

    def _asked(self, gain: Gain) -> Callable[[Sequence[Architecture]], Vector]:
        """The score of candidates: limits by the model first, then the best of them by what is known."""
        import numpy as np

        complete = self._archive.complete
        known = self._chances.are_known(complete[0].architecture)

        def score(architectures: Sequence[Architecture]) -> Vector:
            if known and (not self._inspected or len(architectures) <= self._inspected):
                return gain(architectures, self._chances.known(architectures))
            learn = 0 if known else len(complete) // self._every * self._every
            found = gain(architectures, self._chances.modelled(architectures, complete, learn))
            if known:
                best = found.argsort(kind="stable")[::-1][: self._inspected]
                some = [architectures[place] for place in best]
                found = found - UNSEEN
                found[best] = gain(some, self._chances.known(some))
            return np.asarray(found)

        return score

    # ---- models

    def _posteriors(self) -> list[tuple[list[int], GaussianPosterior]]:
        """One for each different thing that is wanted: the places of the trials it rests on, and the posterior."""
        return [self._posterior(place, wanted) for place, wanted in enumerate(self._wants)]

    def _posterior(self, place: int, wanted: Any) -> tuple[list[int], GaussianPosterior]:
        complete = self._archive.complete
        losses = _losses(complete, wanted)
        chosen = spread(losses, self._max_points)
        first = len(complete) // self._every * self._every
        if place not in self._learned or self._learned[place][0] != first:
            theta = self._process.prior().mean
            if first >= 2:
                some = evenly(first, self._process.fit_points)
                theta = self._process.learned(self._rows(some), _losses(complete[:first], wanted)[some])
            self._learned[place] = first, theta
        posterior = self._process.given(self._learned[place][1], self._rows(chosen), losses[chosen])
        running = [trial.architecture for trial in self._archive.running.values()]
        return chosen, posterior.believing(self._columns.encode(running)) if running else posterior

    def _rows(self, places: Sequence[int]) -> Any:
        return self._columns.encode([self._archive.complete[place].architecture for place in places])


def _losses(trials: Sequence[Trial], wanted: Any) -> Vector:
    """The weighted loss of each trial, every measurement in units of its spread; what is far above is drawn in."""
    import numpy as np

    total = np.zeros(len(trials))
    for objective, weight in wanted:
        values = np.array([objective.loss(t.measurements.get(objective.name, np.nan)) for t in trials])
        values = np.where(np.isfinite(values), values, np.nanmax(values) if np.isfinite(values).any() else 0.0)
        low, middle = np.quantile(values, (0.0, 0.5))
        capped = np.minimum(values, middle + 2.0 * max(float(middle - low), 1e-12))
        span = float(capped.max() - capped.min()) if len(wanted) > 1 else 1.0
        total += weight * capped / (span or 1.0)
    return total


class _Model:
    """What is believed at one ask: fitted losses of the complete trials in each place, and posteriors for others."""

    def __init__(
        self,
        posteriors: Sequence[tuple[list[int], GaussianPosterior]],
        kept: Matrix,
        places: Sequence[Place],
        wants: Sequence[Any],
    ) -> None:
        import numpy as np

        self.posteriors = [posterior for _, posterior in posteriors]
        self.of = [wants.index(place.wanted) for place in places]
        self.shares = np.array([place.importance for place in places])
        self.shares = self.shares / self.shares.sum()
        fitted = np.full((len(kept), len(wants)), np.nan)
        for column, (chosen, posterior) in enumerate(posteriors):
            fitted[chosen, column] = posterior.fitted()[: len(chosen)]
        self.fitted = fitted[:, self.of]  # (trials, places)
        self.worst = np.nanmax(self.fitted, axis=0)
        self.costs = np.where((kept > 0) & np.isfinite(self.fitted), self.fitted, self.worst)

    def improvement(self, columns: Columns, turn: int) -> Gain:
        """log of P(limits hold)·E[max(best − loss, 0)] in the place whose turn it is."""
        import numpy as np

        place = turn % len(self.of)
        best = float(self.costs[:, place].min())

        def gain(architectures: Sequence[Architecture], chances: Matrix) -> Vector:
            mean, deviation = self.posteriors[self.of[place]].predict(columns.encode(architectures))
            with np.errstate(divide="ignore"):
                return np.asarray(log_expected_improvement(mean, deviation, best) + np.log(chances[:, place]))

        return gain

    def saving(self, columns: Columns, size: int, rng: random.Random) -> Gain:
        """log of what exchanging one member for the candidate saves, on average over draws."""
        import numpy as np

        members = self.members(size)
        own = self.costs[members]  # (members, places)
        now = float(self.shares @ own.min(axis=0))
        # With a place free the candidate comes beside all members, otherwise in the stead of any one.
        rests = [own.min(axis=0)] if len(members) < size else [self._without(members, k) for k in range(len(members))]
        luck = np.array([rng.gauss(0.0, 1.0) for _ in range(DRAWS)])
        lots = np.array([rng.random() for _ in range(DRAWS)])

        def gain(architectures: Sequence[Architecture], chances: Matrix) -> Vector:
            rows = columns.encode(architectures)
            found = [posterior.predict(rows) for posterior in self.posteriors]
            drawn = np.stack([mean[:, None] + deviation[:, None] * luck for mean, deviation in found], axis=2)
            served = chances[:, None, :] > lots[None, :, None]
            losses = np.where(served, drawn[:, :, self.of], self.worst)  # (architectures, draws, places)
            after = np.min([np.minimum(rest, losses) @ self.shares for rest in rests], axis=0)
            saved = np.maximum(now - after, 0.0).mean(axis=1)
            return np.asarray(np.log(saved + 1e-12) - 1e-6 * found[0][0])

        return gain

    def members(self, size: int) -> list[int]:
        """The portfolio of the trials by their fitted losses: greedy, then exchanges as long as one helps."""
        import numpy as np

        chosen: list[int] = []
        for _ in range(size):
            rest = self.costs[chosen].min(axis=0) if chosen else self.worst
            totals = np.minimum(self.costs, rest) @ self.shares
            best = int(totals.argmin())
            if chosen and totals[best] >= rest @ self.shares - 1e-12:
                break
            chosen.append(best)
        for _ in range(10):
            now = self.costs[chosen].min(axis=0) @ self.shares
            moved = False
            for k in range(len(chosen)):
                totals = np.minimum(self.costs, self._without(chosen, k)) @ self.shares
                best = int(totals.argmin())
                if totals[best] < now - 1e-12:
                    chosen[k], now, moved = best, totals[best], True
            if not moved:
                break
        return chosen

    def _without(self, members: Sequence[int], k: int) -> Vector:
        """What every place loses where the k-th member is left out."""
        import numpy as np

        others = [*members[:k], *members[k + 1 :]]
        return np.asarray(np.vstack([self.costs[others], self.worst]).min(axis=0))

    def parents(self, turn: int | None, size: int) -> list[int]:
        """Trials to mutate, best first: of the place whose turn it is, or the members and the best of every place."""
        import numpy as np

        if turn is not None:
            column = self.costs[:, turn % len(self.of)]
            return [int(i) for i in column.argsort(kind="stable")[:10]]
        best = [int(i) for i in self.costs.argmin(axis=0)]
        overall = [int(i) for i in np.nanmean(self.fitted, axis=1).argsort(kind="stable")[:4]]
        return list(dict.fromkeys([*self.members(size), *best, *overall]))
