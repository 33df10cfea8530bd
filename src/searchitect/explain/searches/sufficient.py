"""Whether there is enough to explain: one place for the refusals that every explanation shares."""

from __future__ import annotations

from searchitect.errors import ConfigError
from searchitect.explain.searches.evidence import Evidence

__all__ = ["check_sufficient"]


def check_sufficient(evidence: Evidence, fewest: int, what: str) -> None:
    """Refuse what no explanation can be made of.

    Args:
        fewest: complete trials that are needed.
        what: of whom, as the beginning of a sentence: "rules", "importances".

    Raises:
        ConfigError: too few trials (it says how many are needed), an objective that is the same in all of them, or no
            decision that differs.
    """
    if len(evidence) < fewest:
        have = f"there {'is' if len(evidence) == 1 else 'are'} {len(evidence)}"
        raise ConfigError(
            f"{what} need at least {fewest} complete trials at full fidelity, {have}",
            hint=f"run the search for {fewest - len(evidence)} more trials: searchitect resume",
        )
    if float(evidence.targets.max()) == float(evidence.targets.min()):
        raise ConfigError(
            f"{evidence.objective.name} is {evidence.targets[0]:g} in all {len(evidence)} trials: there is nothing to "
            "explain",
            hint="choose another measurement, or see whether the evaluation returns a constant",
        )
    if not evidence.factors:
        raise ConfigError(
            f"all {len(evidence)} trials decided everything alike: no decision can explain {evidence.objective.name}"
        )
