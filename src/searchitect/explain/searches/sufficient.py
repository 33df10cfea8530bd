"""Whether there is enough to explain: one place for the refusals that every explanation shares."""

from __future__ import annotations

from searchitect.explain.searches.evidence import Evidence
from searchitect.explain.wording import UnexplainedError

__all__ = ["FEWEST_MEMBERS", "check_sufficient"]

FEWEST_MEMBERS = 4
"""Fewest trials where they are all that the space holds, or nearly: nothing is then guessed."""

CONSTANT = 3
"""Trials of one value from which more of them are not what is missing."""

SAME = 1e-12
"""Differences of the objective that are rounding, by its size."""


def check_sufficient(evidence: Evidence, fewest: int, what: str, *, of_members: bool = False) -> None:
    """Refuse what no explanation can be made of.

    Args:
        fewest: complete trials that are needed.
        what: of whom, a key of the texts `needing`: "rules", "importance".
        of_members: whether fewer are enough of a small space that was tried whole.

    Raises:
        ConfigError: too few trials (it says how many are needed), an objective that is the same in all of them, or no
            decision that differs.
    """
    count, metric = len(evidence), evidence.objective.name
    needed = min(fewest, FEWEST_MEMBERS) if of_members and evidence.is_whole else fewest
    if count >= min(CONSTANT, max(1, needed)) and _same(evidence):
        raise UnexplainedError(
            "constant",
            metric=metric,
            value=f"{evidence.targets[0]:g}",
            count=count,
            hint="choose another measurement, or see whether the evaluation returns a constant",
        )
    if count < needed:
        raise UnexplainedError(
            "too_few",
            what=what,
            decisions=len(evidence.factors),
            needed=needed,
            count=count,
            hint=f"run the search for {needed - count} more trials: searchitect resume",
        )
    if not evidence.factors:
        raise UnexplainedError("alike", metric=metric, count=count, hint="was the space fixed to one architecture?")


def _same(evidence: Evidence) -> bool:
    return float(evidence.targets.std()) <= SAME * float(abs(evidence.targets).max())
