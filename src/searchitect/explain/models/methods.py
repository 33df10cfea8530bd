"""The methods that make maps: what each says, what it needs, and which of them fit a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from searchitect.errors import ConfigError, did_you_mean
from searchitect.explain.models.attention import attention_layers
from searchitect.explain.models.convolutions import convolutions, last_convolution, treats_places_alike
from searchitect.explain.wording import Words, words
from searchitect.nn.shapes import evaluating

__all__ = ["METHODS", "Method", "check_fits", "methods_for"]


@dataclass(frozen=True, slots=True)
class Method:
    """One way to make a map.

    Attributes:
        name: as in `METHODS`.
        source: its paper.
        compute: registry string of `(subject, effort, seed) -> Found`.
        needs: "", "convolution", "pooling" (behind the last convolution) or "attention".
        signed: whether a negative value speaks against the answer.
        extra: whether it needs captum.
    """

    name: str
    source: str
    compute: str
    needs: str = ""
    signed: bool = True
    extra: bool = False

    def says(self, say: Words | None = None) -> str:
        """What a value means, as the end of a sentence; English by default."""
        return (say or words())(f"method.{self.name}")


_HERE, _MASKS = "searchitect.explain.models.maps", "searchitect.explain.models.perturbing"
_READ = "searchitect.explain.models.attention"

METHODS: Mapping[str, Method] = {
    method.name: method
    for method in (
        Method(
            "saliency",
            "Simonyan 2014",
            f"{_HERE}:saliency",
            signed=False,
        ),
        Method(
            "input_x_gradient",
            "Shrikumar 2016",
            f"{_HERE}:input_x_gradient",
        ),
        Method(
            "integrated_gradients",
            "Sundararajan 2017",
            f"{_HERE}:integrated_gradients",
            extra=True,
        ),
        Method(
            "smoothgrad",
            "Smilkov 2017",
            f"{_HERE}:smoothgrad",
            signed=False,
            extra=True,
        ),
        Method(
            "grad_cam",
            "Selvaraju 2017",
            f"{_HERE}:grad_cam",
            needs="pooling",
            signed=False,
            extra=True,
        ),
        Method(
            "hires_cam",
            "Draelos and Carin 2020",
            f"{_HERE}:hires_cam",
            needs="convolution",
            signed=False,
            extra=True,
        ),
        Method(
            "occlusion",
            "Zeiler and Fergus 2014",
            f"{_MASKS}:occlusion",
            extra=True,
        ),
        Method(
            "lime",
            "Ribeiro 2016",
            f"{_MASKS}:lime",
        ),
        Method(
            "kernel_shap",
            "Lundberg and Lee 2017",
            f"{_MASKS}:kernel_shap",
        ),
        Method(
            "attention",
            "Bahdanau 2015",
            f"{_READ}:attention_map",
            needs="attention",
            signed=False,
        ),
        Method(
            "attention_rollout",
            "Abnar and Zuidema 2020",
            f"{_READ}:rollout_map",
            needs="attention",
            signed=False,
        ),
    )
}
"""Name -> method, in the order in which they are shown."""

_FITS = {
    "": "any model and any kind of input",
    "convolution": "a convolution whose result has places, on images, sound or series",
    "pooling": "a convolution and behind it a pooling that treats all places alike, as its weight of a channel does",
    "attention": "self-attention whose tokens are patches, rows, steps of time, words or columns",
}


def methods_for(model: nn.Module, kind: str, inputs: Tensor | None = None) -> tuple[str, ...]:
    """Names of the methods that fit a model and a kind of input, in the order of `METHODS`.

    Args:
        inputs: (n, *shape) what the model takes: whether places go through the model is seen by running it. Without
            them a method that needs that is offered wherever there is a convolution.
    """
    return tuple(name for name, method in METHODS.items() if _fits(method, model, kind, inputs))


def check_fits(name: str, model: nn.Module, kind: str, inputs: Tensor | None = None) -> Method:
    """The method of this name.

    Args:
        inputs: as of `methods_for`.

    Raises:
        ConfigError: no method is called so, or it does not fit; the message names those that do.
    """
    if name not in METHODS:
        raise ConfigError(f"no method {name!r} to make a map", hint=did_you_mean(name, METHODS))
    method = METHODS[name]
    if _fits(method, model, kind, inputs):
        return method
    fits = methods_for(model, kind, inputs)
    fitting = ", ".join(fits)
    unlike = method.needs == "pooling" and "hires_cam" in fits
    lacks = "tells places apart behind its last one" if unlike else "has none"
    raise ConfigError(
        f"{name} needs {_FITS[method.needs]}; this {type(model).__name__} on {kind} inputs {lacks}",
        hint=f"these methods fit: {fitting}",
    )


def _fits(method: Method, model: nn.Module, kind: str, inputs: Tensor | None) -> bool:
    if method.needs in ("convolution", "pooling"):
        if kind not in ("image", "audio", "series") or not convolutions(model):
            return False
        if inputs is None:
            return True
        with evaluating(model):
            return treats_places_alike(model, inputs) if method.needs == "pooling" else _keeps_places(model, inputs)
    return method.needs != "attention" or bool(attention_layers(model))


def _keeps_places(model: nn.Module, inputs: Tensor) -> bool:
    return last_convolution(model, inputs) is not None
