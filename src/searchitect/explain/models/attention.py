"""What attention layers read: their weights, the rollout of all of them, and both as maps over places.

Weights are computed again from what a layer is given, since fused attention does not put them out. They say where a
layer reads, not what the answer hangs on (Jain and Wallace 2019): `honesty` checks these maps like all others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from searchitect.errors import ConfigError
from searchitect.explain.models.effort import Effort, Found, Groups
from searchitect.explain.models.subject import Floats, Subject
from searchitect.nn.tokens import Patches
from searchitect.nn.transformers import Attention

__all__ = ["attention_layers", "attention_map", "attention_weights", "rollout", "rollout_map"]


def attention_layers(model: nn.Module) -> list[nn.Module]:
    """The layers of self-attention whose weights can be read: those of `sa.nn`, and torch's."""
    return [layer for layer in model.modules() if isinstance(layer, Attention | nn.MultiheadAttention)]


def attention_weights(subject: Subject) -> list[Tensor]:
    """For every attention layer, in the order they run: (n, heads, tokens, tokens), rows sum to 1.

    Raises:
        ConfigError: the model has none.
    """
    found: list[Tensor] = []

    def read(layer: nn.Module, given: tuple[Any, ...], named: dict[str, Any]) -> None:
        if isinstance(layer, Attention):
            found.append(layer.weights(given[0]).detach())
        elif isinstance(layer, nn.MultiheadAttention):
            found.append(_torch_weights(layer, given[0] if given else named["query"]))

    hooks = [layer.register_forward_pre_hook(read, with_kwargs=True) for layer in attention_layers(subject.model)]
    try:
        with torch.enable_grad():  # torch's fused encoder layers pass their attention by without gradients
            subject.answer(subject.points.clone().requires_grad_())
    finally:
        for hook in hooks:
            hook.remove()
    if not found:
        raise ConfigError("no attention layer ran", hint="maps by attention are for models with self-attention")
    return found


def rollout(weights: Sequence[Tensor]) -> Tensor:
    """Attention through all layers (Abnar and Zuidema 2020, equation 1): (n, tokens, tokens), rows sum to 1.

    Each layer is the mean of its heads, half of it and half the residual connection: A = ½·W + ½·I.
    """
    through = torch.eye(weights[0].shape[-1], dtype=torch.float64)
    for layer in weights:
        mixed = 0.5 * layer.double().mean(1) + 0.5 * torch.eye(layer.shape[-1], dtype=torch.float64)
        through = mixed / mixed.sum(-1, keepdim=True) @ through
    return through


def attention_map(subject: Subject, effort: Effort, seed: int) -> Found:
    """Weights of the last layer, mean of its heads."""
    return _found(subject, attention_weights(subject)[-1].double().mean(1))


def rollout_map(subject: Subject, effort: Effort, seed: int) -> Found:
    """`rollout` of all layers."""
    return _found(subject, rollout(attention_weights(subject)))


def _found(subject: Subject, read: Tensor) -> Found:
    """A map of what is read: by the class token where tokens stand before those of places, otherwise mean of all."""
    tokens, places = read.shape[-1], subject.places
    grid = _grid(subject, tokens)
    extra = tokens - int(np.prod(grid))
    seen = read[:, 0, extra:] if extra else read.mean(1)
    values, groups = _on_places(subject, seen.numpy().reshape(-1, *grid), places)
    return Found(values, groups)


def _grid(subject: Subject, tokens: int) -> tuple[int, ...]:
    """How tokens lie on the input: patches, rows, steps or words; up to two more may stand before them."""
    places, sides = subject.places, [part.size for part in subject.model.modules() if isinstance(part, Patches)]
    candidates: list[tuple[int, ...]] = []
    if len(places) == 2 and subject.inputs.dim() == 4:
        candidates += [(-(-places[0] // side), -(-places[1] // side)) for side in sides]
        candidates += [(root, root) for root in (int(np.sqrt(tokens - extra)) for extra in range(3)) if root > 1]
    candidates.append(places[:1])
    for grid in candidates:
        if 0 <= tokens - int(np.prod(grid)) <= 2:
            return grid
    fitting = "saliency, input_x_gradient, integrated_gradients, occlusion, lime and kernel_shap"
    raise ConfigError(
        f"the {tokens} tokens that attention reads do not lie on inputs of {places}", hint=f"these fit: {fitting}"
    )


def _on_places(subject: Subject, seen: Floats, places: tuple[int, ...]) -> tuple[Floats, Groups]:
    """Values of tokens as values of places, and which places share a token."""
    grid = seen.shape[1:]
    index = np.arange(int(np.prod(grid))).reshape(grid)
    for axis, (size, count) in enumerate(zip(places, grid, strict=False)):
        step = -(-size // count)  # patches at the end may be filled up
        index = np.repeat(index, step, axis)[(slice(None),) * axis + (slice(0, size),)]
    index = index.reshape(*index.shape, *(1,) * (len(places) - len(grid)))
    groups = np.broadcast_to(index, places).copy()
    return seen.reshape(len(seen), -1)[:, groups], groups


def _torch_weights(layer: nn.MultiheadAttention, given: Tensor) -> Tensor:
    """Self-attention weights of torch's own layer, from its query; masks are not read."""
    x = given if layer.batch_first else given.transpose(0, 1)
    if layer.in_proj_weight is None:
        raise ConfigError("attention over keys of another width is no self-attention; its map cannot be drawn")
    queries, keys, _ = F.linear(x, layer.in_proj_weight, layer.in_proj_bias).chunk(3, -1)
    size = (*x.shape[:2], layer.num_heads, -1)
    heads = [part.reshape(size).transpose(1, 2) for part in (queries, keys)]
    weights: Tensor = (heads[0] @ heads[1].mT / layer.head_dim**0.5).softmax(-1).detach()
    return weights
