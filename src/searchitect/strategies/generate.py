"""Sampling a grammar with learned acceptance, and an optional proposal function weighed against random mutation.

An architecture drawn from the grammar of the space and accepted with probability P(good | architecture) follows
P(architecture | good), by Bayes' rule: the generator needs no model of its own, only a predictor that judges.
"""

from __future__ import annotations

import bisect
import random
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from searchitect.errors import ConfigError
from searchitect.predictors.ridge import Ridge, RidgePosterior
from searchitect.predictors.targets import normal_scores, rank_correlation
from searchitect.seeding import derive, stream
from searchitect.spaces.architecture import Architecture
from searchitect.strategies.archive import Archive
from searchitect.strategies.fresh import first_fresh
from searchitect.strategies.productions import Productions
from searchitect.strategies.proposing import ProposalOperator, Proposer, request_of
from searchitect.strategies.steps import Steps
from searchitect.strategies.strategy import Belief, Setting
from searchitect.trial import Proposal, Trial, TrialState

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Vector = npt.NDArray[np.float64]

__all__ = ["Bandit", "Generate"]

MOST_EXAMPLES = 400
"""Complete trials that the judge is fitted on: the better half of these, and the latest."""


class Generate:
    """Each proposal is a draw from the grammar, a mutation of an elite, or the answer of the user's function.

    Draws and mutations are accepted by a ridge model on production counts, with the probability that they belong to
    the best share `good`. Which operator comes next a bandit decides, by how often each one's trials were among the
    best quarter of what ended before them. The function is only ever asked for something new: what it answered lies in
    the journal as the started trial, so a study that is opened again needs no answer twice. "A rebuilt strategy asks
    what the live one would" therefore holds for trials to come only if the function itself is deterministic.

    Args:
        propose: receives a request as plain JSON (`proposing.request_of`) and returns `{"set": {path: value}}` or
            `{"decisions": {…}}`, as text or tree. Errors, garbage, repeats and silence cost a warning each.
        seconds: how long it may take to answer; None for as long as it likes.
        startup: complete trials before anything is learned.
        refit_every: complete trials between fits.
        candidates: draws among which one is accepted; where none is, the most probable of them.
        good: share of the trials that count as good.
        elites: how many of the best are mutated.
    """

    def __init__(
        self,
        setting: Setting,
        *,
        propose: Proposer | None = None,
        seconds: float | None = 60.0,
        startup: int = 10,
        refit_every: int = 10,
        candidates: int = 100,
        good: float = 0.02,
        elites: int = 10,
    ) -> None:
        if propose is not None and not callable(propose):
            raise ConfigError(
                f"propose must be a function, got {propose!r}",
                hint="pass the function itself; a study that was started with one needs it again",
            )
        if min(startup, refit_every, candidates, elites) < 1 or not 0 < good < 1:
            raise ConfigError("startup, refit_every, candidates and elites are at least 1, good lies between 0 and 1")
        self._setting, self._startup, self._candidates, self._good = setting, startup, candidates, good
        self._archive = Archive(setting, refit_every)
        self._steps = Steps(setting.space)
        self._operator = None if propose is None else ProposalOperator(setting, propose, seconds)
        self._bandit = Bandit(["sample", "mutate"] + ["propose"] * (propose is not None))
        self._ranked: list[tuple[float, int, Trial]] = []
        self._elites, self._losses = elites, list[float]()
        self._running: dict[int, str] = {}
        self._told = 0
        self._judge: tuple[int, _Judge] | None = None
        self._answers: dict[tuple[int, int], Architecture | None] = {}

    def ask(self, number: int) -> Proposal | None:
        rng = stream(self._setting.seed, "generate", number)
        space, name = self._setting.space, self._choice(number)
        if name == "propose":
            answer = self._answer(number)
            if answer is not None:
                return Proposal(answer, self._setting.fidelity)
        if name != "sample":
            parent = self._parent(number)
            child = self._accepted(lambda: space.mutate(parent.architecture, rng), rng)
            if child is not None:
                return Proposal(child, self._setting.fidelity, parent=parent.number)
        found = self._accepted(lambda: space.sample(rng), rng)
        return None if found is None else Proposal(found, self._setting.fidelity)

    def tell(self, trial: Trial) -> None:
        self._told += 1
        if trial.state is TrialState.RUNNING or trial.state is TrialState.INFEASIBLE:
            self._running[trial.number] = self._author(trial)
        self._archive.tell(trial)
        if not trial.state.is_finished or trial.reused is not None:
            return
        self._answers.clear()
        name = self._running.pop(trial.number, None)
        loss = self._loss(trial) if trial.is_complete else None
        if name is not None and len(self._losses) >= self._startup:
            self._bandit.update(name, loss is not None and loss <= self._losses[len(self._losses) // 4])
        if loss is not None:
            bisect.insort(self._losses, loss)
            bisect.insort(self._ranked, (loss, trial.number, trial))

    def belief(self) -> Belief:
        """The judge's rank correlation on held-out trials; the best observed trial, since it predicts no noise away."""
        judge = self._judged()
        shares = ", ".join(f"{name} {share:.0%}" for name, share in self._bandit.means().items())
        best = self._ranked[0][2].number if self._ranked else None
        return Belief(best, None if judge is None else judge.rank_correlation, f"success so far: {shares}")

    # ---- operators

    def _choice(self, number: int) -> str:
        """The operator of this trial; known again when the trial is told, from the same state and number."""
        if len(self._ranked) < self._startup:
            return "sample"
        return self._bandit.choose(stream(self._setting.seed, "operator", number))

    def _author(self, trial: Trial) -> str:
        """Which operator made a trial that starts. A function that failed is charged here, not where it was asked: a
        mutation stands in its place, and only mutations have a parent."""
        name = self._choice(trial.number)
        if trial.proposal.parent is not None:
            if name == "propose":
                self._bandit.update(name, False)
            return "mutate"
        return "sample" if name == "mutate" else name

    def _parent(self, number: int) -> Trial:
        rng = stream(self._setting.seed, "parent", number)
        return rng.choice(self._ranked[: self._elites])[2]

    def _answer(self, number: int) -> Architecture | None:
        """What the function says to this request; asked once, as it may say something else the next time."""
        assert self._operator is not None
        asked = (number, self._told)
        if asked not in self._answers:
            parent, ranked = self._parent(number), [trial for _, _, trial in self._ranked]
            request = request_of(self._setting, number, parent, ranked, self._archive.failed)
            rng = stream(self._setting.seed, "edit", number)
            self._answers[asked] = self._operator.ask(request, parent.architecture, self._archive.seen, rng)
        return self._answers[asked]

    # ---- learned acceptance

    def _accepted(self, draw: Callable[[], Architecture], rng: random.Random) -> Architecture | None:
        """Return the first new and feasible draw that the judge accepts; without a judge the first."""
        judge = self._judged()
        found: dict[str, Architecture] = {}
        for _ in range(1 if judge is None else self._candidates):
            fresh = first_fresh(self._setting, self._archive.seen, draw, 500 if not found else 5)
            if fresh is not None:
                found.setdefault(self._setting.space.key(fresh), fresh)
            elif not found:
                return None
        drawn = list(found.values())
        if judge is None:
            return drawn[0]
        probabilities = judge.good(drawn).tolist()
        for architecture, probability in zip(drawn, probabilities, strict=True):
            if rng.random() < probability:
                return architecture
        return drawn[max(range(len(drawn)), key=probabilities.__getitem__)]

    def _judged(self) -> _Judge | None:
        known = self._archive.known
        if known < max(2, self._startup):
            return None
        if self._judge is None or self._judge[0] != known:
            losses = self._archive.losses(known)
            chosen = _examples(losses.tolist())
            architectures = [self._archive.complete[index].architecture for index in chosen]
            fitted = _Judge(self._steps, architectures, losses[chosen], self._good, derive(self._setting.seed, "judge"))
            self._judge = (known, fitted)
        return self._judge[1]

    def _loss(self, trial: Trial) -> float:
        objective = self._setting.objectives[0]
        return objective.loss(trial.measurements[objective.name])


class _Judge:
    """P(good | architecture): a ridge posterior on production counts and the normal scores of the losses' ranks."""

    def __init__(self, steps: Steps, examples: Sequence[Architecture], losses: Vector, good: float, seed: int) -> None:
        import numpy as np

        self._productions = Productions(steps, examples)
        self._targets = normal_scores(losses)
        self._posterior: RidgePosterior = Ridge().fit(self._productions.rows(examples), self._targets, seed)
        self._threshold = float(np.quantile(self._targets, good))

    def good(self, architectures: Sequence[Architecture]) -> Vector:
        """Probability that each belongs to the best share."""
        import numpy as np
        from scipy.special import ndtr

        mean, deviation = self._posterior.predict(self._productions.rows(architectures))
        probabilities: Vector = ndtr((self._threshold - mean) / np.maximum(deviation, 1e-9))
        return probabilities

    @property
    def rank_correlation(self) -> float | None:
        return rank_correlation(self._posterior.held_out(), self._targets)


class Bandit:
    """Thompson sampling of Bernoulli arms whose evidence fades (Raj & Kalyani, "Taming non-stationary bandits", 2017).

    Args:
        fading: weight that evidence keeps with each update; what is not chosen drifts back to "unknown".
    """

    def __init__(self, names: Sequence[str], fading: float = 0.95) -> None:
        self._fading = fading
        self._counts = dict.fromkeys(names, (0.0, 0.0))

    def choose(self, rng: random.Random) -> str:
        """Draw each arm's rate of success from its Beta posterior, return the arm with the highest."""
        rates = {name: rng.betavariate(1.0 + won, 1.0 + lost) for name, (won, lost) in self._counts.items()}
        return max(rates, key=rates.__getitem__)

    def update(self, name: str, success: bool) -> None:
        """Take in one result."""
        self._counts = {arm: (won * self._fading, lost * self._fading) for arm, (won, lost) in self._counts.items()}
        won, lost = self._counts[name]
        self._counts[name] = (won + success, lost + (not success))

    def means(self) -> dict[str, float]:
        """Posterior mean of each arm's rate of success."""
        return {name: (1.0 + won) / (2.0 + won + lost) for name, (won, lost) in self._counts.items()}


def _examples(losses: Sequence[float]) -> list[int]:
    """Which trials the judge learns from: all, or the best and the latest where they are many."""
    if len(losses) <= MOST_EXAMPLES:
        return list(range(len(losses)))
    half = MOST_EXAMPLES // 2
    best = sorted(range(len(losses)), key=lambda index: (losses[index], index))[:half]
    chosen = set(best)
    latest = [index for index in reversed(range(len(losses))) if index not in chosen][:half]
    return sorted([*best, *latest])
