"""MAP-Elites on centroidal Voronoi cells: as many niches as wanted, whatever the number of features.

Vassiliades, Chatzilygeroudis and Mouret, "Using centroidal Voronoi tessellations to scale up the multidimensional
archive of phenotypic elites algorithm", IEEE Transactions on Evolutionary Computation 2018, algorithm 2.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from searchitect.errors import ConfigError
from searchitect.strategies.map_elites import MapElites
from searchitect.strategies.strategy import Setting
from searchitect.strategies.tessellation import COUNT, SAMPLES, is_tessellation

__all__ = ["CVTMapElites"]


class CVTMapElites(MapElites):
    """Cut what sampled architectures cost, or look like, into cells by k-means; then MAP-Elites.

    Args:
        niches: the cells, as `Regions.to_json` writes them, or {"cvt": …}; by default they are made as follows.
        features: known without training: "parameters", "flops", a decision's path …; none for the architecture itself.
        count: k, cells.
        samples: architectures that are sampled for them.
        initial, selection, crossover, mutations: as for `MapElites`.

    Raises:
        ConfigError: a feature is not known without training, or the niches are boxes.
    """

    def __init__(
        self,
        setting: Setting,
        *,
        niches: Any = None,
        features: Sequence[str] = (),
        count: int = COUNT,
        samples: int = SAMPLES,
        initial: int | None = None,
        selection: Literal["uniform", "improvement"] = "improvement",
        crossover: float = 0.3,
        mutations: int = 1,
    ) -> None:
        if niches is None:
            niches = {"cvt": {"features": features, "count": count, "samples": samples}}
        elif not is_tessellation(niches) and not (isinstance(niches, dict) and "centres" in niches):
            raise ConfigError("cvt_map_elites makes cells, not boxes", hint="strategy='map_elites' takes any niches")
        super().__init__(
            setting, niches=niches, initial=initial, selection=selection, crossover=crossover, mutations=mutations
        )
