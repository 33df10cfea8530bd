"""Inverted residual blocks: few channels outside, many in the middle, where a depthwise convolution works.

Sandler et al., "MobileNetV2", 2018; with squeeze and excitation (Hu et al. 2018) they are the MBConv of Tan et al.,
"MnasNet", 2019, and the blocks of MobileNetV3 (Howard et al. 2019) and EfficientNet (Tan & Le 2019). Every number but
the stride may be open.
"""

from __future__ import annotations

import operator
from functools import partial

from torch import Tensor, nn

from searchitect.nn.activations import activation as make_activation
from searchitect.nn.conditions import calculate, condition, when
from searchitect.nn.connections import Residual
from searchitect.nn.convolutions import conv, depthwise_conv
from searchitect.nn.norms import norm as make_norm
from searchitect.nn.regularisation import drop_path as make_drop_path
from searchitect.nn.units import conv_unit

__all__ = ["SqueezeExcite", "inverted_residual", "squeeze_excite"]


class SqueezeExcite(nn.Module):
    """Weigh every channel by what the means of all channels say (Hu et al. 2018): the shape stays.

    Args:
        channels: of the map.
        squeezed: channels between the two 1×1 convolutions.
        activation, gate: keys of `nn.ACTIVATIONS`, between them and after them.
    """

    def __init__(self, channels: int, squeezed: int, *, activation: str = "relu", gate: str = "sigmoid") -> None:
        super().__init__()
        self.squeeze = conv(channels, squeezed, 1)
        self.activation = make_activation(activation)
        self.excite = conv(squeezed, channels, 1)
        self.gate = make_activation(gate)

    def forward(self, x: Tensor) -> Tensor:
        means = x.mean((2, 3), keepdim=True)
        weights: Tensor = self.gate(self.excite(self.activation(self.squeeze(means))))
        return x * weights


def squeeze_excite(channels: int, squeezed: int, *, activation: str = "relu", gate: str = "sigmoid") -> nn.Module:
    """Squeeze and excitation; nothing at all for no squeezed channels, which may stay open."""
    squeezed_to = calculate(max, squeezed, 1)  # where it is made, it is never none
    make = partial(SqueezeExcite, channels, squeezed_to, activation=activation, gate=gate)
    return when(condition(operator.gt, squeezed, 0), make)


def inverted_residual(
    inputs: int,
    outputs: int,
    kernel: int = 3,
    *,
    middle: int,
    stride: int = 1,
    squeezed: int = 0,
    norm: str = "batch",
    activation: str = "relu",
    squeeze_activation: str = "relu",
    gate: str = "sigmoid",
    shortcut: bool = True,
    drop_path: float = 0.0,
) -> nn.Module:
    """1×1 to `middle` channels, depthwise, 1×1 to `outputs`: (n, inputs, *size) to (n, outputs, *⌈size / stride⌉).

    No activation follows the last convolution (Sandler et al. 2018, section 3.2). Where `middle` equals `inputs` the
    first is left out.

    Args:
        kernel: of the depthwise convolution.
        middle: channels that the depthwise convolution works with.
        squeezed: channels of squeeze and excitation after it; 0 leaves it out.
        activation: a key of `nn.ACTIVATIONS`; `squeeze_activation` and `gate` are those of squeeze and excitation.
        shortcut: whether the input is added to the result; it needs equal shapes.
        drop_path: rate of stochastic depth of what is added to the shortcut.
    """
    expand = partial(conv_unit, inputs, middle, 1, norm=norm, activation=activation)
    parts = [
        when(condition(operator.ne, inputs, middle), expand),
        depthwise_conv(middle, kernel, stride=stride, bias=norm == "none"),
        make_norm(norm, middle),
        make_activation(activation),
        squeeze_excite(middle, squeezed, activation=squeeze_activation, gate=gate),
        conv_unit(middle, outputs, 1, norm=norm, activation="identity"),
        make_drop_path(drop_path) if shortcut else nn.Identity(),
    ]
    body = nn.Sequential(*(part for part in parts if not isinstance(part, nn.Identity)))
    return Residual(body, nn.Identity(), nn.Identity()) if shortcut else body
