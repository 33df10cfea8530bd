"""Bayesian optimisation of elites: try what improves the most niches by the most, as far as a model can tell.

Kent, Gaier, Mouret and Branke, "BOP-Elites, a Bayesian optimisation approach to quality diversity search with black-box
descriptor functions", 2023 (arXiv 2307.09326), equation 8; for nested niches and architectures Schneider et al.,
"Tackling neural architecture search with quality diversity optimization", AutoML 2022, equation 5:

    α(x) = Σ_j  P(φ(x) ∈ niche_j) · E[max(elite_j − f(x), 0)]

Features that are known without training make P either 0 or 1; others get a Gaussian process of their own. Telling them
may mean building a model, some milliseconds, so the candidates are first ordered by what that process expects, and only
the most promising are looked at.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from searchitect.errors import ConfigError, EvaluationError
from searchitect.predictors.gaussian_process import GaussianPosterior, GaussianProcess, evenly
from searchitect.predictors.kernels import Columns, DecisionKernel
from searchitect.predictors.targets import rank_correlation
from searchitect.seeding import stream
from searchitect.spaces.architecture import Architecture
from searchitect.strategies.acquisition import log_expected_improvement, most_promising
from searchitect.strategies.archive import Archive, initial_trials, spread
from searchitect.strategies.elites import EliteArchive
from searchitect.strategies.niches import Niches, describe, is_structural
from searchitect.strategies.strategy import Belief, Setting
from searchitect.strategies.tessellation import made_niches
from searchitect.trial import Proposal, Trial

if TYPE_CHECKING:
    import random

    import numpy as np
    import numpy.typing as npt

    from searchitect.predictors.kernels import Rows

    Vector = npt.NDArray[np.float64]
    Matrix = npt.NDArray[np.float64]

__all__ = ["BOPElites", "drawn_in"]

DRAWS = 64
"""Draws of modelled features by which a candidate's probability to lie in a niche is counted."""

LEAST = 0.01
"""Draws that are counted beside these, so that no niche is thought impossible."""

UNSEEN = 1e3
"""What candidates lose, in log units, whose features were not looked at."""


class BOPElites:
    """A Gaussian process of the loss; candidates are mutants of the elites, and random ones.

    Args:
        niches: where a best model is wanted, each of them; see `parse_niches`. Without any the space itself is cut
            into 32 regions of alike architectures.
        initial: random trials before the model decides; by default 10, or a quarter of a smaller budget.
        refit_every: hyper-parameters are learned anew after so many complete trials.
        candidates: random candidates per ask, and as many mutants of the elites.
        inspected: candidates per round whose features are asked for, where these are known without training; 0 for all.
        max_points: the posterior rests on at most so many trials.

    Raises:
        ConfigError: the niches cannot be read.
    """

    def __init__(
        self,
        setting: Setting,
        *,
        niches: Any = None,
        initial: int | None = None,
        refit_every: int = 5,
        candidates: int = 150,
        inspected: int = 40,
        max_points: int = 1000,
    ) -> None:
        self._setting = setting
        self._initial = initial or initial_trials(setting)
        if min(self._initial, refit_every, candidates, inspected + 1) < 1 or max_points < 2:
            given = f"{initial=}, {refit_every=}, {candidates=}, {inspected=}, {max_points=}"
            raise ConfigError(f"cannot model with {given}")
        self._columns = Columns.of(setting.space)
        self._process = GaussianProcess(DecisionKernel(self._columns))
        self._every, self._candidates, self._max_points = refit_every, candidates, max_points
        self._inspected = inspected
        self._archive = Archive(setting, refit_every)
        self._elites = EliteArchive(made_niches(niches, setting.space, setting.facts, setting.seed))
        self._features: list[Vector | None] = []  # of the complete trials
        self._known: dict[str, Vector | None] = {}  # by text: features that cost nothing
        self._free: bool | None = None
        self._learned: dict[str, tuple[int, Vector]] = {}
        self._fitted: tuple[int, list[int], GaussianPosterior] | None = None

    @property
    def niches(self) -> Niches:
        return self._elites.niches

    def ask(self, number: int) -> Proposal | None:
        rng, setting, archive = stream(self._setting.seed, "bop elites", number), self._setting, self._archive
        if archive.is_young(self._initial):
            return archive.opening(rng)
        score = self._score(rng)
        elites = [trial.architecture for trial in self._elites.trials()]
        rng.shuffle(elites)
        count = self._candidates
        found = most_promising(setting, archive.seen, elites, score, rng, random_draws=count, mutants=count)
        return None if found is None else Proposal(found, setting.fidelity)

    def tell(self, trial: Trial) -> None:
        before = len(self._archive.complete)
        self._archive.tell(trial)
        if len(self._archive.complete) > before:
            setting, objective = self._setting, self._setting.objectives[0]
            features = describe(self.niches.features, setting.space, trial.architecture, trial.measurements)
            self._features.append(features)
            self._elites.add(trial, objective.loss(trial.measurements[objective.name]), features)

    def belief(self) -> Belief:
        """The best elite, how full the archive is, and how well leave-one-out predictions rank the trials."""
        if len(self._archive.complete) < 2:
            return Belief(note="no model yet: fewer than two complete trials")
        chosen, posterior = self._posterior()
        best = self._archive.complete[chosen[int(posterior.fitted().argmin())]]
        agreement = rank_correlation(posterior.held_out(), posterior.targets)
        filled, of = len(self._elites.elites), len(self.niches.names)
        return Belief(best.number, agreement, f"elites of {filled} of {of} niches, Gaussian process of {len(chosen)}")

    # ---- expected niche improvement

    def _score(self, rng: random.Random) -> Callable[[Sequence[Architecture]], Vector]:
        """The logarithm of Σ_j P(φ ∈ niche_j)·EI(elite_j), of many architectures at once."""
        import numpy as np

        _, posterior = self._posterior()
        posterior = posterior.believing(self._running_rows()) if self._archive.running else posterior
        # Nested niches share elites: the improvement over each different elite is computed once.
        levels, places = np.unique(self._elite_targets(), return_inverse=True)
        free, inspected = self._is_free(), self._inspected
        modelled = None if free and not inspected else self._modelled(rng)

        def score(architectures: Sequence[Architecture]) -> Vector:
            mean, deviation = posterior.predict(self._columns.encode(architectures))
            gains = np.stack([log_expected_improvement(mean, deviation, level) for level in levels], axis=1)[:, places]
            if modelled is None or (free and len(architectures) <= inspected):
                return _summed(gains, self._held(architectures))
            found = _summed(gains, modelled(architectures))
            if free:
                best = found.argsort(kind="stable")[::-1][:inspected]
                exact = _summed(gains[best], self._held([architectures[place] for place in best]))
                found -= UNSEEN
                found[best] = exact
            return found

        return score

    def _elite_targets(self) -> Vector:
        """The target of each niche's elite; where there is none, that of the worst trial so far."""
        import numpy as np

        losses = self._archive.losses(len(self._archive.complete))
        worst = float(losses.max())
        found = np.array([worst if math.isinf(loss) else loss for loss in self._elites.losses()])
        return drawn_in(found, losses)

    def _modelled(self, rng: random.Random) -> Callable[[Sequence[Architecture]], Matrix]:
        """Return the probability of each architecture to lie in each niche, as far as the models of features tell."""
        import numpy as np

        if not self.niches.features:
            return self._held
        posteriors = [self._feature_posterior(place) for place in range(len(self.niches.features))]
        luck = np.array([rng.gauss(0.0, 1.0) for _ in range(DRAWS * len(posteriors))]).reshape(DRAWS, -1)

        def probabilities(architectures: Sequence[Architecture]) -> Matrix:
            rows = self._columns.encode(architectures)
            found = [posterior.predict(rows) for posterior, _ in posteriors]
            count = np.zeros((len(architectures), len(self.niches.names)))
            for draw in luck:
                columns = [
                    np.exp(mean + part * deviation) if log else mean + part * deviation
                    for part, (mean, deviation), (_, log) in zip(draw, found, posteriors, strict=True)
                ]
                count += self.niches.holding(np.stack(columns, axis=1))
            return np.asarray((count + LEAST) / (DRAWS + 2 * LEAST))

        return probabilities

    def _held(self, architectures: Sequence[Architecture]) -> Matrix:
        """Return 1 where an architecture lies in a niche, 0 elsewhere: for features that cost nothing."""
        import numpy as np

        features = [self._free_features(architecture) for architecture in architectures]
        inside = np.zeros((len(features), len(self.niches.names)))
        known = [place for place, vector in enumerate(features) if vector is not None]
        if known:
            inside[known] = self.niches.holding(np.stack([v for v in features if v is not None]))
        return inside

    # ---- features

    def _is_free(self) -> bool:
        """Whether the features of any architecture are known without training; found out on the first trial."""
        if self._free is None:
            self._free = self._free_features(self._archive.complete[0].architecture) is not None
        return self._free

    def _free_features(self, architecture: Architecture) -> Vector | None:
        if architecture.text not in self._known:
            names, setting = self.niches.features, self._setting
            measured = frozenset(name for name in names if not is_structural(name, setting.space))
            try:
                told = setting.facts(architecture, measured) if measured and setting.facts is not None else {}
            except EvaluationError:  # nothing can be built of it; the study's check says so too
                told = {}
            self._known[architecture.text] = describe(names, setting.space, architecture, told)
        return self._known[architecture.text]

    def _feature_posterior(self, place: int) -> tuple[GaussianPosterior, bool]:
        """The model of one measured feature, and whether it is one of its logarithm."""
        import numpy as np

        known = [index for index, vector in enumerate(self._features) if vector is not None]
        values = np.array([vector[place] for vector in self._features if vector is not None])
        if not known:  # never measured so far: anything is possible
            known, values = [0], np.zeros(1)
        log = bool((values > 0).all())
        values = np.log(values) if log else values
        theta = self._theta(f"feature {place}, {log}", known, values)
        return self._process.given(theta, self._rows(known), values), log

    # ---- the model of the loss

    def _posterior(self) -> tuple[list[int], GaussianPosterior]:
        count = len(self._archive.complete)
        if self._fitted is None or self._fitted[0] != count:
            losses = self._archive.losses(count)
            targets, chosen = drawn_in(losses, losses), spread(losses, self._max_points)
            first = losses[: self._archive.known]
            theta = self._theta("loss", range(len(first)), drawn_in(first, first))
            self._fitted = count, chosen, self._process.given(theta, self._rows(chosen), targets[chosen])
        return self._fitted[1], self._fitted[2]

    def _theta(self, of: str, places: Sequence[int], targets: Vector) -> Vector:
        """Hyper-parameters learned from the first k·⌊n/k⌋ rows, so that a rebuilt strategy has the same."""
        first = len(targets) // self._every * self._every
        if of not in self._learned or self._learned[of][0] != first:
            theta = self._process.prior().mean
            if first >= 2:
                some = evenly(first, self._process.fit_points)
                theta = self._process.learned(self._rows([places[i] for i in some]), targets[some])
            self._learned[of] = first, theta
        return self._learned[of][1]

    def _rows(self, places: Sequence[int]) -> Rows:
        return self._columns.encode([self._archive.complete[place].architecture for place in places])

    def _running_rows(self) -> Rows:
        return self._columns.encode([trial.architecture for trial in self._archive.running.values()])


def _summed(gains: Matrix, inside: Matrix) -> Vector:
    """Return log Σ_j exp(gains_j)·inside_j for each row."""
    import numpy as np

    with np.errstate(divide="ignore"):
        return np.asarray(np.logaddexp.reduce(gains + np.log(inside), axis=1))


def drawn_in(values: Vector, losses: Vector) -> Vector:
    """Return values as the model sees them: those far above most of the losses are drawn in.

    One collapsed model would otherwise stretch the scale of all others. The cap lies as far above the median, twice
    over, as the median above the best.
    """
    import numpy as np

    if not len(losses):
        return values
    low, middle = np.quantile(losses, (0.0, 0.5))
    cap = middle + 2.0 * max(float(middle - low), 1e-12)
    return np.asarray(np.minimum(values, cap))
