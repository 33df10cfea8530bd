"""The seam of every strategy: a fold over what it was told."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from searchitect.evaluation import Check, Facts
from searchitect.objectives import Constraint, Objective
from searchitect.spaces.architecture import Architecture
from searchitect.spaces.search_space import SearchSpace
from searchitect.strategies.prior import PriorTrial
from searchitect.trial import Fidelity, Proposal, Trial

__all__ = ["Belief", "Believer", "Scores", "Setting", "Strategy", "nothing_forbidden"]

Scores = Callable[[Architecture], Mapping[str, float]]
"""Architecture to its zero-cost scores by proxy; higher is better, and what failed is missing."""


class Strategy(Protocol):
    """What to try next.

    State is a left fold over `tell`; `ask` changes nothing and draws only from `seeding.stream(seed, purpose, number)`.
    Hence a strategy rebuilt from the journal asks exactly what the live one would.
    """

    def ask(self, number: int) -> Proposal | None:
        """Return the proposal for trial `number`. None: wait if trials are running, otherwise exhausted."""
        ...

    def tell(self, trial: Trial) -> None:
        """Take note of a trial: once when it starts, once when it ends."""
        ...


@dataclass(frozen=True, slots=True)
class Belief:
    """What a strategy's model holds true at this moment; for reports, and for strategies that lead other strategies.

    Attributes:
        incumbent: number of the complete trial believed best once luck is averaged out; not always the best observed.
        rank_correlation: Spearman's ρ between held-out predictions and observations; None where there are too few.
        note: one line: what the strategy does now, and why.
        interval: where a new training of the incumbent is expected, by the first objective; None where the model knows
            no intervals.
        share: of new trainings that end in such an interval, as measured; less than 0.9 after few trials.
    """

    incumbent: int | None = None
    rank_correlation: float | None = None
    note: str = ""
    interval: tuple[float, float] | None = None
    share: float = 0.9


class Believer(Protocol):
    """What a strategy with a model offers besides `Strategy`."""

    def belief(self) -> Belief:
        """Return what is believed now; a pure function of what was told."""
        ...


def expected_by(strategy: object, architectures: Sequence[Architecture]) -> list[tuple[float, float]] | None:
    """Return where nine of ten new trainings of each would lie, by the first objective; None from a strategy without a
    model that knows intervals."""
    ask = getattr(strategy, "expected", None)
    return ask(architectures) if callable(ask) else None


def nothing_forbidden(architecture: object) -> Sequence[str]:
    """The check of a study without limits."""
    return ()


@dataclass(frozen=True, slots=True)
class Setting:
    """What every strategy is made with.

    Attributes:
        objectives: the first is the one a single-objective strategy follows.
        seed: the study's seed.
        check: returns violated limits; a strategy resamples, for free, what is forbidden.
        budget: expected number of trials, where it is known; strategies may size themselves by it.
        fidelity: what one ordinary evaluation of the search may spend.
        workers: how many trials run at the same time.
        prior: what earlier searches found; a strategy made by name starts from it (`warm_start`).
        facts: tells measurements that are known without training, for free; None where nothing does.
        constraints: limits on measurements. `check` answers for those that are known without training; the others
            show in the measurements of complete trials, and a strategy may learn where they hold.
        cost: predicts what an evaluation takes (seconds, FLOPs: any unit, above 0); None where nothing does.
        recorded_epochs: where only some numbers of epochs can be asked for, as of a table: these, the full one last.
        scores: gives the zero-cost scores of an architecture, by proxy, higher is better; a failed one is missing.
            Pure: what was scored once is in the journal. None where nothing is scored.
        pool: architectures that may be scored before the first trial.
    """

    space: SearchSpace
    objectives: tuple[Objective, ...]
    seed: int = 0
    check: Check = nothing_forbidden
    budget: int | None = None
    fidelity: Fidelity = Fidelity()
    workers: int = 1
    prior: tuple[PriorTrial, ...] = ()
    facts: Facts | None = None
    constraints: tuple[Constraint, ...] = ()
    cost: Callable[[Architecture], float] | None = None
    recorded_epochs: tuple[int, ...] = ()
    scores: Scores | None = None
    pool: int = 1_000
