"""What a person calls an operation: its label and its kind, from the module or the function."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn

__all__ = ["function_kind", "label", "module_kind"]

_POOLS = ("pool", "mean", "amax", "interpolate")
_ACTIVATIONS = frozenset(
    {
        "relu",
        "relu6",
        "gelu",
        "silu",
        "mish",
        "elu",
        "selu",
        "celu",
        "sigmoid",
        "tanh",
        "softmax",
        "log_softmax",
    }
    | {"hardswish", "hardsigmoid", "hardtanh", "leaky_relu", "softplus", "dropout", "dropout2d"}
)
_KINDS_BY_FILE = {
    "conv": "convolution",
    "linear": "linear",
    "pooling": "pooling",
    "batchnorm": "normalisation",
    "normalization": "normalisation",
    "instancenorm": "normalisation",
    "activation": "activation",
    "dropout": "regularisation",
    "flatten": "reshape",
}


def function_kind(name: str, sources: int) -> str:
    """The kind of a function that read values from `sources` nodes."""
    if name in _ACTIVATIONS:
        return "activation"
    if name == "flatten":
        return "reshape"
    if any(word in name for word in _POOLS):
        return "pooling"
    return "merge" if sources > 1 else "function"


def module_kind(module: nn.Module, path: str) -> str:
    """The kind of a leaf module, from the file of torch that defines it or from the words in its name."""
    if path == "preprocess":
        return "preprocess"
    name, own = type(module).__name__, type(module).__module__
    if "Attention" in name:
        return "attention"
    if own.startswith("torch.nn."):
        return _KINDS_BY_FILE.get(own.rpartition(".")[2], "layer")
    for word, kind in (
        ("Conv", "convolution"),
        ("Norm", "normalisation"),
        ("Pool", "pooling"),
        ("Drop", "regularisation"),
    ):
        if word in name:
            return kind
    return "merge" if name in ("Add", "Concat", "Concatenate", "Merge") else "layer"


def label(module: nn.Module) -> str:
    """The class with what matters of its settings: "Conv2d 3×3, 16 → 32, stride 2"."""
    parts = [type(module).__name__]
    axes = next((int(c) for c in parts[0] if c.isdigit()), 1)
    kernel = getattr(module, "kernel_size", None)
    if kernel is not None:
        parts[0] += f" {_times(kernel, axes)}"
    for inside, outside in (("in_channels", "out_channels"), ("in_features", "out_features")):
        if isinstance(getattr(module, inside, None), int) and isinstance(getattr(module, outside, None), int):
            sizes = f"{getattr(module, inside)} → {getattr(module, outside)}"
            parts = [*parts, sizes] if kernel is not None else [f"{parts[0]} {sizes}"]
    for name in ("stride", "dilation", "groups"):
        value = _times(getattr(module, name, 1), 1, short=True)
        usual = {"1", _times(kernel, 1, short=True) if "Pool" in parts[0] else "1"}
        if kernel is not None and value not in usual:
            parts.append(f"{name} {value}")
    if type(module).__name__.startswith("Dropout"):
        parts[0] += f" {getattr(module, 'p', '')}"
    return ", ".join(parts)


def _times(value: Any, axes: int, *, short: bool = False) -> str:
    sides = tuple(value) if isinstance(value, (tuple, list)) else (value,) * axes
    return str(sides[0]) if short and len(set(sides)) == 1 else "×".join(str(side) for side in sides)
