"""New layers that change nothing at first: the identity in a sequence, silence beside something.

Deeper: Net2Net, section 2.2 (the identity, where the activation repeats itself: relu(relu(x)) = relu(x)); a residual
block whose last normalisation starts at zero, for any activation (Goyal et al. 2017, section 5.1). A skip behind a gate
of zero: Bachlechner et al., "ReZero is all you need", 2021, equation 2.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from searchitect.supernet.alignment import leaves
from searchitect.supernet.carrying import kind_of
from searchitect.supernet.flows import replicated

__all__ = ["NEUTRAL", "fit_statistics", "identical", "mute", "neutralise"]


def identical(part: nn.Module) -> bool:
    """Make every layer of a part repeat what it reads; False where one cannot.

    A batch normalisation does so for the statistics that it has; `fit_statistics` gives it those of data.
    """
    with torch.no_grad():
        return all(_identity(leaf.module) for leaf in leaves(part) if leaf.tensors)


def mute(part: nn.Module) -> bool:
    """Set the last layer with weights to zero: what ends there adds nothing. What comes before can be learned."""
    weighted = [leaf.module for leaf in leaves(part) if any(True for _ in leaf.module.parameters(recurse=False))]
    with torch.no_grad():
        for parameter in weighted[-1].parameters(recurse=False) if weighted else ():
            parameter.zero_()
    return bool(weighted)


def mute_all(part: nn.Module) -> bool:
    """As `mute`, in the body of a residual block whose shortcut holds no weights: the last layer of the body."""
    body = getattr(part, "body", None)
    return isinstance(body, nn.Module) and mute(body)


NEUTRAL: dict[str, Callable[[nn.Module], bool]] = {"body": mute_all, "last": mute, "identity": identical}
"""Ways to make a new part change nothing, in the order in which they are tried."""


def neutralise(part: nn.Module, reads: Tensor) -> str | None:
    """Make a part that stands in a sequence give what it reads; return how, or None where it cannot.

    Args:
        reads: what the part reads, for the trial; the part is left in the first way that works, else as it came.
    """
    fresh = {name: tensor.clone() for name, tensor in part.state_dict().items()}
    for name, way in NEUTRAL.items():
        if way(part) and _gives(part, reads):
            return name
        part.load_state_dict(fresh)
    return None


def fit_statistics(model: nn.Module, parts: list[nn.Module], inputs: Tensor) -> None:
    """Let the batch normalisations of identical parts keep the identity while they count statistics of data."""

    def fit(norm: nn.Module, arguments: tuple[Tensor, ...]) -> None:
        (x,) = arguments
        axes = [axis for axis in range(x.dim()) if axis != 1]
        norm.running_mean.copy_(x.mean(axes))  # type: ignore[operator]
        norm.running_var.copy_(x.var(axes, unbiased=False))  # type: ignore[operator]
        _identity(norm)

    norms = [
        module for part in parts for module in part.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)
    ]
    handles = [norm.register_forward_pre_hook(fit) for norm in norms if norm.running_mean is not None]
    try:
        with torch.no_grad():
            if handles:
                model(inputs)
    finally:
        for handle in handles:
            handle.remove()


def _gives(part: nn.Module, reads: Tensor) -> bool:
    """Whether a part repeats what it reads; with more channels, each as often as `replicated` says."""
    try:
        with torch.no_grad():
            given = part.forward(reads)
    except (RuntimeError, ValueError):
        return False
    axes = range(1, reads.dim()) if given.dim() == reads.dim() else ()
    wider = [axis for axis in axes if given.shape[axis] > reads.shape[axis]]
    for axis in wider[:1]:
        reads = reads.index_select(axis, replicated(reads.shape[axis], given.shape[axis]).sources)
    return given.shape == reads.shape and torch.allclose(given, reads, rtol=1e-9, atol=1e-9 * float(reads.abs().max()))


def _identity(module: nn.Module) -> bool:
    if isinstance(module, nn.modules.batchnorm._BatchNorm):
        if module.affine and module.running_var is not None and module.running_mean is not None:
            module.weight.copy_((module.running_var + module.eps).sqrt())
            module.bias.copy_(module.running_mean)
            return True
        return False
    if isinstance(module, nn.Linear):
        _repeat(module.weight, ())
    elif isinstance(module, nn.modules.conv._ConvNd) and set(module.stride) == {1} and _is_plain(module):
        middle = tuple((size - 1) // 2 for size in module.kernel_size)
        _repeat(module.weight, middle)
    else:
        return False
    if module.bias is not None:
        module.bias.zero_()
    return True


def _is_plain(conv: nn.modules.conv._ConvNd) -> bool:
    return conv.groups == 1 or kind_of(conv) == "channelwise"


def _repeat(weight: Tensor, middle: tuple[int, ...]) -> None:
    """Each output repeats its input; with more outputs than inputs as `replicated` says."""
    weight.zero_()
    outputs, inputs = weight.shape[:2]
    center = weight
    for place in middle:
        center = center.select(2, place)
    sources = replicated(inputs, outputs).sources  # all 0 where there is one filter per channel
    center[torch.arange(outputs), sources] = 1.0
