"""`model.safetensors`: every tensor of the model by name, bound to the architecture it belongs to."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import nn

from searchitect.deploy.files import write_atomically
from searchitect.errors import ExportError
from searchitect.spaces import Architecture

__all__ = ["load_weights", "save_weights"]

CHANNELS_LAST = "channels_last"


def save_weights(path: Path, model: nn.Module, architecture: Architecture) -> Path:
    """Write the model's state, parameters and buffers, with the digest of its architecture.

    Raises:
        ExportError: the file cannot be written.
    """
    layout = CHANNELS_LAST if any(map(_is_channels_last, model.parameters())) else "contiguous"
    # Each tensor is cloned: the format refuses tied tensors, and a loader that ties them again gets equal copies.
    state = {
        name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, tensor in model.state_dict().items()
    }
    notes = {"format": "pt", "architecture": architecture.digest(), "layout": layout}
    return write_atomically(path, save(state, metadata=notes))


def load_weights(path: Path, model: nn.Module, architecture: Architecture) -> None:
    """Fill `model` with what `save_weights` wrote; nothing may be missing, left over or of another shape.

    The layout of the weights in memory is restored too: kernels for another layout round differently.

    Raises:
        ExportError: the file is missing, truncated, or belongs to another architecture.
    """
    try:
        with safe_open(path, framework="pt") as stream:
            notes = stream.metadata() or {}
            state = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118 - not a dictionary
    except FileNotFoundError:
        raise ExportError(
            f"there is no {path.name} in the folder '{path.parent.name}'", hint="export the model again"
        ) from None
    except (SafetensorError, OSError) as error:
        raise ExportError(
            f"{path.name} cannot be read, it may be truncated: {error}", hint="export the model again"
        ) from error
    _fill(path, model, state, notes, architecture)


def _fill(
    path: Path,
    model: nn.Module,
    state: dict[str, torch.Tensor],
    notes: dict[str, str],
    architecture: Architecture,
) -> None:
    if notes.get("architecture", architecture.digest()) != architecture.digest():
        raise ExportError(
            f"{path.name} holds the weights of another architecture than the one beside it",
            hint="the two files come from different exports: export the model again",
        )
    try:
        model.load_state_dict(state, strict=True)
    except RuntimeError as error:
        raise ExportError(
            f"the weights in {path.name} do not fit the model that the space builds: {error}",
            hint="has `build` changed since the export? load with the code that made the model",
        ) from error
    if notes.get("layout") == CHANNELS_LAST:
        model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def _is_channels_last(tensor: torch.Tensor) -> bool:
    if tensor.dim() != 4:
        return False
    return tensor.is_contiguous(memory_format=torch.channels_last) and not tensor.is_contiguous()
