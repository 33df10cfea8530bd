"""The layers that a list or a dictionary may name: their fields, defaults and the names other libraries give them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from searchitect.errors import SpaceError, did_you_mean

__all__ = ["ACTIVATION_NAMES", "ALIASES", "LAYERS", "NORM_NAMES", "REDUNDANT", "LayerField", "LayerKind", "find"]

ACTIVATION_NAMES = (
    *("relu", "gelu", "silu", "leaky_relu", "elu", "selu", "celu", "relu6", "prelu", "mish", "sigmoid", "tanh"),
    *("softplus", "softsign", "hard_swish", "hard_sigmoid", "hard_tanh", "identity"),
)
"""The keys of `nn.ACTIVATIONS`, written here because naming them needs no torch."""

NORM_NAMES = ("batch", "layer", "group", "instance", "rms", "none")
"""The keys of `nn.NORMS`."""


@dataclass(frozen=True, slots=True)
class LayerField:
    """One field of a layer.

    Attributes:
        default: what a declaration without this field means; several values are a choice.
        low, high: bounds of numbers.
        names: what a text may be; empty for numbers.
        aliases: what other libraries call it.
        whole: whether a number is an integer.
    """

    name: str
    default: tuple[int | float | str, ...]
    aliases: tuple[str, ...] = ()
    low: float = 1
    high: float = 1
    names: tuple[str, ...] = ()
    whole: bool = True


@dataclass(frozen=True, slots=True)
class LayerKind:
    """One kind of layer.

    Attributes:
        reads: "map" needs (channels, *size); "vector" takes what comes and leaves a vector; "any" keeps the shape.
        wired: whether connections lead to it; others belong to the layer before them.
    """

    name: str
    title: str
    reads: Literal["map", "vector", "any"]
    wired: bool
    fields: tuple[LayerField, ...]
    summary: str


_KERNEL = LayerField("kernel", (3, 5), ("kernel_size", "size", "filter_size"), high=31)
_STRIDE = LayerField("stride", (1,), ("strides",), high=8)
_DILATION = LayerField("dilation", (1,), ("dilation_rate",), high=16)
_ACTIVATION = LayerField("activation", ("relu",), ("act",), names=ACTIVATION_NAMES)
_NORM = LayerField("normalisation", ("batch",), ("norm", "normalization"), names=NORM_NAMES)
_FILTERS = LayerField("width", (32, 16, 64), ("filters", "out_channels", "channels", "units"), high=4096)
_UNITS = LayerField("width", (64, 32, 128), ("units", "out_features", "features", "hidden"), high=65536)
_HOW = LayerField("how", ("max", "average"), ("mode", "pooling"), names=("max", "average"))
_WINDOW = LayerField("size", (2,), ("pool_size", "kernel", "kernel_size", "window"), high=32)
_RATE = LayerField("rate", (0.1, 0.2, 0.3), ("p", "dropout", "prob"), low=0.0, high=0.95, whole=False)
_NORM_HOW = LayerField("how", ("batch",), ("kind", "normalisation", "norm"), names=NORM_NAMES)
_FUNCTION = LayerField("function", ("relu",), ("activation", "name"), names=ACTIVATION_NAMES)
_CONVOLUTION = LayerField("convolution", ("plain",), ("kind",), names=("plain", "separable", "depthwise"))
_GROUPS = LayerField("groups", (1,), high=1024)

LAYERS: dict[str, LayerKind] = {
    kind.name: kind
    for kind in (
        LayerKind(
            "conv",
            "Conv",
            "map",
            True,
            (_FILTERS, _KERNEL, _STRIDE, _DILATION, _GROUPS, _CONVOLUTION, _ACTIVATION, _NORM),
            "convolution, normalisation, activation; keeps the size but for its stride",
        ),
        LayerKind("pool", "Pool", "map", True, (_HOW, _WINDOW), "maximum or average of windows, at most the whole map"),
        LayerKind("global_pool", "GlobalPool", "vector", True, (_HOW,), "one number per channel"),
        LayerKind("flatten", "Flatten", "vector", True, (), "all values in one vector; nothing to do for vectors"),
        LayerKind(
            "fc",
            "FC",
            "vector",
            True,
            (_UNITS, _ACTIVATION, _NORM),
            "linear map (maps are averaged first), normalisation, activation",
        ),
        LayerKind("dropout", "Dropout", "any", False, (_RATE,), "drops values while training"),
        LayerKind("norm", "Norm", "any", False, (_NORM_HOW,), "normalisation"),
        LayerKind("activation", "Activation", "any", False, (_FUNCTION,), "an activation by itself"),
    )
}
"""Every kind of layer by its short name."""

ALIASES: dict[str, tuple[str, dict[str, str]]] = {
    "convolution": ("conv", {}),
    "separable_conv": ("conv", {"convolution": "separable"}),
    "depthwise_conv": ("conv", {"convolution": "depthwise"}),
    "dense": ("fc", {}),
    "linear": ("fc", {}),
    "fully_connected": ("fc", {}),
    "max_pool": ("pool", {"how": "max"}),
    "max_pooling": ("pool", {"how": "max"}),
    "average_pool": ("pool", {"how": "average"}),
    "average_pooling": ("pool", {"how": "average"}),
    "avg_pool": ("pool", {"how": "average"}),
    "pooling": ("pool", {}),
    "global_average_pool": ("global_pool", {"how": "average"}),
    "global_average_pooling": ("global_pool", {"how": "average"}),
    "global_avg_pool": ("global_pool", {"how": "average"}),
    "adaptive_avg_pool": ("global_pool", {"how": "average"}),
    "global_max_pool": ("global_pool", {"how": "max"}),
    "global_max_pooling": ("global_pool", {"how": "max"}),
    "adaptive_max_pool": ("global_pool", {"how": "max"}),
    "normalisation": ("norm", {}),
    "normalization": ("norm", {}),
    "batch_norm": ("norm", {"how": "batch"}),
    "batch_normalization": ("norm", {"how": "batch"}),
    "layer_norm": ("norm", {"how": "layer"}),
    "layer_normalization": ("norm", {"how": "layer"}),
    "group_norm": ("norm", {"how": "group"}),
    "group_normalization": ("norm", {"how": "group"}),
    "instance_norm": ("norm", {"how": "instance"}),
    "rms_norm": ("norm", {"how": "rms"}),
    "spatial_dropout": ("dropout", {}),
    **{name: ("activation", {"function": name}) for name in ACTIVATION_NAMES},
}
"""Other names, in small letters with underscores, to a short name and the fields they fix. A trailing dimension
("Conv2D", "BatchNorm1d") and the way words are joined do not matter."""

REDUNDANT = {
    "padding": "sizes are always kept ('same' padding); leave it out",
    "in_channels": "inputs are known from the layer before; leave it out",
    "in_features": "inputs are known from the layer before; leave it out",
    "input_shape": "inputs are known from the data; leave it out",
    "input_dim": "inputs are known from the data; leave it out",
    "bias": "a bias is used wherever no normalisation follows; leave it out",
    "use_bias": "a bias is used wherever no normalisation follows; leave it out",
}
"""Fields of other libraries that have no meaning here, with the reason."""


def find(name: str) -> tuple[LayerKind, dict[str, str]]:
    """Return the kind of layer that a name means, and the fields the name fixes: "MaxPooling2D", "fc", "nn.ReLU".

    Raises:
        SpaceError: no layer has this name; the message names the nearest.
    """
    wanted = _plain(name)
    for short, kind in LAYERS.items():
        if _plain(short) == wanted:
            return kind, {}
    for alias, (short, fixed) in ALIASES.items():
        if _plain(alias) == wanted:
            return LAYERS[short], dict(fixed)
    names = {*LAYERS, *ALIASES, "Conv2D", "MaxPooling2D", "AveragePooling2D", "Dense", "BatchNormalization"}
    raise SpaceError(f"no layer is called {name!r}", hint=did_you_mean(name, names))


def _plain(name: str) -> str:
    """`nn.BatchNorm2d` as "batchnorm"."""
    letters = name.rpartition(".")[2].lower().replace("_", "").replace("-", "").replace(" ", "")
    return letters[:-2] if letters[-2:] in {"1d", "2d", "3d"} else letters
