"""The elites of a study: the best trial of every niche, and how good the collection is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from searchitect.errors import ConfigError, did_you_mean
from searchitect.objectives import Constraint, Objective
from searchitect.spaces.search_space import SearchSpace
from searchitect.strategies.elites import coverage, elites_of, qd_score
from searchitect.strategies.niches import Niches, describe
from searchitect.trial import Fidelity, Trial

__all__ = ["Elite", "Elites", "refuse_unknown", "study_elites"]


@dataclass(frozen=True, slots=True)
class Elite:
    """The best trial of one niche.

    Attributes:
        niche: its name.
        trial: None where no trial lies in the niche.
        value: the first objective of the trial.
        features: what the niches are about, of the trial.
    """

    niche: str
    trial: Trial | None = None
    value: float | None = None
    features: Mapping[str, float] | None = None

    def to_json(self) -> dict[str, Any]:
        trial = None if self.trial is None else self.trial.number
        features = None if self.features is None else dict(self.features)
        return {"niche": self.niche, "trial": trial, "value": self.value, "features": features}


@dataclass(frozen=True, slots=True)
class Elites:
    """One elite per niche, in the order of the niches.

    Attributes:
        niches: which; `niches.features` names what they are about.
        phase: whose trials they are: "search" or "random".
        coverage: share of the niches that have an elite.
        qd_score: sum over the niches of how much the elite is better than the worst complete trial of the study.
    """

    niches: Niches
    phase: str
    members: tuple[Elite, ...]
    coverage: float
    qd_score: float

    def __iter__(self) -> Any:
        return iter(self.members)

    def __len__(self) -> int:
        return len(self.members)

    def __getitem__(self, niche: str | int) -> Elite:
        """The elite of a niche, by its name or its place."""
        if isinstance(niche, int):
            return self.members[niche]
        return next(member for member in self.members if member.niche == niche)

    def to_json(self) -> dict[str, Any]:
        return {
            "features": list(self.niches.features),
            "coverage": round(self.coverage, 6),
            "qd_score": round(self.qd_score, 6),
            "niches": [member.to_json() for member in self.members],
        }


def refuse_unknown(niches: Niches, trials: Sequence[Trial], space: SearchSpace | None) -> None:
    """Let no niche stay empty because nothing tells its features.

    Raises:
        ConfigError: no complete trial tells one of them, or they are those of the encoding and the space is not known.
    """
    if not niches.features and space is None:
        raise ConfigError(
            "these niches are regions of the space, whose class is not known here",
            hint="use the result that sa.search or resume returned",
        )
    complete = [{**trial.clock, **trial.measurements} for trial in trials if trial.is_complete]
    first = next((trial for trial in trials if trial.is_complete), None)
    for feature in niches.features:
        if first is None or any(feature in told for told in complete):
            continue
        if describe([feature], space, first.architecture, {}) is None:
            known = sorted({name for told in complete for name in told} - {"seconds", "elapsed"})
            raise ConfigError(f"no trial of the study tells {feature!r}", hint=did_you_mean(feature, known))


def study_elites(
    trials: Sequence[Trial],
    niches: Niches,
    space: SearchSpace | None,
    objective: Objective,
    limits: Sequence[Constraint],
    phase: str,
    full: Fidelity,
) -> Elites:
    """Return the elites among the trials of one phase.

    Args:
        space: needed where the niches are regions of the encoding.
        full: trials of the search at another fidelity are no candidates.
    """
    complete = [t for t in trials if t.is_complete and t.reused is None and objective.name in t.measurements]
    own = [t for t in complete if t.phase == phase and (phase != "search" or t.proposal.fidelity == full)]
    archive = elites_of(own, niches, space, objective, limits)
    members = []
    for place, name in enumerate(niches.names):
        if place not in archive.elites:
            members.append(Elite(name))
            continue
        trial = archive.elites[place][1]
        told = {**trial.clock, **trial.measurements}
        features = {feature: told[feature] for feature in niches.features if feature in told}
        members.append(Elite(name, trial, trial.measurements[objective.name], features))
    losses = archive.losses()
    worst = max((objective.loss(t.measurements[objective.name]) for t in complete), default=0.0)
    return Elites(niches, phase, tuple(members), coverage(losses), qd_score(losses, worst))
