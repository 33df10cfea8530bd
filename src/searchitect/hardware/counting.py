"""Parameters, their size, and floating-point operations."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from searchitect.errors import EvaluationError
from searchitect.hardware.meta import meta_copy, run_on_meta

__all__ = ["count_flops", "count_parameters", "model_bytes"]


def count_parameters(model: nn.Module) -> int:
    """Return the number of values in the model's parameters; a tied one counts once, buffers do not count.

    Raises:
        EvaluationError: a lazy layer has no shape yet.
    """
    total = 0
    for name, parameter in model.named_parameters():
        if nn.parameter.is_lazy(parameter):
            raise EvaluationError(
                f"parameter {name!r} belongs to a lazy layer and has no shape yet",
                hint="give the layer its number of input channels or features in build",
            )
        total += parameter.numel()
    return total


def model_bytes(model: nn.Module) -> int:
    """Return the bytes of all parameters and buffers in their own types: what a file of the weights holds."""
    tensors = {id(tensor): tensor for tensor in (*model.parameters(), *model.buffers())}
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())


def count_flops(model: nn.Module, input_shape: Sequence[int]) -> int:
    """Return the floating-point operations of one forward pass at batch size 1, two per multiply-add.

    Counted: convolutions, linear layers, matrix products, attention, recurrent layers. Not counted: what
    goes value by value (activations, normalisations, additions, pooling). The count is taken on the meta
    device, where no fused kernel hides a product.

    Args:
        model: on any device; it is not changed and nothing is computed.
        input_shape: shape of one float32 example, without the batch, such as `TaskSpec.inputs`.

    Raises:
        EvaluationError: the model does not run on this shape.
    """
    twin = meta_copy(model)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        run_on_meta(twin, input_shape)
    return int(counter.get_total_flops())
