"""Expected hypervolume improvement: what an evaluation promises to add to the volume that the front dominates.

Daulton, Balandat & Bakshy, "Differentiable expected hypervolume improvement for parallel multi-objective Bayesian
optimization", NeurIPS 2020, and "Parallel Bayesian optimization of multiple noisy objectives with expected hypervolume
improvement", NeurIPS 2021; logarithms after Ament et al., NeurIPS 2023. Two objectives have a closed form; beyond, and
for noise, the acquisition is BoTorch's (extra `bo`). The models are our Gaussian processes over decisions, and the
candidates are ours: architectures have no gradient.
"""

from __future__ import annotations

import random
import warnings
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

from searchitect.errors import ConfigError, MissingExtraError, did_you_mean
from searchitect.strategies.acquisition import hypervolume_improvement, log_expected_improvement
from searchitect.strategies.front_models import FrontModel
from searchitect.strategies.gaussian_front import GaussianFront
from searchitect.strategies.strategy import Setting

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from searchitect.predictors.kernels import Rows

    Vector = npt.NDArray[np.float64]
    Matrix = npt.NDArray[np.float64]

__all__ = ["EHVI"]

ACQUISITIONS = ("ehvi", "nehvi")

MARGIN = 0.1
"""The reference point lies this share of the front's extent beyond its worst values (Ishibuchi et al. 2018)."""

MOST_POINTS = {2: 60, 3: 15, 4: 8}
"""Points that stand for the believed front, by the number of objectives; 6 for more than four. The volume is cut into
boxes, the number of which grows with that of the points to the power of half the objectives and more."""


class EHVI(GaussianFront):
    """Propose the candidate with the largest expected improvement of the hypervolume.

    Args:
        acquisition: "ehvi" improves on the front as the models believe it; "nehvi" averages over what it may be, for
            noisy measurements. From three objectives on the one is qLogEHVI, the other always qLogNEHVI of BoTorch.
        draws: quasi-random draws of the objectives, for BoTorch; by default 64, and 32 for more than two objectives.
        initial, refit_every, candidates, per_cost: see `GaussianFront`.

    Raises:
        MissingExtraError: BoTorch is needed and not installed.
        ConfigError: there is no such acquisition, or the study has no model of cost for `per_cost`.
    """

    def __init__(
        self,
        setting: Setting,
        *,
        acquisition: Literal["ehvi", "nehvi"] = "ehvi",
        draws: int | None = None,
        initial: int | None = None,
        refit_every: int = 5,
        candidates: int = 150,
        per_cost: bool = False,
    ) -> None:
        if acquisition not in ACQUISITIONS:
            raise ConfigError(
                f"there is no acquisition {acquisition!r}, only ehvi and nehvi",
                hint=did_you_mean(acquisition, ACQUISITIONS),
            )
        if draws is not None and draws < 2:
            raise ConfigError(f"draws is a whole number from 2 on, got {draws!r}")
        if acquisition == "nehvi" or len(setting.objectives) > 2:
            try:
                import botorch  # noqa: F401
            except ImportError as error:
                what = "noisy improvement" if acquisition == "nehvi" else f"{len(setting.objectives)} objectives"
                raise MissingExtraError(f"the strategy 'ehvi' with {what}", "bo") from error
        super().__init__(
            setting, "ehvi", initial=initial, refit_every=refit_every, candidates=candidates, per_cost=per_cost
        )
        self._acquisition = acquisition
        self._draws = draws or (64 if len(setting.objectives) < 3 else 32)

    def _promise(self, model: FrontModel, rows: Rows, rng: random.Random) -> Vector:
        import numpy as np

        if len(model.objectives) == 1:
            mean, deviation = model.predict(rows)
            return log_expected_improvement(mean[:, 0], deviation[:, 0], float(model.means[model.feasible].min()))
        low, extent = model.box()
        if len(model.objectives) == 2 and self._acquisition == "ehvi":
            reference = low + (1 + MARGIN) * extent
            return hypervolume_improvement(*model.predict(rows), model.means[model.front], reference)
        import torch

        points = _thinned(model.means[model.front])
        worst = torch.as_tensor(-(low + (1 + MARGIN) * extent))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of numerics that BoTorch mends by itself
            with torch.no_grad(), torch.random.fork_rng(devices=[]):
                if self._acquisition == "ehvi":
                    found = self._expected(model, rows, points, worst, rng.getrandbits(31))
                else:
                    found = self._noisy(model, rows, worst, rng.getrandbits(31))
        return np.asarray(found.cpu().numpy(), dtype=np.float64)

    def _expected(self, model: FrontModel, rows: Rows, points: Any, worst: Any, seed: int) -> Any:
        import torch
        from botorch.acquisition.multi_objective.logei import qLogExpectedHypervolumeImprovement
        from botorch.sampling.normal import SobolQMCNormalSampler
        from botorch.utils.multi_objective.box_decompositions import FastNondominatedPartitioning

        cells: Any = FastNondominatedPartitioning(worst, torch.as_tensor(-points))
        acquisition = qLogExpectedHypervolumeImprovement(
            _surrogate()(model, rows),
            worst.tolist(),
            cells,
            sampler=SobolQMCNormalSampler(torch.Size([self._draws]), seed=seed),
        )
        return acquisition(_places(0, len(rows)).unsqueeze(1))

    def _noisy(self, model: FrontModel, rows: Rows, worst: Any, seed: int) -> Any:
        import numpy as np
        import torch
        from botorch.acquisition.multi_objective.logei import qLogNoisyExpectedHypervolumeImprovement
        from botorch.sampling.normal import SobolQMCNormalSampler

        front = [model.front[place] for place in _standing(model.means[model.front])]
        table = np.concatenate([model.objectives[0].features[front], rows])
        acquisition = qLogNoisyExpectedHypervolumeImprovement(
            _surrogate()(model, table),
            worst.tolist(),
            _places(0, len(front)),
            sampler=SobolQMCNormalSampler(torch.Size([self._draws]), seed=seed),
            prune_baseline=False,
            cache_root=False,
        )
        return acquisition(_places(len(front), len(table)).unsqueeze(1))

    def _parents(self, model: FrontModel, rng: random.Random) -> list[int]:
        parents = list(model.front or model.feasible or range(len(model.trials)))
        rng.shuffle(parents)
        return parents


def _standing(points: Matrix) -> list[int]:
    """Places of the points that stand for all: one after another the farthest from those that are chosen."""
    import numpy as np

    most = MOST_POINTS.get(points.shape[1], 6)
    if len(points) <= most:
        return list(range(len(points)))
    scaled = (points - points.min(axis=0)) / np.maximum(np.ptp(points, axis=0), 1e-12)
    chosen = [int(scaled[:, 0].argmin())]
    apart = np.linalg.norm(scaled - scaled[chosen[0]], axis=1)
    while len(chosen) < most:
        chosen.append(int(apart.argmax()))
        apart = np.minimum(apart, np.linalg.norm(scaled - scaled[chosen[-1]], axis=1))
    return sorted(chosen)


def _thinned(points: Matrix) -> Matrix:
    return points[_standing(points)]


def _places(start: int, end: int) -> Any:
    """Rows by number, as BoTorch wants its inputs: shape (n, 1)."""
    import torch

    return torch.arange(start, end, dtype=torch.float64).unsqueeze(1)


@cache
def _surrogate() -> Any:
    """The class of our models in BoTorch's clothes; made late, since BoTorch takes seconds to import."""
    import numpy as np
    import torch
    from botorch.models.model import Model
    from botorch.posteriors.gpytorch import GPyTorchPosterior
    from gpytorch.distributions import MultitaskMultivariateNormal, MultivariateNormal

    class Surrogate(Model):
        """Joint posterior of rows that are named by their numbers; objectives are independent, and maximised."""

        def __init__(self, model: FrontModel, rows: Rows) -> None:
            super().__init__()
            joint = [posterior.joint(rows) for posterior in model.objectives]
            self.means = [torch.as_tensor(-mean) for mean, _ in joint]
            # A candidate may be on the front already: rows that are equal make no positive definite covariance.
            jitter = 1e-6 * np.eye(len(rows))
            self.covariances = [torch.as_tensor(c + jitter * np.trace(c) / len(c)) for _, c in joint]

        @property
        def num_outputs(self) -> int:
            return len(self.means)

        @property
        def batch_shape(self) -> torch.Size:
            return torch.Size([])

        def posterior(self, X: Any, *_: Any, **__: Any) -> GPyTorchPosterior:  # noqa: N803 - BoTorch's name
            places = X[..., 0].long()
            parts = [
                MultivariateNormal(mean[places], covariance[places.unsqueeze(-1), places.unsqueeze(-2)])
                for mean, covariance in zip(self.means, self.covariances, strict=True)
            ]
            together = parts[0] if len(parts) == 1 else MultitaskMultivariateNormal.from_independent_mvns(parts)
            return GPyTorchPosterior(together)

    return Surrogate
