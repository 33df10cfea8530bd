"""Your own plain model becomes many: smaller ones of its class that start from its weights."""

from itertools import islice

from torch import nn

import searchitect as sa
from searchitect.supernet import load, recalibrate, train_supernet
from searchitect.training.losses import score_validation

MODEL = nn.Sequential(
    nn.Conv2d(1, 32, 5, padding=2), nn.BatchNorm2d(32), nn.ReLU(inplace=True), nn.MaxPool2d(2),
    nn.Conv2d(32, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU(inplace=True), nn.MaxPool2d(2),
    nn.Flatten(), nn.Linear(64 * 4, 128), nn.ReLU(inplace=True), nn.Linear(128, 10),
)  # fmt: skip


def main(epochs=8):
    task = sa.task("digits")
    elastic = sa.make_elastic(MODEL, task.spec)
    print(elastic.explain())

    data = load(task)
    train_supernet(elastic.supernet, data, method="sandwich", recipe=sa.Recipe(epochs=epochs))
    accuracies = {}
    for share in (1.0, 0.75, 0.5, 0.25):
        subnet = elastic.supernet.extract(elastic.at(share))
        recalibrate(subnet, [inputs for inputs, _ in islice(data.train.in_order(64), 20)])
        size = sum(p.numel() for p in subnet.parameters())
        accuracies[size] = score_validation(subnet, data.validation, task.spec)["accuracy"]
        print(f"{share:4.0%} wide: {size:7,} parameters, accuracy {accuracies[size]:.3f}")
    return accuracies


if __name__ == "__main__":
    main()
