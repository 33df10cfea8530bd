"""How far a training is, as tensors and JSON: what its weights alone do not say."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from searchitect.errors import StorageError
from searchitect.supernet.checkpoints import Snapshot
from searchitect.supernet.methods import Routine

__all__ = ["Progress", "restored", "snapshot"]

_LOSSES, _OPTIMIZER, _METHOD = "losses", "optimizer.", "method."


@dataclass(eq=False)
class Progress:
    """Where a training stands.

    Attributes:
        losses: of the steps of the current epoch, shape (steps of an epoch,).
        step: steps that were made, of all epochs.
        history: figures of the finished epochs.
        first_loss: of the first step; None before the first epoch has ended.
        before: seconds that earlier runs of this training took.
        since: when this run began.
    """

    losses: Tensor
    step: int = 0
    history: list[Mapping[str, float]] = field(default_factory=list)
    first_loss: float | None = None
    before: float = 0.0
    since: float = 0.0

    @property
    def seconds(self) -> float:
        return self.before + time.monotonic() - self.since


def snapshot(progress: Progress, model: nn.Module, optimizer: torch.optim.Optimizer, routine: Routine) -> Snapshot:
    """Return what `restored` needs."""
    tensors = {_LOSSES: progress.losses}
    for name, parameter in model.named_parameters():
        for key, value in optimizer.state.get(parameter, {}).items():
            if value is not None:
                tensors[f"{_OPTIMIZER}{name}.{key}"] = value
    tensors |= {_METHOD + name: tensor for name, tensor in routine.state().items()}
    words = {
        "step": progress.step,
        "history": [dict(entry) for entry in progress.history],
        "first_loss": progress.first_loss,
        "seconds": progress.seconds,
    }
    return Snapshot(tensors, words)


def restored(
    found: Snapshot, progress: Progress, model: nn.Module, optimizer: torch.optim.Optimizer, routine: Routine
) -> None:
    """Go on from a snapshot: fill the progress, the state of the optimiser and that of the method.

    Raises:
        StorageError: it is damaged, or the weights were saved without what a training goes on from.
    """
    try:
        words = found.progress
        progress.step, progress.history = int(words["step"]), [dict(entry) for entry in words["history"]]
        progress.first_loss, progress.before = words["first_loss"], float(words["seconds"])
        progress.losses.copy_(found.tensors[_LOSSES])
        parameters = dict(model.named_parameters())
        for parameter, key, value in _moments(found.tensors, parameters):
            optimizer.state[parameter][key] = _laid_out(value, parameter)
        routine.restore({n[len(_METHOD) :]: t for n, t in found.tensors.items() if n.startswith(_METHOD)})
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise StorageError(
            f"a training cannot go on from this checkpoint: {type(error).__name__}: {error}",
            hint="choose another folder, or train again without the old files",
        ) from error


def _moments(
    tensors: Mapping[str, Tensor], parameters: Mapping[str, nn.Parameter]
) -> Iterator[tuple[nn.Parameter, str, Tensor]]:
    for name, value in tensors.items():
        if name.startswith(_OPTIMIZER):
            owner, _, key = name[len(_OPTIMIZER) :].rpartition(".")
            yield parameters[owner], key, value


def _laid_out(value: Tensor, parameter: nn.Parameter) -> Tensor:
    """In the order in memory, and on the device, of the parameter, by which kernels, and last bits, are chosen."""
    if value.shape != parameter.shape:
        return value.to(parameter.device, copy=True)  # a count of steps
    with torch.no_grad():
        return torch.empty_like(parameter, dtype=value.dtype).copy_(value)
