"""Which decision's turn it is where a neighbourhood is too large to be tried in full."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from searchitect.spaces.architecture import Architecture
from searchitect.strategies.neighbourhood import changed_decision
from searchitect.trial import Trial

__all__ = ["Turns"]


class Turns:
    """Count how often each decision had its turn: some of its values were tried next to one incumbent.

    Where a neighbourhood is sampled, the most important decision never runs out of values; asked after every move, it
    would be tried again and again while no other gets its turn. So those go first that had the fewest turns.
    """

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._last: tuple[str, str] | None = None

    def tell(self, incumbent: Trial, trial: Trial) -> None:
        """Note a trial that starts next to an incumbent."""
        turn = incumbent.key, changed_decision(incumbent.architecture, trial.architecture)
        if turn != self._last:
            self._counts[turn[1]] += 1
        self._last = turn

    def ordered(
        self, incumbent: Architecture, near: Sequence[Architecture], limit: int, weights: Mapping[str, float]
    ) -> dict[str, list[Architecture]]:
        """Return the neighbours by the decision that changes: the most important first, after those whose turn it is.

        Args:
            near: as `neighbourhood` returned them.
            limit: how many it could return: as many are a sample.
            weights: importance by decision.
        """
        lines: dict[str, list[Architecture]] = {}
        for architecture in near:
            lines.setdefault(changed_decision(incumbent, architecture), []).append(architecture)
        is_sample = len(near) >= limit
        order = sorted(lines, key=lambda path: (self._counts[path] if is_sample else 0, -weights[path], path))
        return {path: lines[path] for path in order}
