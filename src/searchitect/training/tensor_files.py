"""Tensors and notes in one file: complete, or not there at all."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from searchitect.errors import StorageError

__all__ = ["write_tensors"]


def write_tensors(path: Path, tensors: Mapping[str, Tensor], notes: Mapping[str, str]) -> None:
    """Write tensors by name as safetensors, with texts beside them.

    Raises:
        StorageError: the file cannot be written; the study halts, since no other candidate would fare better.
    """
    # Clones, because the format refuses tied tensors; a loader that ties them again gets equal copies.
    owned = {
        name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format) for name, tensor in tensors.items()
    }
    partial = path.with_suffix(".partial")
    try:
        save_file(owned, partial, metadata=dict(notes))
        partial.replace(path)
    except Exception as error:  # the format raises its own kind for a full disk
        with suppress(OSError):
            partial.unlink()
        why = str(error).partition(" at path")[0]  # a reason goes into the journal and names no folder
        raise StorageError(f"the weights could not be written to {path.name}: {why}") from error
