"""BOHB: Hyperband whose configurations are drawn where the good ones are dense.

Falkner, Klein & Hutter, "BOHB: Robust and Efficient Hyperparameter Optimization at Scale", ICML 2018, algorithm 2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from searchitect.errors import ConfigError, SpaceError
from searchitect.seeding import derive, stream
from searchitect.spaces.architecture import Architecture
from searchitect.strategies.halving import Halving, RungRecord
from searchitect.strategies.parzen import Parzen, columns_of
from searchitect.strategies.rung_samplers import RandomSampler
from searchitect.strategies.rungs import Ladder, hyperband_brackets, make_ladder, promoted
from searchitect.strategies.strategy import Setting
from searchitect.trial import Trial

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Matrix = npt.NDArray[np.float64]
    Mask = npt.NDArray[np.bool_]

__all__ = ["BOHB"]

VAIN = 20
"""Batches of draws before a space counts as nearly used up."""


class BOHB(Halving):
    """Hyperband; what begins is the draw from l(x) with the greatest l/g, and random now and then.

    The densities are those of the highest rung with enough complete trials: N_min + 2. The best max(N_min, q·N) of them
    make l, the worst max(N_min, N − q·N) make g (equation 3). The kernels are those of `tpe`: one component is the
    space's own prior, so that nothing is ruled out.

    Args:
        eta, r_min, axis: as for `hyperband`.
        random_share: ρ, of new configurations that are drawn at random, so that Hyperband's guarantee is kept.
        fewest: N_min; by default the number of decisions and one, at most 10.
        share: q, of the trials that count as good.
        candidates: N_s, draws that are compared.

    Raises:
        ConfigError: a number is out of range, or it is not known what a full evaluation spends.
    """

    def __init__(
        self,
        setting: Setting,
        *,
        eta: int = 3,
        r_min: float | None = None,
        axis: str = "epochs",
        random_share: float = 1 / 3,
        fewest: int | None = None,
        share: float = 0.15,
        candidates: int = 64,
    ) -> None:
        if not 0 <= random_share <= 1 or not 0 < share < 1 or candidates < 1 or (fewest or 2) < 2:
            raise ConfigError(
                "expected random_share in 0..1, share between 0 and 1, candidates ≥ 1 and fewest ≥ 2, "
                f"got {random_share=}, {share=}, {candidates=}, {fewest=}"
            )
        ladder = make_ladder(setting, eta=eta, r_min=r_min, axis=axis)
        sampler = _DensitySampler(setting, ladder, random_share, fewest, share, candidates)
        super().__init__(setting, ladder, hyperband_brackets(len(ladder), eta), sampler)


class _DensitySampler:
    def __init__(
        self, setting: Setting, ladder: Ladder, random_share: float, fewest: int | None, share: float, candidates: int
    ) -> None:
        self._setting, self._random, self._record = setting, RandomSampler(setting), RungRecord(setting, ladder)
        self._random_share, self._share, self._candidates = random_share, share, candidates
        self._fewest = fewest or min(10, len(setting.space.decisions()) + 1)
        self._columns = columns_of(setting.space)

    def draw(self, number: int, rung: int) -> Architecture | None:
        chosen = None
        densities = self._densities()
        if densities is not None and stream(self._setting.seed, "bohb", number).random() >= self._random_share:
            chosen = self._best_draw(number, *densities)
        return chosen or self._random.draw(number, rung)

    def tell(self, trial: Trial) -> None:
        self._random.tell(trial)
        self._record.tell(trial)

    def _densities(self) -> tuple[Parzen, Parzen] | None:
        """l and g of the highest rung with enough complete trials; None where there is no such rung."""
        setting = self._setting
        for rung in reversed(self._record.complete):
            if len(rung) >= self._fewest + 2:
                ordered = promoted(rung, len(rung), setting.objectives, setting.constraints)
                good = max(self._fewest, int(self._share * len(rung)))
                rest = max(self._fewest, len(rung) - int(self._share * len(rung)))
                return self._estimator(ordered[:good]), self._estimator(ordered[-rest:])
        return None

    def _best_draw(self, number: int, good: Parzen, rest: Parzen) -> Architecture | None:
        import numpy as np

        rng = np.random.default_rng(derive(self._setting.seed, "bohb", "draws", number))
        space, fresh = self._setting.space, dict[str, Architecture]()
        for _ in range(VAIN):
            for point in good.draw(rng, self._candidates):
                try:
                    architecture = space.decode(point)
                except SpaceError:  # it breaks a constraint of the space
                    continue
                key = space.key(architecture)
                if key not in self._random.seen and key not in fresh and not self._setting.check(architecture):
                    fresh[key] = architecture
            if len(fresh) >= self._candidates:
                break
        found = list(fresh.values())[: self._candidates]
        if not found:
            return None
        points, active = self._encoded(found)
        return found[int((good.log_density(points, active) - rest.log_density(points, active)).argmax())]

    def _estimator(self, trials: list[Trial]) -> Parzen:
        return Parzen(self._columns, *self._encoded([trial.architecture for trial in trials]))

    def _encoded(self, architectures: list[Architecture]) -> tuple[Matrix, Mask]:
        import numpy as np

        space = self._setting.space
        rows = [space.encode(architecture, "unit_cube") for architecture in architectures]
        return np.array(rows), np.array([space.mask(architecture, "unit_cube") for architecture in architectures])
