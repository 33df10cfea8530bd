"""Twelve well-known networks as plain modules, for the figures that are published about them.

Sources of `PUBLISHED`: the weights' `_ops` (giga multiply-adds of one 224×224 image, of convolutions, linear layers and
matrix products), `num_params` and `_file_size` (of quantised files, MiB) that torchvision publishes with its models.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from searchitect import catalog
from searchitect.spaces import TaskSpec

__all__ = ["INPUT", "NETWORKS", "PUBLISHED", "Published"]

INPUT = (3, 224, 224)


@dataclass(frozen=True)
class Published:
    """What is published of a network: parameters, giga multiply-adds, and the MiB of its int8 file."""

    parameters: int
    multiply_adds: float
    int8_mib: float | None = None


PUBLISHED = {
    "AlexNet": Published(61_100_840, 0.714),
    "VGG-16": Published(138_357_544, 15.47),
    "ResNet-18": Published(11_689_512, 1.814, 11.238),
    "ResNet-50": Published(25_557_032, 4.089, 24.759),
    "SqueezeNet 1.1": Published(1_235_496, 0.349),
    "DenseNet-121": Published(7_978_856, 2.834),
    "MobileNetV2": Published(3_504_872, 0.301, 3.423),
    "MnasNet 1.0": Published(4_383_312, 0.314),
    "ShuffleNetV2 1.0": Published(2_278_604, 0.145, 2.334),
    "ViT-B/16": Published(86_567_656, 17.564),
    "MobileNetV3-Large": Published(5_483_032, 0.217),
    "EfficientNet-B0": Published(5_288_548, 0.386),
}


def _alexnet() -> nn.Module:
    layers: list[nn.Module] = []
    rows = ((3, 64, 11, 4, 2, True), (64, 192, 5, 1, 2, True), (192, 384, 3, 1, 1, False))
    rows += ((384, 256, 3, 1, 1, False), (256, 256, 3, 1, 1, True))
    for inputs, outputs, kernel, stride, padding, pooled in rows:
        layers += [nn.Conv2d(inputs, outputs, kernel, stride, padding), nn.ReLU(inplace=True)]
        layers += [nn.MaxPool2d(3, 2)] if pooled else []
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(6), nn.Flatten(), *_classifier(9216))


def _classifier(features: int) -> list[nn.Module]:
    widths = (features, 4096, 4096)
    hidden = [
        layer for i in (0, 1) for layer in (nn.Linear(widths[i], widths[i + 1]), nn.ReLU(inplace=True), nn.Dropout(0.5))
    ]
    return [*hidden, nn.Linear(4096, 1000)]


def _vgg16() -> nn.Module:
    layers: list[nn.Module] = []
    inputs = 3
    for width, count in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        for _ in range(count):
            layers += [nn.Conv2d(inputs, width, 3, padding=1), nn.ReLU(inplace=True)]
            inputs = width
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers, nn.Flatten(), *_classifier(512 * 49))


def _unit(
    inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1, activation: nn.Module | None = None
) -> list[nn.Module]:
    """Convolution without bias, batch normalisation, and an activation if there is one."""
    conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
    return [conv, nn.BatchNorm2d(outputs), *([] if activation is None else [activation])]


class _Residual(nn.Module):
    def __init__(self, branch: nn.Module, shortcut: nn.Module, last: nn.Module) -> None:
        super().__init__()
        self.branch, self.shortcut, self.last = branch, shortcut, last

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.branch(x) + self.shortcut(x))


def _resnet(depths: Sequence[int], expansion: int) -> nn.Module:
    def relu() -> nn.Module:
        return nn.ReLU(inplace=True)

    blocks: list[nn.Module] = [*_unit(3, 64, 7, 2, activation=relu()), nn.MaxPool2d(3, 2, 1)]
    inputs = 64
    for stage, depth in enumerate(depths):
        width, outputs = 64 << stage, (64 << stage) * expansion
        for index in range(depth):
            stride = 2 if stage and index == 0 else 1
            if expansion == 1:
                branch = [*_unit(inputs, width, 3, stride, activation=relu()), *_unit(width, width, 3)]
            else:
                middle = [*_unit(inputs, width, 1, activation=relu()), *_unit(width, width, 3, stride, 1, relu())]
                branch = [*middle, *_unit(width, outputs, 1)]
            changed = stride > 1 or inputs != outputs
            shortcut = nn.Sequential(*_unit(inputs, outputs, 1, stride)) if changed else nn.Identity()
            blocks.append(_Residual(nn.Sequential(*branch), shortcut, relu()))
            inputs = outputs
    return nn.Sequential(*blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inputs, 1000))


class _Joined(nn.Module):
    """Several branches of one input, their outputs side by side; with `shuffle`, channels of two halves alternate."""

    def __init__(self, *branches: nn.Module, split: bool = False, shuffle: bool = False) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)
        self.split, self.shuffle = split, shuffle

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        read = x.chunk(len(self.branches), 1) if self.split else [x] * len(self.branches)
        joined = torch.cat([branch(part) for branch, part in zip(self.branches, read, strict=True)], 1)
        if not self.shuffle:
            return joined
        n, c, h, w = joined.shape
        return joined.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)


def _squeezenet() -> nn.Module:
    def fire(inputs: int, squeezed: int, expanded: int) -> nn.Module:
        def expand(kernel: int) -> nn.Module:
            conv = nn.Conv2d(squeezed, expanded, kernel, padding=kernel // 2)
            return nn.Sequential(conv, nn.ReLU(inplace=True))

        squeeze = [nn.Conv2d(inputs, squeezed, 1), nn.ReLU(inplace=True)]
        return nn.Sequential(*squeeze, _Joined(expand(1), expand(3)))

    def pool() -> nn.Module:
        return nn.MaxPool2d(3, 2, ceil_mode=True)

    features = [nn.Conv2d(3, 64, 3, 2), nn.ReLU(inplace=True), pool()]
    features += [fire(64, 16, 64), fire(128, 16, 64), pool(), fire(128, 32, 128), fire(256, 32, 128), pool()]
    features += [fire(256, 48, 192), fire(384, 48, 192), fire(384, 64, 256), fire(512, 64, 256)]
    head = [nn.Dropout(0.5), nn.Conv2d(512, 1000, 1), nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*features, *head)


class _Dense(nn.Module):
    """What comes in, and 32 channels more."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        first = [nn.BatchNorm2d(inputs), nn.ReLU(inplace=True), nn.Conv2d(inputs, 128, 1, bias=False)]
        second = [nn.BatchNorm2d(128), nn.ReLU(inplace=True), nn.Conv2d(128, 32, 3, padding=1, bias=False)]
        self.grown = nn.Sequential(*first, *second)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([x, self.grown(x)], 1)


def _densenet121() -> nn.Module:
    layers, channels = [*_unit(3, 64, 7, 2, activation=nn.ReLU(inplace=True)), nn.MaxPool2d(3, 2, 1)], 64
    for stage, depth in enumerate((6, 12, 24, 16)):
        if stage:
            norm = [nn.BatchNorm2d(channels), nn.ReLU(inplace=True)]
            layers += [*norm, nn.Conv2d(channels, channels // 2, 1, bias=False), nn.AvgPool2d(2)]
            channels //= 2
        for _ in range(depth):
            layers.append(_Dense(channels))
            channels += 32
    head = [nn.BatchNorm2d(channels), nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*layers, *head, nn.Linear(channels, 1000))


def _inverted(inputs: int, outputs: int, kernel: int, stride: int, expansion: int, act: type[nn.Module]) -> nn.Module:
    wide = inputs * expansion
    layers = [] if expansion == 1 else _unit(inputs, wide, 1, activation=act(inplace=True))
    layers += [*_unit(wide, wide, kernel, stride, wide, act(inplace=True)), *_unit(wide, outputs, 1)]
    branch = nn.Sequential(*layers)
    return _Residual(branch, nn.Identity(), nn.Identity()) if stride == 1 and inputs == outputs else branch


def _inverted_network(
    stem: list[nn.Module], rows: Sequence[Sequence[int]], inputs: int, act: type[nn.Module]
) -> nn.Module:
    """Stages of (expansion, outputs, depth, first stride, kernel)."""
    layers = stem
    for expansion, outputs, depth, first, kernel in rows:
        for index in range(depth):
            layers.append(_inverted(inputs, outputs, kernel, first if index == 0 else 1, expansion, act))
            inputs = outputs
    layers += _unit(inputs, 1280, 1, activation=act(inplace=True))
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.2), nn.Linear(1280, 1000))


def _mobilenet_v2() -> nn.Module:
    rows = ((1, 16, 1, 1, 3), (6, 24, 2, 2, 3), (6, 32, 3, 2, 3), (6, 64, 4, 2, 3))
    rows += ((6, 96, 3, 1, 3), (6, 160, 3, 2, 3), (6, 320, 1, 1, 3))
    return _inverted_network(_unit(3, 32, 3, 2, activation=nn.ReLU6(inplace=True)), rows, 32, nn.ReLU6)


def _mnasnet() -> nn.Module:
    rows = (
        (3, 24, 3, 2, 3),
        (3, 40, 3, 2, 5),
        (6, 80, 3, 2, 5),
        (6, 96, 2, 1, 3),
        (6, 192, 4, 2, 5),
        (6, 320, 1, 1, 3),
    )
    stem = [*_unit(3, 32, 3, 2, activation=nn.ReLU(inplace=True))]
    stem += [*_unit(32, 32, 3, 1, 32, nn.ReLU(inplace=True)), *_unit(32, 16, 1)]
    return _inverted_network(stem, rows, 16, nn.ReLU)


def _shufflenet_v2() -> nn.Module:
    def relu() -> nn.Module:
        return nn.ReLU(inplace=True)

    def right(inputs: int, half: int, stride: int) -> nn.Module:
        ends = [*_unit(half, half, 3, stride, half), *_unit(half, half, 1, activation=relu())]
        return nn.Sequential(*_unit(inputs, half, 1, activation=relu()), *ends)

    layers, inputs = [*_unit(3, 24, 3, 2, activation=relu()), nn.MaxPool2d(3, 2, 1)], 24
    for outputs, depth in ((116, 4), (232, 8), (464, 4)):
        half = outputs // 2
        left = nn.Sequential(*_unit(inputs, inputs, 3, 2, inputs), *_unit(inputs, half, 1, activation=relu()))
        layers.append(_Joined(left, right(inputs, half, 2), shuffle=True))
        layers += [_Joined(nn.Identity(), right(half, half, 1), split=True, shuffle=True) for _ in range(depth - 1)]
        inputs = outputs
    layers += _unit(inputs, 1024, 1, activation=relu())
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1024, 1000))


class _VisionTransformer(nn.Module):
    def __init__(self, width: int = 768, depth: int = 12, heads: int = 12) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, width, 16, 16)
        self.token = nn.Parameter(torch.zeros(1, 1, width))
        self.places = nn.Parameter(torch.zeros(1, 197, width))
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(width, heads, 4 * width, activation="gelu", batch_first=True, norm_first=True)
            for _ in range(depth)
        )
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, 1000)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        tokens = self.patches(x).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.token.expand(len(x), -1, -1), tokens], 1) + self.places
        for block in self.blocks:
            tokens = block(tokens)
        return self.head(self.norm(tokens)[:, 0])


def _published(name: str) -> nn.Module:
    """A network of the catalogue, for 1,000 classes at 224×224."""
    found: nn.Module = catalog.published(name).build(TaskSpec(INPUT, 1000))
    return found


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "AlexNet": _alexnet,
    "VGG-16": _vgg16,
    "ResNet-18": lambda: _resnet((2, 2, 2, 2), 1),
    "ResNet-50": lambda: _resnet((3, 4, 6, 3), 4),
    "SqueezeNet 1.1": _squeezenet,
    "DenseNet-121": _densenet121,
    "MobileNetV2": _mobilenet_v2,
    "MnasNet 1.0": _mnasnet,
    "ShuffleNetV2 1.0": _shufflenet_v2,
    "ViT-B/16": _VisionTransformer,
    "MobileNetV3-Large": lambda: _published("MobileNetV3-Large"),
    "EfficientNet-B0": lambda: _published("EfficientNet-B0"),
}
"""Name to a function that builds the network with fresh weights; for images of 3×224×224 and 1,000 classes."""
