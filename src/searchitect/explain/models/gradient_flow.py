"""How gradients and activations pass through the layers of a model: vanishing, exploding, dead units, filters.

Layers are the modules without children, in the order they run. Activations that a model's own code calls as functions
are no modules and are not seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from searchitect.explain.models.convolutions import convolutions
from searchitect.explain.models.maps import numbers
from searchitect.explain.models.subject import Floats, Subject
from searchitect.explain.wording import Words, words

__all__ = ["GradientFlow", "Layer", "LayerView", "activations", "filters", "gradient_flow"]

FAR = 1e3
"""Gradients of the first and the last layer that differ by more than this factor are said to vanish or explode."""

MANY_DEAD = 0.5

SIDE = 32
"""Of an activation that is kept."""

_LAST_AXIS = (nn.Linear, nn.LayerNorm, nn.RMSNorm, nn.Embedding)


@dataclass(frozen=True, slots=True)
class Layer:
    """What passes through one layer.

    Attributes:
        name, kind: its path in the model and its class.
        gradient: mean over inputs of the norm of ∂ score / ∂ outputs.
        dead: share of units that put out one value for all inputs and places; None but for activation layers.
    """

    name: str
    kind: str
    gradient: float
    dead: float | None = None

    def to_json(self) -> dict[str, Any]:
        found = {"name": self.name, "kind": self.kind, "gradient": float(f"{self.gradient:.4g}")}
        return found if self.dead is None else found | {"dead": round(self.dead, 4)}


@dataclass(frozen=True, slots=True)
class GradientFlow:
    """Layers in the order they run, and what is to be said of them.

    Attributes:
        state: "healthy", "vanishing" or "exploding".
        ratio: gradient of the first layer in times of the last one's.
        dead: share of dead units among all those of activation layers; None where there are no such layers.
        sentences: one on gradients, one on dead units where there are activation layers.
    """

    layers: tuple[Layer, ...]
    state: str
    ratio: float
    dead: float | None
    sentences: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        found = {"state": self.state, "ratio": float(f"{self.ratio:.4g}"), "dead": self.dead}
        return found | {"sentences": list(self.sentences), "layers": [layer.to_json() for layer in self.layers]}


@dataclass(frozen=True, slots=True, eq=False)
class LayerView:
    """What a layer put out, or its filters: (n, channels, *size), the first channels of many."""

    name: str
    kind: str
    values: Floats

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, "kind": self.kind, "values": numbers(self.values)}


def gradient_flow(subject: Subject, *, say: Words | None = None) -> GradientFlow:
    """Follow the gradient of the targets' scores back through the layers, and count units that never answer.

    Args:
        say: texts of a language; English by default.
    """
    ran, scores = _run(subject)
    wanted = scores.gather(1, subject.targets[:, None]).sum()
    followed = [passed.output for passed in ran if passed.output.requires_grad]
    slopes = iter(torch.autograd.grad(wanted, followed, allow_unused=True) if followed else ())
    layers = []
    for passed in ran:
        slope = next(slopes) if passed.output.requires_grad else None
        size = 0.0 if slope is None else float(slope.reshape(len(slope), -1).norm(dim=1).mean())
        layers.append(Layer(passed.name, type(passed.layer).__name__, size, _dead(passed)))
    return _judged(tuple(layers), _dead_in_all(ran), len(subject), say or words())


def activations(subject: Subject, *, layers: int = 6, channels: int = 8) -> tuple[LayerView, ...]:
    """What convolutions and activation layers with places put out: (n, channels, *size), sides of at most 32.

    Args:
        layers: at most so many, evenly from the first to the last.
        channels: the first of each.
    """
    shown = [
        passed
        for passed in _run(subject)[0]
        if passed.output.dim() > 2 and (isinstance(passed.layer, nn.Conv1d | nn.Conv2d) or passed.activates)
    ]
    chosen = sorted({round(place) for place in np.linspace(0, len(shown) - 1, min(layers, len(shown)))})
    return tuple(
        LayerView(shown[i].name, type(shown[i].layer).__name__, _small(shown[i], channels).double().numpy())
        for i in chosen
    )


def filters(model: nn.Module, *, layers: int = 3, most: int = 16, channels: int = 4) -> tuple[LayerView, ...]:
    """Weights (filters, channels, *kernel) of the first convolutions with a kernel above 1, the first of each."""
    names = {layer: name for name, layer in model.named_modules()}
    found = []
    for layer in convolutions(model):
        weight: Tensor = layer.weight  # type: ignore[assignment]
        if weight[0, 0].numel() > 1:
            values = weight.detach()[:most, :channels].cpu().double().numpy()
            found.append(LayerView(names[layer], type(layer).__name__, values))
    return tuple(found[:layers])


@dataclass(frozen=True, slots=True, eq=False)
class _Passed:
    """What one layer put out, and which of its axes counts units."""

    name: str
    layer: nn.Module
    output: Tensor
    axis: int

    @property
    def activates(self) -> bool:
        return type(self.layer).__module__ == "torch.nn.modules.activation"


def _run(subject: Subject) -> tuple[list[_Passed], Tensor]:
    """Everything that the layers put out, in order, with the scores; the graph is kept."""
    names = {layer: name for name, layer in subject.model.named_modules()}
    ran: list[_Passed] = []
    axis = 1

    def note(layer: nn.Module, given: Any, made: Any) -> None:
        nonlocal axis
        if not isinstance(made, Tensor) or made.dim() < 2 or not made.is_floating_point():
            return
        if next(layer.parameters(), None) is not None:  # what comes behind counts units like the layer before
            axis = made.dim() - 1 if isinstance(layer, _LAST_AXIS) else 1
        ran.append(_Passed(names[layer], layer, made, min(axis, made.dim() - 1)))

    leaves = [layer for layer in subject.model.modules() if not any(True for _ in layer.children())]
    hooks = [layer.register_forward_hook(note) for layer in leaves]
    try:
        with torch.enable_grad():
            scores = subject.answer(subject.points.clone().requires_grad_())
    finally:
        for hook in hooks:
            hook.remove()
    return ran, scores


def _small(passed: _Passed, channels: int) -> Tensor:
    """The first channels, their places averaged down to at most `SIDE` along each axis."""
    values = passed.output.detach().movedim(passed.axis, 1)[:, :channels]
    size = tuple(min(side, SIDE) for side in values.shape[2:])
    if size == tuple(values.shape[2:]):
        return values
    return (
        F.adaptive_avg_pool1d(values, size[0]) if len(size) == 1 else F.adaptive_avg_pool2d(values, (size[0], size[1]))
    )


def _constant(passed: _Passed) -> Tensor:
    """(units,) whether each puts out one value for all inputs and places."""
    units = passed.output.detach().movedim(passed.axis, 0).flatten(1)
    return units.amax(1) == units.amin(1)


def _dead(passed: _Passed) -> float | None:
    return float(_constant(passed).double().mean()) if passed.activates else None


def _dead_in_all(ran: list[_Passed]) -> float | None:
    units = [_constant(passed) for passed in ran if passed.activates]
    return round(float(torch.cat(units).double().mean()), 4) if units else None


def _judged(layers: tuple[Layer, ...], dead: float | None, inputs: int, say: Words) -> GradientFlow:
    sizes = [layer.gradient for layer in layers if layer.gradient > 0] or [0.0]
    first, last = layers[0].gradient if layers else 0.0, sizes[-1]
    ratio = first / last if last else 0.0
    state = "vanishing" if ratio < 1 / FAR else "exploding" if ratio > FAR else "healthy"
    sentences = [say(f"flow.{state}", ratio=f"{ratio:.3g}", count=len(layers))]
    if dead is not None:
        worst = max((layer for layer in layers if layer.dead is not None), key=lambda layer: layer.dead or 0.0)
        sentences.append(_on_dead(dead, worst, inputs, say))
    return GradientFlow(layers, state, ratio, dead, tuple(sentences))


def _on_dead(dead: float, worst: Layer, inputs: int, say: Words) -> str:
    if dead == 0:
        return say("flow.no_dead", inputs=inputs)
    return say(
        "flow.dead",
        share=f"{100 * dead:.1f}",
        inputs=inputs,
        layer=worst.name or say("flow.only_layer"),
        most=f"{100 * (worst.dead or 0):.0f}",
        verdict=say("flow.useless" if dead > MANY_DEAD else "flow.rest"),
    )
