"""Parameters, their size, and floating-point operations."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from searchitect.errors import EvaluationError
from searchitect.hardware.meta import meta_copy, run_on_meta

__all__ = ["count_activations", "count_flops", "count_parameters", "flash_int8_bytes", "model_bytes"]


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


def flash_int8_bytes(model: nn.Module) -> int:
    """Return the bytes that the weights take once they are quantised to int8, without code and graph of the engine.

    One byte for each weight (a parameter of two or more dimensions) and a float32 scale for each output channel, as
    ONNX Runtime and TensorFlow Lite store convolutions and linear layers; an embedding has one scale. Biases and other
    vectors take 4 bytes a value. A batch normalisation is folded into the layer before it and leaves one bias of
    4 bytes a channel.

    Raises:
        EvaluationError: a lazy layer has no shape yet.
    """
    count_parameters(model)  # refuses lazy layers
    total, seen = 0, set[int]()
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            total += 4 * module.num_features
            continue
        for tensor in (*module.parameters(recurse=False), *module.buffers(recurse=False)):
            if id(tensor) not in seen:
                total += _int8_bytes(tensor, scales=1 if isinstance(module, nn.Embedding) else None)
                seen.add(id(tensor))
    return total


def _int8_bytes(tensor: torch.Tensor, scales: int | None) -> int:
    if not tensor.is_floating_point():
        return tensor.numel() * tensor.element_size()
    if not isinstance(tensor, nn.Parameter) or tensor.ndim < 2:
        return 4 * tensor.numel()
    return tensor.numel() + 4 * (tensor.shape[0] if scales is None else scales)


def count_activations(model: nn.Module, input_shape: Sequence[int]) -> int:
    """Return how many values the model's layers put out in one forward pass of one example.

    Radosavovic et al., "Designing network design spaces", CVPR 2020, count those of convolutions; here every module
    without submodules counts, since normalisations and activations take their time too. Arguments and errors as in
    `count_flops`.
    """
    twin, total = meta_copy(model), 0

    def add(module: nn.Module, inputs: object, output: object) -> None:
        nonlocal total
        total += output.numel() if isinstance(output, torch.Tensor) else 0

    for module in twin.modules():
        if next(module.children(), None) is None:
            module.register_forward_hook(add)
    with torch.no_grad():
        run_on_meta(twin, input_shape)
    return total


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
