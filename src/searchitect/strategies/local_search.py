"""Local search with restarts.

White, Nolen & Savani, "Exploring the Loss Landscape in Neural Architecture Search", UAI 2021, algorithm 1; den
Ottelander et al., "Local Search is a Remarkably Strong Baseline for Neural Architecture Search", EMO 2021.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from searchitect.spaces.architecture import Architecture
from searchitect.strategies.climbing import Climber
from searchitect.strategies.strategy import Setting

__all__ = ["LocalSearch"]


class LocalSearch(Climber):
    """Evaluate the neighbours of the incumbent in random order and move to the first that is better.

    Args:
        starts: random architectures evaluated before each climb, which begins at the best of them.
        neighbours: a neighbourhood that is larger, or continuous, is sampled down to so many.
        replicates: evaluations that a local optimum may get while it leads by less than 2σ̂; 1 for one only.
        full_scan: evaluate the whole neighbourhood and move to its best (steepest ascent).

    Raises:
        ConfigError: a number is below 1.
    """

    def __init__(
        self,
        setting: Setting,
        *,
        starts: int = 10,
        neighbours: int = 200,
        replicates: int = 3,
        full_scan: bool = False,
    ) -> None:
        super().__init__(setting, starts, neighbours, replicates, first_improvement=not full_scan)

    def _grouped(self, architectures: Sequence[Architecture], incumbent: Architecture) -> Iterable[list[Architecture]]:
        return [list(architectures)] if architectures else []
