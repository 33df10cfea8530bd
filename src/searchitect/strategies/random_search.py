"""Random search: independent draws, no architecture twice (Bergstra & Bengio, JMLR 2012)."""

from __future__ import annotations

from searchitect.seeding import stream
from searchitect.strategies.fresh import first_fresh
from searchitect.strategies.strategy import Setting
from searchitect.trial import Proposal, Trial

__all__ = ["RandomSearch"]


class RandomSearch:
    """Draw from the space's prior, skipping what is forbidden or was tried. Exhausted after 500 vain draws."""

    is_redrawn = True
    """Proposals differ by their number alone, so that several can be drawn and compared."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._seen: set[str] = set()

    def ask(self, number: int) -> Proposal | None:
        rng = stream(self._setting.seed, "random", number)
        space = self._setting.space
        architecture = first_fresh(self._setting, self._seen, lambda: space.sample(rng))
        return None if architecture is None else Proposal(architecture, self._setting.fidelity)

    def tell(self, trial: Trial) -> None:
        self._seen.add(trial.key)
