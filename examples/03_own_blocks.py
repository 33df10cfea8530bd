"""Your own block classes on a folder of images (train/CLASS/*.png, test/CLASS/*.png), for two objectives."""

import sys

from torch import nn

import searchitect as sa


@sa.space
class Block:
    width: int = sa.choice(8, 16, 32)
    kernel: int = sa.choice(3, 5)

    def build(self, channels: int) -> nn.Module:
        layer = nn.Conv2d(channels, self.width, self.kernel, padding="same", bias=False)
        return nn.Sequential(layer, nn.BatchNorm2d(self.width), nn.ReLU())


@sa.space
class Classifier:
    blocks: tuple[Block, ...] = sa.repeat(Block, 1, 3)
    learning_rate: float = sa.real(1e-3, 3e-2, log=True, role="training")

    def build(self, task: sa.TaskSpec) -> nn.Module:
        widths = [task.inputs[0], *(block.width for block in self.blocks)]
        body = [block.build(channels) for block, channels in zip(self.blocks, widths, strict=False)]
        return nn.Sequential(*body, nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(4 * widths[-1], task.outputs))


def main(images, budget="3min", **tiny):
    result = sa.search(images, Classifier, objectives=["accuracy", "flops"], budget=budget, **tiny)
    for trial in result.front:
        print(f"accuracy {trial.measurements['accuracy']:.3f} at {trial.measurements['flops']:,.0f} FLOPs")
    print(result.verdict.sentence)
    return result


if __name__ == "__main__":
    main(sys.argv[1])
