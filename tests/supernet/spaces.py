"""Spaces that are built open: every way of deciding, in ordinary `build` code."""

from torch import nn

import searchitect as sa
from searchitect.nn import activation, classifier, conv, conv_unit, depthwise_conv, fully_connected, norm


@sa.space
class Skip:
    def build(self, channels):
        return nn.Identity()


@sa.space
class Plain:
    kernel: int = sa.choice(3, 5)

    def build(self, channels):
        return conv(channels, channels, self.kernel)


@sa.space
class Separable:
    kernel: int = sa.choice(3, 5, 7)
    norm: str = sa.choice("batch", "none", "layer")

    def build(self, channels):
        return nn.Sequential(
            depthwise_conv(channels, self.kernel), norm(self.norm, channels), conv(channels, channels, 1)
        )


@sa.space
class Block:
    operation: Skip | Plain | Separable = sa.choice(Skip, Plain, Separable)
    activation: str = sa.choice("relu", "gelu", "prelu")

    def build(self, channels):
        return nn.Sequential(self.operation.build(channels), activation(self.activation))


@sa.space
class Open:
    stem: int = sa.choice(4, 8, 16)
    expansion: int = sa.integer(1, 3)
    blocks: tuple[Block, ...] = sa.repeat(Block, 1, 3)
    extra: Plain | None = sa.optional(Plain)
    learning_rate: float = sa.real(1e-3, 1e-1, log=True, role="training")

    def build(self, task):
        width = self.stem * self.expansion
        parts = [conv_unit(task.inputs[0], self.stem, 3), conv(self.stem, width, 1)]
        parts += [block.build(width) for block in self.blocks]
        if self.extra is not None:
            parts.append(self.extra.build(width))
        return nn.Sequential(*parts, norm("group", width), classifier((width, *task.inputs[1:]), task.outputs))


@sa.space
class Perceptron:
    width: int = sa.choice(8, 16, 32)
    norm: str = sa.choice("layer", "rms", "batch")

    def build(self, task):
        return nn.Sequential(
            nn.Flatten(),
            fully_connected(task.features, self.width),
            norm(self.norm, self.width, dims=0),
            nn.ReLU(),
            fully_connected(self.width, task.outputs),
        )
