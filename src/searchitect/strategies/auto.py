"""A strategy that chooses a strategy: by space, budget, objectives and workers, and again by what its model is worth.

The rules are those of the comparison on published tables: a Gaussian process up to 300 evaluations and 60 decisions, a
cheap predictor up to 2,000, regularised evolution beyond; for several objectives a process for each or, with more
trials, evolution of a whole front; see docs/strategies.md. How noisy a problem is shows only in
the search: a model that cannot rank trials it has not seen leads no better than chance, and is replaced.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from searchitect.errors import SpaceError
from searchitect.spaces.architecture import Architecture
from searchitect.strategies.grid import LARGEST_GRID
from searchitect.strategies.strategy import Belief, Setting, Strategy, expected_by
from searchitect.trial import Proposal, Trial

__all__ = ["Auto", "Choice", "choose"]

TINY = 64
"""Spaces of at most so many architectures are visited whole even where the budget is not known."""

FEWEST_TO_LEARN = 6
"""Expected trials below which no model can learn anything."""

MOST_FOR_GP, MOST_DECISIONS, MOST_WORKERS = 300, 60, 8
MOST_FOR_PREDICTOR = 2_000
MOSTLY_REAL = 0.5

FIRST_CHECK, NEXT_CHECK = 30, 1.5
"""Complete trials at the first check of the model, and the factor to the next one."""

LEAST_CORRELATION = 0.2
"""A model whose held-out rank correlation is below this is given up."""

MOST_OBJECTIVES_FOR_GP = 4
FEWEST_FOR_DIRECTIONS = 4
"""Objectives up to which models pay, and from which on reference directions spread better than crowding does."""

EVOLUTION = "regularized_evolution"

PREFERRED: Mapping[str, Mapping[str, Any]] = {"gp": {"acquisition": "independent"}}
"""Options with which `auto` takes a strategy. Expected improvement is faster at first, but where short trainings
mislead, six of ten searches were stuck; see docs/decisions/0019-gp-explores-less-and-knows-effects.md."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The name of a strategy and the reason for it."""

    name: str
    why: str


def choose(setting: Setting, complete: int = 0) -> Choice:
    """Return the strategy for a search.

    Args:
        complete: trials that are complete; where no budget is known, what a model must expect to cope with.
    """
    budget = setting.budget
    size = _size(setting)
    if size is not None and size <= (budget or TINY) and size <= LARGEST_GRID:
        return Choice("grid", f"all {size} architectures fit into the search")
    if budget is not None and budget < FEWEST_TO_LEARN:
        return Choice("sobol", f"{budget} trials are too few to learn from, so they are spread evenly")
    if len(setting.objectives) > 1:
        return _of_several(setting, budget or complete)
    return _with_model(setting, budget or complete, "trials" if budget else "trials so far")


def _of_several(setting: Setting, expected: int) -> Choice:
    """A strategy that pushes a whole front; see docs/decisions/0017-several-objectives.md."""
    count, (decisions, _) = len(setting.objectives), _decisions(setting)
    modelled = expected <= MOST_FOR_GP and decisions <= MOST_DECISIONS and setting.workers <= MOST_WORKERS
    if modelled and count <= MOST_OBJECTIVES_FOR_GP:
        return Choice("parego", f"it weighs {count} objectives anew for each of few trials, by a model of each")
    name = "nsga2" if count < FEWEST_FOR_DIRECTIONS else "nsga3"
    return Choice(name, f"it breeds a whole front of {count} objectives, with trials enough for no model to pay")


def _with_model(setting: Setting, expected: int, unit: str) -> Choice:
    decisions, real = _decisions(setting)
    workers = setting.workers
    if expected > MOST_FOR_PREDICTOR:
        return Choice(EVOLUTION, f"{expected:,} {unit} are more than a model pays for")
    if workers > 1 and real >= MOSTLY_REAL and (expected > MOST_FOR_GP or workers > MOST_WORKERS):
        return Choice(EVOLUTION, f"{real:.0%} of the decisions are real numbers and {workers} trials run at once")
    if expected > MOST_FOR_GP:
        return Choice("predictor", f"{expected:,} {unit} are many for a Gaussian process")
    if decisions > MOST_DECISIONS:
        return Choice("predictor", f"{decisions:,} decisions are many for a Gaussian process")
    if workers > MOST_WORKERS:
        return Choice("predictor", f"its draws differ for {workers} trials at once")
    known = f"{expected:,} {unit} and " if expected else ""
    return Choice("gp", f"{known}{decisions} decisions suit a Gaussian process")


class Auto:
    """Choose by space, budget, objectives and workers; give up a model whose held-out rank correlation is poor.

    The decision is a function of what was told. A new choice is told all past trials before it is asked.

    Args:
        options: strategy → its own options, for whatever may be chosen; they come before those of `PREFERRED`.
        least_correlation: held-out rank correlation that a model must reach from 30 complete trials on; it is checked
            again after half as many more trials each time.
    """

    def __init__(
        self,
        setting: Setting,
        *,
        options: Mapping[str, Mapping[str, Any]] | None = None,
        least_correlation: float = LEAST_CORRELATION,
    ) -> None:
        self._setting, self._options, self._least = setting, options or {}, least_correlation
        self._told: list[Trial] = []
        self._complete = 0
        self._check = FIRST_CHECK
        self._take(choose(setting))

    def ask(self, number: int) -> Proposal | None:
        return self._strategy.ask(number)

    def tell(self, trial: Trial) -> None:
        self._strategy.tell(trial)
        if self._settled:
            return
        self._told.append(trial)
        if trial.is_complete and trial.reused is None:
            self._complete += 1
            self._reconsider()

    def belief(self) -> Belief:
        """What the chosen strategy believes; the note says which it is, and why."""
        believed = getattr(self._strategy, "belief", Belief)()
        note = f"auto: {self.choice.name}, since {self.choice.why}"
        note += f"; {believed.note}" if believed.note else ""
        return dataclasses.replace(believed, note=note)

    def expected(self, architectures: Sequence[Architecture]) -> list[tuple[float, float]] | None:
        """What the chosen strategy's model expects of new trainings (`expected_by`)."""
        return expected_by(self._strategy, architectures)

    @property
    def is_redrawn(self) -> bool:
        """Whether the proposals of what was chosen differ by their number alone."""
        return bool(getattr(self._strategy, "is_redrawn", False))

    @property
    def exhaustive(self) -> bool:
        """Whether what was chosen promises to visit everything."""
        return bool(getattr(self._strategy, "exhaustive", False))

    @property
    def _settled(self) -> bool:
        """Whether nothing can change the choice any more; then no trials need be kept for another one."""
        return self.choice.name in (EVOLUTION, "grid", "sobol", "nsga2", "nsga3")

    def _take(self, choice: Choice) -> None:
        from searchitect.strategies import make_strategy

        self.choice = choice
        # Prior trials and zero-cost scores lead whatever is chosen: they are wrapped around this strategy, not within.
        plain = dataclasses.replace(self._setting, prior=(), scores=None)
        options = {**PREFERRED.get(choice.name, {}), **self._options.get(choice.name, {})}
        self._strategy: Strategy = make_strategy(choice.name, plain, options)
        for trial in self._told:
            self._strategy.tell(trial)
        if self._settled:
            self._told.clear()

    def _reconsider(self) -> None:
        again = choose(self._setting, self._complete)
        if self._complete >= self._check:
            self._check = int(self._check * NEXT_CHECK)
            correlation = getattr(self._strategy, "belief", Belief)().rank_correlation
            if correlation is not None and correlation < self._least:
                why = f"after {self._complete} trials the {self.choice.name} model ranked unseen ones with ρ = "
                several = len(self._setting.objectives) > 1
                again = Choice("nsga2" if several else EVOLUTION, f"{why}{correlation:.2f}")
        if again.name != self.choice.name:
            self._take(again)


def _size(setting: Setting) -> int | None:
    """Number of architectures; None where it is infinite or cannot be counted."""
    if not setting.space.is_finite:
        return None
    try:
        return setting.space.size()
    except SpaceError:
        return None


def _decisions(setting: Setting) -> tuple[int, float]:
    """Number of decisions of the unrolled space, and the share of them that are real numbers."""
    try:
        kinds = [decision.kind for decision in setting.space.decisions()]
    except SpaceError:  # more places than encodings lay out side by side
        return MOST_DECISIONS + 1, 0.0
    return len(kinds), kinds.count("real") / len(kinds) if kinds else 0.0
