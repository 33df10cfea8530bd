"""Where mixed precision gains anything."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import nn

from searchitect.spaces.recipe import Recipe
from searchitect.spaces.task_spec import TaskSpec

__all__ = ["autocast", "gains_by_bfloat16"]

_LEAST_PLACES = 14 * 14
"""Pixels of an image below which the casts cost a CPU more than the products save: measured on 8×8 and 28×28."""


_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)


def autocast(recipe: Recipe, device: torch.device, spec: TaskSpec, body: nn.Module) -> AbstractContextManager[object]:
    """Return the context of a forward pass: bfloat16 where the recipe wants it, or leaves it to the device."""
    wanted = recipe.mixed_precision
    if wanted == "on" or (wanted == "auto" and gains_by_bfloat16(device, spec, body)):
        return torch.autocast(device.type, torch.bfloat16)
    return nullcontext()


def gains_by_bfloat16(device: torch.device, spec: TaskSpec, body: nn.Module) -> bool:
    """Whether a training on this device is faster in bfloat16: on a GPU, and on a CPU with instructions for it.

    On a CPU only images of some size gain (1.3 to 2 times with AVX-512 BF16); small models spend their time elsewhere.
    Grouped convolutions lose: with separable stages a step takes 1.4 to 2.3 times as long as in full precision.
    """
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    if device.type != "cpu" or len(spec.inputs) != 3 or spec.inputs[1] * spec.inputs[2] < _LEAST_PLACES:
        return False
    if any(getattr(module, "groups", 1) > 1 for module in body.modules() if isinstance(module, _CONVOLUTIONS)):
        return False
    # Older versions of torch cannot tell.
    capabilities: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
