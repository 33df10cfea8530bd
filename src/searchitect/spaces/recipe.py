"""`Recipe`: how a model is trained, a frozen value. A decision with `role="training"` fills the field of its name."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from searchitect.errors import ConfigError, did_you_mean

__all__ = ["Recipe"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Everything the training loop wants to know.

    Attributes:
        optimizer: "sgd" (Nesterov momentum), "adam", "adamw", "adagrad" or "rmsprop".
        learning_rate: the peak of the schedule.
        momentum: for sgd and rmsprop.
        weight_decay: decoupled for adamw, L2 for the others; never on biases and normalisations.
        batch_size: examples per step.
        epochs: passes over the training data at full fidelity.
        schedule: "cosine", "one_cycle", "step" (divide by 10 at 50 % and 75 %) or "constant".
        warmup: share of the steps with a linearly rising rate (cosine, step, constant).
        label_smoothing: share of the target spread over all classes.
        gradient_clip: largest norm of the gradient; None for no limit.
        augmentation: "none", "shift" (random shifts by up to 1/8), "flip" (mirror), "shift_flip", "cutout",
            "noise" (tabular).
        mixed_precision: bfloat16 autocast where the device gains by it: "auto", "on" or "off".
        patience: epochs without improvement before training stops early; None never stops early.
        best_epoch: hand back the weights of the best validation epoch instead of the last.
        averaging: "ema" judges and hands back a moving average of the weights, which a constant schedule needs; "none".
    """

    optimizer: Literal["sgd", "adam", "adamw", "adagrad", "rmsprop"] = "adamw"
    learning_rate: float = 3e-3
    momentum: float = 0.9
    weight_decay: float = 1e-2
    batch_size: int = 64
    epochs: int = 20
    schedule: Literal["cosine", "one_cycle", "step", "constant"] = "one_cycle"
    warmup: float = 0.0
    label_smoothing: float = 0.0
    gradient_clip: float | None = 5.0
    augmentation: Literal["none", "shift", "flip", "shift_flip", "cutout", "noise"] = "none"
    mixed_precision: Literal["auto", "on", "off"] = "auto"
    patience: int | None = None
    best_epoch: bool = True
    averaging: Literal["none", "ema"] = "none"

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Names of all fields, in order."""
        return tuple(f.name for f in dataclasses.fields(cls))

    def updated(self, values: Mapping[str, Any]) -> Recipe:
        """Return a copy with some fields replaced.

        Raises:
            ConfigError: a name is no field of a recipe; the message names the nearest.
        """
        for name in values:
            if name not in self.names():
                raise ConfigError(f"a recipe has no field {name!r}", hint=did_you_mean(name, self.names()))
        return dataclasses.replace(self, **values)

    def to_json(self) -> dict[str, Any]:
        """The fields by name; later ones are left out where they say nothing, so that older studies still agree."""
        document = dataclasses.asdict(self)
        if self.averaging == "none":
            del document["averaging"]
        return document
