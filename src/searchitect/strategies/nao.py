"""NAO: gradient ascent in the latent space of an encoder–predictor–decoder.

Luo et al., "Neural Architecture Optimization", NeurIPS 2018, algorithm 1. Below a few hundred trials it seldom beats
`predictor`, whose model needs fewer examples.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from searchitect.predictors.encoder_decoder import EncoderDecoder, LatentPosterior
from searchitect.predictors.targets import normal_scores, rank_correlation
from searchitect.seeding import derive, stream
from searchitect.spaces.architecture import Architecture
from searchitect.strategies.archive import Archive
from searchitect.strategies.fresh import first_fresh
from searchitect.strategies.selection import best_of
from searchitect.strategies.strategy import Belief, Setting
from searchitect.strategies.thompson import said_of
from searchitect.strategies.tokens import Tokens
from searchitect.trial import Proposal, Trial

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Vector = npt.NDArray[np.float64]

__all__ = ["NAO"]

STEPS = (0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 5.0)
"""η, in units of |z|; it grows until there are enough new architectures."""

SEEDS = 100
"""How many of the best trials are moved uphill."""


@dataclass
class _Model:
    """What the first m trials say: the fitted parts, and what lies uphill, made as it is asked for.

    Attributes:
        means: predictions of the m trials.
        seeds: the best of them.
        known: all of them, and what was decoded so far.
        batches: what was decoded, best prediction first within each batch.
        steps: the η not taken yet.
    """

    posterior: LatentPosterior
    means: Vector
    seeds: list[Architecture]
    known: set[Architecture]
    batches: list[list[Architecture]]
    steps: list[float]


class NAO:
    """Encode the best, follow the gradient of the predicted loss, decode; the step grows until enough is new.

    What is decoded always lies in the space: the decoder may write only tokens of the place it is at, branches that are
    not entered are not read, and what breaks a constraint is dropped. What is new is read by the encoder again and
    tried in the order of its own prediction, since a decoder that learned from few trials often misses the point it was
    given. Where every η leads to what is known or forbidden the proposal is random.

    Args:
        startup: complete trials before the first fit; until then architectures are random.
        refit_every: k; the parts are trained afresh on the first m = k·⌊completed/k⌋ complete trials.
        hidden, epochs, learning_rate, trade_off: see `EncoderDecoder`.
        explore: share of random proposals, since a gradient alone does not explore.
    """

    def __init__(
        self,
        setting: Setting,
        *,
        startup: int = 40,
        refit_every: int = 20,
        hidden: int = 64,
        epochs: int = 200,
        learning_rate: float = 3e-3,
        trade_off: float = 0.8,
        explore: float = 0.1,
    ) -> None:
        self._setting, self._startup, self._explore = setting, startup, explore
        self._tokens = Tokens(setting.space)
        self._predictor = EncoderDecoder(self._tokens.sizes, hidden, epochs, learning_rate, trade_off=trade_off)
        self._archive = Archive(setting, refit_every)
        self._cached: tuple[int, _Model | None] = (0, None)

    def ask(self, number: int) -> Proposal | None:
        setting, seen = self._setting, self._archive.seen
        rng = stream(setting.seed, "nao", number)
        model = self._model()
        if model is not None and rng.random() >= self._explore:
            for architecture in self._uphill(model):
                if setting.space.key(architecture) not in seen and not setting.check(architecture):
                    return Proposal(architecture, setting.fidelity)
        chosen = first_fresh(setting, seen, lambda: setting.space.sample(rng))
        return None if chosen is None else Proposal(chosen, setting.fidelity)

    def tell(self, trial: Trial) -> None:
        self._archive.tell(trial)

    def belief(self) -> Belief:
        """Incumbent by prediction among the trials the model was fitted on; held-out rank correlation."""
        model, known, complete = self._model(), self._archive.known, self._archive.complete
        if model is None:
            best = best_of(complete, self._setting.objectives[:1]).number if complete else None
            return Belief(best, note=f"nao: random until {self._startup} trials are complete")
        correlation = rank_correlation(model.posterior.held_out(), self._archive.losses(known))
        return Belief(complete[int(model.means.argmin())].number, correlation, said_of("nao", known, correlation))

    def _uphill(self, model: _Model) -> Iterator[Architecture]:
        """What the seeds become, batch by batch."""
        place = 0
        while place < len(model.batches) or model.steps:
            if place == len(model.batches):
                model.batches.append(self._batch(model))
            yield from model.batches[place]
            place += 1

    def _batch(self, model: _Model) -> list[Architecture]:
        """Let η grow until `SEEDS` new architectures were decoded, and order them by their own predictions."""
        import numpy as np

        new: list[Architecture] = []
        rows = self._tokens.of(model.seeds)
        while model.steps and len(new) < SEEDS:
            moved = model.posterior.uphill(rows, model.steps.pop(0))
            for row, seed in zip(moved, model.seeds, strict=True):
                found = self._tokens.architecture(row, seed)
                if found is not None and found not in model.known:
                    model.known.add(found)
                    new.append(found)
        if not new:
            return []
        means, _ = model.posterior.predict(self._tokens.of(new))
        return [new[place] for place in np.argsort(means, kind="stable")]

    def _model(self) -> _Model | None:
        """The model of the first m complete trials; kept until m changes."""
        known = self._archive.known
        if known < max(self._startup, 4):
            return None
        if self._cached[0] != known:
            self._cached = (known, self._fitted([trial.architecture for trial in self._archive.complete[:known]]))
        return self._cached[1]

    def _fitted(self, architectures: Sequence[Architecture]) -> _Model:
        import numpy as np

        losses = self._archive.losses(len(architectures))
        rows = self._tokens.of(architectures)
        seed = derive(self._setting.seed, "nao", "fit", len(architectures))
        posterior = self._predictor.fit(rows, normal_scores(losses), seed)
        best = np.argsort(losses, kind="stable")[:SEEDS]
        seeds = [architectures[place] for place in best]
        return _Model(posterior, posterior.predict(rows)[0], seeds, set(architectures), [], list(STEPS))
