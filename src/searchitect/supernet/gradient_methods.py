"""The methods of the DARTS family as plain data: each is a composition of the same few parts.

sampler × perturbation × partial connections × regulariser × order × selection. A method of one's own is a
`GradientMethod` with other parts; nothing needs to be derived.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from searchitect.errors import ConfigError, did_you_mean
from searchitect.spaces import Recipe
from searchitect.supernet.samplers import SAMPLERS

__all__ = ["GRADIENT_METHODS", "GradientMethod", "GradientSettings", "method_named"]

Selection = Literal["magnitude", "perturbation"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GradientMethod:
    """What a gradient search is made of.

    Attributes:
        sampler: a key of `samplers.SAMPLERS`.
        temperature: of the sampler, in the first epoch and in the last; linear between.
        order: 1 or 2: whether architecture weights are judged by the shared weights as they are, or after one more
            step (`unrolling`).
        partial: K: a mixed operation sees 1/K of the channels.
        edges: whether the edges that end in one node are weighed against each other.
        perturbation: largest uniform noise on the architecture weights while shared weights are trained; it grows
            linearly from 0 (Chen & Hsieh, "Stabilizing DARTS", 2020, SDARTS-RS).
        regulariser: weight of the distance of a Dirichlet distribution to the uniform one.
        warm_up: share of the epochs, at their beginning, in which only shared weights are trained.
        rate, betas, decay: Adam for the architecture weights.
        selection: "perturbation" (Wang et al., "Rethinking architecture selection", 2021) or "magnitude".
    """

    sampler: str = "softmax"
    temperature: tuple[float, float] = (1.0, 1.0)
    order: Literal[1, 2] = 1
    partial: int = 1
    edges: bool = False
    perturbation: float = 0.0
    regulariser: float = 0.0
    warm_up: float = 0.0
    rate: float = 3e-4
    betas: tuple[float, float] = (0.5, 0.999)
    decay: float = 1e-3
    selection: Selection = "perturbation"

    def __post_init__(self) -> None:
        if self.sampler not in SAMPLERS:
            raise ConfigError(f"no sampler is called {self.sampler!r}", hint=did_you_mean(self.sampler, SAMPLERS))
        if self.selection not in ("magnitude", "perturbation"):
            raise ConfigError(f"a selection is 'magnitude' or 'perturbation', got {self.selection!r}")
        if self.order not in (1, 2) or self.partial < 1 or not 0.0 <= self.warm_up < 1.0:
            raise ConfigError(
                "a method has order 1 or 2, partial of at least 1 and warm_up in [0, 1), got "
                f"order={self.order}, partial={self.partial}, warm_up={self.warm_up}"
            )


def _recipe() -> Recipe:
    """How Liu et al. 2019 train the shared weights (appendix A.1)."""
    return Recipe(
        optimizer="sgd", learning_rate=0.025, momentum=0.9, weight_decay=3e-4, batch_size=64, epochs=50,
        schedule="cosine", gradient_clip=5.0,
    )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class GradientSettings:
    """How long and on what a gradient search trains.

    Attributes:
        recipe: for the shared weights; its epochs are those of the search. Precision and patience play no part.
        final_rate: where the schedule of the learning rate ends.
        rate: of Adam for the architecture weights; None takes the method's.
        search_share: of the training split, for the architecture weights.
        data_fraction: of the training split.
        scale: standard deviation of the architecture weights at the start.
        tune_epochs: epochs of training after each decision of a selection by perturbation, at a tenth of the learning
            rate; None takes a tenth of the epochs, at most 5.
        judged: examples by which a selection by perturbation judges, at most.
        recalibration: batches from which statistics are made anew before a supernet is judged.
    """

    recipe: Recipe = field(default_factory=_recipe)
    final_rate: float = 1e-3
    rate: float | None = None
    search_share: float = 0.5
    data_fraction: float = 1.0
    scale: float = 1e-3
    tune_epochs: int | None = None
    judged: int = 5_000
    recalibration: int = 32

    @property
    def tuned(self) -> int:
        """Epochs after each decision."""
        return min(5, -(-self.recipe.epochs // 10)) if self.tune_epochs is None else self.tune_epochs


GRADIENT_METHODS: dict[str, GradientMethod] = {
    "darts": GradientMethod(),
    "darts2": GradientMethod(order=2),
    "gdas": GradientMethod(sampler="gumbel_hard", temperature=(10.0, 0.1)),
    "snas": GradientMethod(sampler="gumbel_relaxed", temperature=(1.0, 0.1)),
    "pc_darts": GradientMethod(partial=4, edges=True, warm_up=0.3, rate=6e-4),
    "dr_nas": GradientMethod(sampler="dirichlet", regulariser=1e-3, decay=0.0),
    "proxyless": GradientMethod(sampler="binary_gates", rate=1e-3, betas=(0.0, 0.999), decay=0.0),
}
"""Liu et al. 2019 (darts, darts2), Dong & Yang 2019 (gdas), Xie et al. 2019 (snas), Xu et al. 2020 (pc_darts), Chen et
al. 2021 (dr_nas), Cai et al. 2019 (proxyless)."""


def method_named(name: str | GradientMethod) -> GradientMethod:
    """Return the method of this name; a method is its own.

    Raises:
        ConfigError: no method has this name; the message names the nearest.
    """
    if isinstance(name, GradientMethod):
        return name
    if name not in GRADIENT_METHODS:
        raise ConfigError(f"no gradient search is called {name!r}", hint=did_you_mean(str(name), GRADIENT_METHODS))
    return GRADIENT_METHODS[name]
