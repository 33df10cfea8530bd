"""How a search went, from its trials alone: everything of this kind in one record for a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from searchitect.errors import ConfigError
from searchitect.explain.searches.evidence import Evidence
from searchitect.explain.searches.exploration import ExplorationMap, exploration_map
from searchitect.explain.searches.incumbents import BestSoFar, best_so_far
from searchitect.explain.searches.lineage import Lineage, Successes, lineage, successes
from searchitect.explain.searches.outcomes import Outcomes, outcomes
from searchitect.objectives import Objective
from searchitect.trial import Trial

__all__ = ["Behaviour", "behaviour"]


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How a search went.

    Attributes:
        best: the best so far of the search, `random` that of random search beside it; None without complete trials.
        map: None where there are too few trials, or all decide alike.
    """

    best: BestSoFar | None
    random: BestSoFar | None
    map: ExplorationMap | None
    lineage: Lineage
    successes: Successes
    outcomes: Outcomes

    def to_json(self) -> dict[str, Any]:
        return {
            "best": None if self.best is None else self.best.to_json(),
            "random": None if self.random is None else self.random.to_json(),
            "map": None if self.map is None else self.map.to_json(),
            "lineage": self.lineage.to_json(),
            "successes": self.successes.to_json(),
            "outcomes": self.outcomes.to_json(),
        }


def behaviour(
    trials: Sequence[Trial],
    objective: Objective,
    evidence: Evidence | None = None,
    *,
    winner: int | None = None,
    seed: int = 0,
) -> Behaviour:
    """Gather all of it. Nothing is refused: what cannot be told is None or empty.

    Args:
        trials: of a study, all phases.
        evidence: of the same study, for the map.
        winner: number of the trial whose line is shown; by default the best of the search.
        seed: of what is resampled.
    """
    searched = [trial for trial in trials if trial.phase == "search"]
    return Behaviour(
        _curve(trials, objective, "search", seed),
        _curve(trials, objective, "random", seed),
        _map(evidence),
        lineage(searched, objective, winner=winner if any(t.number == winner for t in searched) else None),
        successes(searched, objective),
        outcomes(trials),
    )


def _curve(trials: Sequence[Trial], objective: Objective, phase: str, seed: int) -> BestSoFar | None:
    try:
        return best_so_far(trials, objective, phase=phase, seed=seed)
    except ConfigError:
        return None


def _map(evidence: Evidence | None) -> ExplorationMap | None:
    try:
        return None if evidence is None else exploration_map(evidence)
    except ConfigError:
        return None
