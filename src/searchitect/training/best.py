"""Which epoch was the best, and its weights."""

from __future__ import annotations

import copy
from collections.abc import Mapping

from torch import Tensor, nn

__all__ = ["Best", "quality", "state_of"]


def quality(validation: Mapping[str, float]) -> tuple[float, float]:
    """Return what epochs are compared by: higher accuracy, then lower loss; for regression lower loss alone."""
    return validation.get("accuracy", 0.0), -validation["loss"]


class Best:
    """Keeps the weights of the best epoch so far in buffers of its own.

    Args:
        keep: without, only the number of the epoch is noted and `restore` does nothing.
    """

    def __init__(self, model: nn.Module, *, keep: bool) -> None:
        self.epoch = 0
        self.validation: Mapping[str, float] = {}
        self._model = model
        self._weights: dict[str, Tensor] = copy.deepcopy(dict(state_of(model))) if keep else {}

    def consider(self, epoch: int, validation: Mapping[str, float]) -> None:
        """Take the model as it stands if it is better than everything before."""
        if self.epoch and quality(validation) <= quality(self.validation):
            return
        self.epoch, self.validation = epoch, validation
        state = state_of(self._model)
        for name, kept in self._weights.items():
            kept.copy_(state[name])

    @property
    def weights(self) -> Mapping[str, Tensor]:
        """Those of the best epoch; empty where they are not kept."""
        return self._weights

    def resume(self, epoch: int, validation: Mapping[str, float], weights: Mapping[str, Tensor]) -> None:
        """Go on as if this had been the best epoch so far; a KeyError or RuntimeError where weights do not fit."""
        self.epoch, self.validation = epoch, validation
        for name, kept in self._weights.items():
            kept.copy_(weights[name])

    def restore(self) -> int:
        """Put the best weights back into the model and return their epoch."""
        state = state_of(self._model)
        for name, kept in self._weights.items():
            state[name].copy_(kept)
        return self.epoch


def state_of(model: nn.Module) -> Mapping[str, Tensor]:
    """Parameters and buffers as detached views: writing to them writes to the model."""
    state = {name: parameter.detach() for name, parameter in model.named_parameters()}
    return state | {name: buffer.detach() for name, buffer in model.named_buffers()}
