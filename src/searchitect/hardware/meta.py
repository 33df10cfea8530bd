"""Run a model on the meta device: every shape, no computation, and the original is left as it is."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from searchitect.errors import EvaluationError

__all__ = ["meta_copy", "run_on_meta"]


def meta_copy(model: nn.Module) -> nn.Module:
    """Return a copy of `model` in eval mode whose tensors live on the meta device.

    No weight is copied on the way: the copy's tensors are made from shapes. Tied weights stay tied. Tensors
    of floating point become float32, so that counts do not depend on the type a model happens to be in.
    """
    memo: dict[int, Any] = {}
    for module in model.modules():
        held = [*module._parameters.values(), *module._buffers.values(), *vars(module).values()]
        for tensor in held:
            if isinstance(tensor, torch.Tensor) and id(tensor) not in memo:
                memo[id(tensor)] = _without_data(tensor)
    return copy.deepcopy(model, memo).eval()


def _without_data(tensor: torch.Tensor) -> torch.Tensor:
    if nn.parameter.is_lazy(tensor):
        raise EvaluationError(
            "the model has a lazy layer whose weights have no shape yet",
            hint="give the layer its number of input channels or features in build",
        )
    dtype = torch.float32 if tensor.is_floating_point() else tensor.dtype
    empty = torch.empty_like(tensor, device="meta", dtype=dtype, requires_grad=False)
    if isinstance(tensor, nn.Parameter):
        return nn.Parameter(empty, requires_grad=tensor.requires_grad)
    return empty


def run_on_meta(twin: nn.Module, input_shape: Sequence[int]) -> tuple[torch.Tensor, object]:
    """Run `twin`, which lives on meta, on one float32 example; return the input and the output.

    Args:
        twin: made by `meta_copy`.
        input_shape: shape of the example, without the batch.

    Raises:
        EvaluationError: the model refuses an input of that shape, or needs the values of its tensors.
    """
    example = torch.empty((1, *input_shape), device="meta")
    try:
        with torch.device("meta"):  # tensors that a forward makes on its way
            return example, twin(example)
    except Exception as error:  # whatever a user's forward raises is told, with the shape
        raise EvaluationError(
            f"the model does not run on an input of shape {tuple(example.shape)}: {type(error).__name__}: {error}",
            hint="FLOPs and memory are counted without values: forward may depend on shapes only",
        ) from error
