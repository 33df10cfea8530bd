"""A search led by a predictor: fit, draw candidates, sample a value for each, try the best.

Independent Thompson sampling (White et al. 2021, §4): every candidate's value is drawn from its own predictive
distribution, v ~ N(mean, deviation), regardless of the others. Parallel trials differ by their draws.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from searchitect.errors import ConfigError
from searchitect.predictors.predictor import Posterior, Predictor
from searchitect.predictors.targets import normal_scores, rank_correlation
from searchitect.seeding import derive, stream
from searchitect.spaces.architecture import Architecture
from searchitect.strategies.archive import Archive, spread
from searchitect.strategies.candidates import best_fresh, draw_candidates
from searchitect.strategies.cost_cooling import CostCooling
from searchitect.strategies.fresh import first_fresh
from searchitect.strategies.selection import best_of
from searchitect.strategies.strategy import Belief, Setting
from searchitect.trial import Proposal, Trial

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Vector = npt.NDArray[np.float64]
    Matrix = npt.NDArray[np.float64]

__all__ = ["Describe", "ThompsonSampling", "said_of"]

Rows = Callable[[Sequence[Architecture]], "Matrix"]

Describe = Callable[[Sequence[Architecture]], Rows]
"""From the architectures a model is fitted on to the function that makes rows of any."""

PARENTS = 5
"""How many of the architectures believed best are mutated into candidates."""

MOST_POINTS = 1_000
"""A model is fitted on at most so many trials: half the best, half spread evenly over the others."""

POOR = 0.3
"""A rank correlation below this is called poor in the note."""


@dataclass(frozen=True)
class _Model:
    posterior: Posterior
    rows: Rows
    places: list[int]  # of the complete trials it was fitted on
    means: Vector  # of these
    parents: list[Architecture]


class ThompsonSampling:
    """What the strategies `predictor` and `bananas` share.

    Measurements are learned as normal scores of their ranks, so that a collapsed model does not stretch the scale.

    Args:
        predictor: fitted cold on the first m = k·⌊completed/k⌋ complete trials.
        describe: makes the rows it is fitted on.
        name: names the random streams.
        startup: complete trials before the first fit; until then architectures are random.
        refit_every: k.
        candidates: how many are judged for each proposal; half are mutated from those believed best.
        per_cost: the improvement that a draw promises, per predicted cost; see `CostCooling`.
    """

    def __init__(
        self,
        setting: Setting,
        predictor: Predictor,
        describe: Describe,
        *,
        name: str,
        startup: int,
        refit_every: int,
        candidates: int,
        per_cost: bool = False,
    ) -> None:
        if min(startup, candidates) < 2 or refit_every < 1:
            raise ConfigError(
                f"expected startup and candidates of at least 2 and refit_every of at least 1, "
                f"got {startup}, {candidates} and {refit_every}"
            )
        self._setting, self._predictor, self._describe, self._name = setting, predictor, describe, name
        self._startup, self._candidates = startup, candidates
        self._archive = Archive(setting, refit_every)
        self._cooling = CostCooling(setting, self._archive, startup) if per_cost else None
        self._cached: tuple[int, _Model | None] = (0, None)

    def ask(self, number: int) -> Proposal | None:
        setting, space, seen = self._setting, self._setting.space, self._archive.seen
        rng = stream(setting.seed, self._name, number)
        model, chosen = self._model(), None
        if model is not None:
            chosen = best_fresh(
                setting,
                seen,
                lambda drawn: self._sampled(model, drawn, rng.getrandbits(64)),
                lambda: draw_candidates(space, model.parents, rng, self._candidates),
            )
        if chosen is None:
            chosen = first_fresh(setting, seen, lambda: space.sample(rng))
        return None if chosen is None else Proposal(chosen, setting.fidelity)

    def tell(self, trial: Trial) -> None:
        self._archive.tell(trial)

    def belief(self) -> Belief:
        """Incumbent by posterior mean among the trials the model was fitted on; held-out rank correlation."""
        model, known = self._model(), self._archive.known
        if model is None:
            complete = self._archive.complete
            best = best_of(complete, self._setting.objectives[:1]).number if complete else None
            return Belief(best, note=f"{self._name}: random until {self._startup} trials are complete")
        losses = self._archive.losses(known)[model.places]
        correlation = rank_correlation(model.posterior.held_out(), losses)
        incumbent = self._archive.complete[model.places[int(model.means.argmin())]].number
        return Belief(incumbent, correlation, said_of(self._name, known, correlation))

    def _sampled(self, model: _Model, drawn: Sequence[Architecture], seed: int) -> Vector:
        """One draw of every candidate's loss; with costs, the log of its cost less that of what it improves."""
        import numpy as np

        means, deviations = model.posterior.predict(model.rows(drawn))
        draws: Vector = np.random.Generator(np.random.PCG64(seed)).standard_normal(len(drawn))
        losses = means + deviations * draws
        if self._cooling is None:
            return losses
        # The softplus of the improvement, as for acquisitions that can be negative (González et al. 2016, §3).
        gain = np.logaddexp(0.0, np.maximum(10.0 * (float(model.means.min()) - losses), -600.0))
        return np.asarray(self._cooling.discount(drawn) - np.log(gain))

    def _model(self) -> _Model | None:
        """The model of the first m complete trials; kept until m changes."""
        known = self._archive.known
        if known < self._startup:
            return None
        if self._cached[0] != known:
            self._cached = (known, self._fitted(known))
        return self._cached[1]

    def _fitted(self, known: int) -> _Model:
        import numpy as np

        losses = self._archive.losses(known)
        places = spread(losses, MOST_POINTS)
        architectures = [self._archive.complete[place].architecture for place in places]
        rows = self._describe(architectures)
        features = rows(architectures)
        seed = derive(self._setting.seed, self._name, "fit", known)
        posterior = self._predictor.fit(features, normal_scores(losses)[places], seed)
        means, _ = posterior.predict(features)
        best = np.argsort(means, kind="stable")[:PARENTS]
        return _Model(posterior, rows, places, means, [architectures[place] for place in best])


def said_of(name: str, known: int, correlation: float | None) -> str:
    """Return the one-line note of a belief."""
    if correlation is None:
        return f"{name}: led by a model of {known} trials whose order is not known yet"
    line = f"{name}: led by a model of {known} trials, held-out rank correlation {correlation:.2f}"
    return line if correlation >= POOR else line + ": poor, hardly better than random candidates"
