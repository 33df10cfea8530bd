"""What maps by convolutions ask of a model: which convolution is the last with places, and whether pooling follows it.

Grad-CAM weighs each channel by its mean gradient over places. That says something of the channel where what follows
treats all places alike, so that it could not tell them apart if they were swapped; then, for a mean and a linear layer,
Grad-CAM equals HiResCAM (Draelos and Carin 2020, section 3.4). Where places go on one by one (a flattened map, one with
positions), the gradients of a channel differ by place, and their mean is true of no place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["convolutions", "last_convolution", "treats_places_alike"]

ASKED = 4
"""Inputs that are asked."""

ALIKE = 1e-3
"""Change of scores by swapped places, by that of other values there: below it is rounding, 1 is a flattened map."""

Noted = Callable[[nn.Module, Any, Tensor], Tensor | None]


def convolutions(model: nn.Module) -> list[nn.Module]:
    """The convolutions over time or images of a model."""
    return [layer for layer in model.modules() if isinstance(layer, nn.Conv1d | nn.Conv2d)]


def last_convolution(model: nn.Module, inputs: Tensor) -> nn.Module | None:
    """The convolution that runs last among those whose result still has places; None where there is none."""
    ran: list[nn.Module] = []
    most = 2 if inputs.dim() == 4 else inputs.dim() - 1

    def note(layer: nn.Module, given: Any, made: Tensor) -> None:
        if made[0, 0].numel() > 1 and made.dim() - 2 <= most:
            ran.append(layer)

    with _hooked(convolutions(model), note), torch.no_grad():
        model(inputs[:1])
    return ran[-1] if ran else None


def treats_places_alike(model: nn.Module, inputs: Tensor) -> bool:
    """Whether swapping places behind the last convolution leaves the scores as they are, as any pooling does.

    The last result of any layer that still has places is replaced by random values of its size, by the same with their
    places shuffled, and by others: the first two must give the same scores, beside the third. Behind it no place may
    matter by itself; before it only convolutions, norms and activations ran, which treat places alike.
    """
    layer = last_convolution(model, inputs)
    if layer is None:
        return False
    some = inputs[:ASKED]
    last, found = _last_places(model, some, layer)
    rng = torch.Generator().manual_seed(0)
    size = found.std() if float(found.std()) > 0 else torch.ones(())
    drawn, other = (found + size * torch.randn(found.shape, generator=rng) for _ in range(2))
    turned = (_shuffled(drawn, axis, rng) for axis in (1, found.dim() - 1))
    here, there = (_scores_behind(model, some, layer, last, values) for values in (drawn, other))
    reach = ALIKE * float((here - there).abs().max()) + 1e-6 * float(here.abs().max())
    return any(
        float((_scores_behind(model, some, layer, last, values) - here).abs().max()) <= reach for values in turned
    )


def _shuffled(values: Tensor, channels: int, rng: torch.Generator) -> Tensor:
    """The places of (n, channels, *places), or (n, *places, channels), in another order."""
    rows = values.movedim(channels, 1)
    flat = rows.flatten(2)
    return flat[..., torch.randperm(flat.shape[-1], generator=rng)].reshape(rows.shape).movedim(1, channels)


def _last_places(model: nn.Module, inputs: Tensor, layer: nn.Module) -> tuple[int, Tensor]:
    """The last result, of the last convolution or of any module after it, that still has places, and its turn."""
    found: list[Tensor] = []
    with _behind(model, layer, lambda turn, made: found.append(made)), torch.no_grad():
        model(inputs)
    return len(found), found[-1]


def _scores_behind(model: nn.Module, inputs: Tensor, layer: nn.Module, last: int, values: Tensor) -> Tensor:
    """Scores where the result of this turn, the last with places, is replaced."""
    with _behind(model, layer, lambda turn, made: values if turn == last else None), torch.no_grad():
        scores: Tensor = model(inputs)
    return scores.reshape(len(scores), -1)


@contextmanager
def _behind(model: nn.Module, layer: nn.Module, see: Callable[[int, Tensor], Any]) -> Iterator[None]:
    """Show `see` each result with places from a convolution on; a tensor that it returns takes the result's place."""
    turn, axes = 0, 0

    def note(which: nn.Module, given: Any, made: Any) -> Any:
        nonlocal turn, axes
        if which is layer:
            axes = made.dim()
        if not axes or not isinstance(made, Tensor) or made.dim() != axes or made[0, 0].numel() < 2:
            return None
        turn += 1
        seen = see(turn, made)
        return seen if isinstance(seen, Tensor) else None

    with _hooked([part for part in model.modules() if part is not model], note):
        yield


@contextmanager
def _hooked(layers: list[nn.Module], note: Noted) -> Iterator[None]:
    hooks = [layer.register_forward_hook(note) for layer in layers]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
