"""The methods that make maps: what each says, what it needs, and which of them fit a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import nn

from searchitect.errors import ConfigError, did_you_mean
from searchitect.explain.models.attention import attention_layers

__all__ = ["METHODS", "Method", "check_fits", "convolutions", "methods_for"]


@dataclass(frozen=True, slots=True)
class Method:
    """One way to make a map.

    Attributes:
        name: as in `METHODS`.
        source: its paper.
        says: what a value means, as the end of a sentence.
        compute: registry string of `(subject, effort, seed) -> Found`.
        needs: "", "convolution" or "attention".
        signed: whether a negative value speaks against the answer.
        extra: whether it needs captum.
    """

    name: str
    source: str
    says: str
    compute: str
    needs: str = ""
    signed: bool = True
    extra: bool = False


_HERE, _MASKS = "searchitect.explain.models.maps", "searchitect.explain.models.perturbing"
_READ = "searchitect.explain.models.attention"

METHODS: Mapping[str, Method] = {
    method.name: method
    for method in (
        Method(
            "saliency",
            "Simonyan 2014",
            "how steeply the score changes there",
            f"{_HERE}:saliency",
            signed=False,
        ),
        Method(
            "input_x_gradient",
            "Shrikumar 2016",
            "the value there times the slope",
            f"{_HERE}:input_x_gradient",
        ),
        Method(
            "integrated_gradients",
            "Sundararajan 2017",
            "its share of the score's way from the reference",
            f"{_HERE}:integrated_gradients",
            extra=True,
        ),
        Method(
            "smoothgrad",
            "Smilkov 2017",
            "how steeply the score changes there, mean over noisy copies",
            f"{_HERE}:smoothgrad",
            signed=False,
            extra=True,
        ),
        Method(
            "grad_cam",
            "Selvaraju 2017",
            "how strongly the last convolution sees the answer there",
            f"{_HERE}:grad_cam",
            needs="convolution",
            signed=False,
            extra=True,
        ),
        Method(
            "hires_cam",
            "Draelos and Carin 2020",
            "what the last convolution adds to the answer there",
            f"{_HERE}:hires_cam",
            needs="convolution",
            signed=False,
            extra=True,
        ),
        Method(
            "occlusion",
            "Zeiler and Fergus 2014",
            "what the score loses when a window there is covered",
            f"{_MASKS}:occlusion",
            extra=True,
        ),
        Method(
            "lime",
            "Ribeiro 2016",
            "its weight in a linear model of the answer near this input",
            f"{_MASKS}:lime",
        ),
        Method(
            "kernel_shap",
            "Lundberg and Lee 2017",
            "its Shapley value: its fair share of the score",
            f"{_MASKS}:kernel_shap",
        ),
        Method(
            "attention",
            "Bahdanau 2015",
            "how much the last attention layer reads there",
            f"{_READ}:attention_map",
            needs="attention",
            signed=False,
        ),
        Method(
            "attention_rollout",
            "Abnar and Zuidema 2020",
            "how much is read there through all attention layers",
            f"{_READ}:rollout_map",
            needs="attention",
            signed=False,
        ),
    )
}
"""Name -> method, in the order in which they are shown."""

_FITS = {
    "": "any model and any kind of input",
    "convolution": "models with a convolution that keeps places, on images, sound and series",
    "attention": "models with self-attention whose tokens are patches, rows, steps of time, words or columns",
}


def methods_for(model: nn.Module, kind: str) -> tuple[str, ...]:
    """Names of the methods that fit a model and a kind of input, in the order of `METHODS`."""
    return tuple(name for name, method in METHODS.items() if _fits(method, model, kind))


def check_fits(name: str, model: nn.Module, kind: str) -> Method:
    """The method of this name.

    Raises:
        ConfigError: no method is called so, or it does not fit; the message names those that do.
    """
    if name not in METHODS:
        raise ConfigError(f"no method {name!r} to make a map", hint=did_you_mean(name, METHODS))
    method = METHODS[name]
    if _fits(method, model, kind):
        return method
    fitting = ", ".join(methods_for(model, kind))
    raise ConfigError(
        f"{name} needs a model with {method.needs}: it is for {_FITS[method.needs]}; this is a "
        f"{type(model).__name__} on {kind} inputs",
        hint=f"these methods fit: {fitting}",
    )


def _fits(method: Method, model: nn.Module, kind: str) -> bool:
    if method.needs == "convolution":
        return kind in ("image", "audio", "series") and bool(convolutions(model))
    return method.needs != "attention" or bool(attention_layers(model))


def convolutions(model: nn.Module) -> list[nn.Module]:
    """The convolutions over time or images of a model."""
    return [layer for layer in model.modules() if isinstance(layer, nn.Conv1d | nn.Conv2d)]
