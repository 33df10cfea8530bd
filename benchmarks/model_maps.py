"""Maps of trained models on digits and Fashion-MNIST: do they beat random maps, do they see random weights?

For each data set four kinds of models, each with several training seeds, are explained by every method that fits, on
test images. Absent pixels show the mean training image. A row is the mean of the models: the difference of the area
under the deletion (insertion) curve to that of 20 random maps of the same grain, with Student's interval over images,
which all models share; "cells" counts the models whose own interval of deletion excludes 0. "largest ρ" is the largest
rank correlation, among models, of the maps with those of random weights (mean over images and four draws), and
"changed" counts the models where it is at most 0.5, which is what the check asks; "ρ of sizes" is the
mean without signs: high where the input decides how strong a map is. The last row is a control: an edge
detector, which never asks the model, has to be caught.

    python benchmarks/model_maps.py [--data FOLDER] [--seeds 3] [--images 96] [--only digits]
                                     [--methods grad_cam …] [--kinds pooled …]
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

import searchitect as sa
from searchitect import nn as layers
from searchitect.explain.models.curves import curve_areas, gain_over, random_areas
from searchitect.explain.models.honesty import CHANGED
from searchitect.explain.models.maps import AttributionMap, attribution_map
from searchitect.explain.models.methods import methods_for
from searchitect.explain.models.randomisation import weight_randomisation
from searchitect.explain.models.subject import Subject, subject_of

EDGES = "edge detector (control)"


@dataclass(frozen=True)
class Data:
    """Preprocessed images of one task."""

    name: str
    train: tuple[Tensor, Tensor]
    test: tuple[Tensor, Tensor]
    patch: int
    epochs: int


@dataclass(frozen=True)
class Cell:
    """One method on one model."""

    method: str
    deletion: np.ndarray  # (n,) difference to random maps, per image; above 0 is better
    insertion: np.ndarray
    shown: bool
    unchanged: float
    sizes: float


def read(task: sa.Task, patch: int, epochs: int, examples: int) -> Data:
    """The first training and test examples, as a model sees them."""
    module = task.preprocessing.module()

    def part(split: object, most: int) -> tuple[Tensor, Tensor]:
        indices = np.arange(min(most, len(split)))
        pixels = module(*(torch.as_tensor(array) for array in split.read(indices)))
        return pixels, torch.as_tensor(split.targets[indices])

    return Data(task.name, part(task.train, examples), part(task.test, 1000), patch, epochs)


def models(data: Data) -> dict[str, Callable[[], nn.Module]]:
    """Four kinds: convolutions pooled, convolutions flattened, dense, attention."""
    side, wide = data.train[0].shape[-1], 16
    stride = 1 if side < 16 else 2
    small = -(-side // stride)
    tokens = (side // data.patch) ** 2

    def body() -> list[nn.Module]:
        return [layers.conv_unit(1, wide, stride=stride), layers.conv_unit(wide, 2 * wide)]

    def vision() -> nn.Module:
        start = [layers.patch_embedding(1, data.patch, 32), layers.class_token(32)]
        blocks = [layers.transformer_block(32, 4, ratio=2.0) for _ in range(2)]
        place = layers.positions("learned", tokens + 1, 32)
        return nn.Sequential(*start, place, *blocks, layers.pool_tokens("first"), nn.Linear(32, 10))

    return {
        "pooled": lambda: nn.Sequential(
            *body(), layers.conv_unit(2 * wide, 2 * wide), layers.classifier((2 * wide, small, small), 10)
        ),
        "flat": lambda: nn.Sequential(*body(), nn.Flatten(), nn.Linear(2 * wide * small**2, 10)),
        "dense": lambda: nn.Sequential(nn.Flatten(), nn.Linear(side**2, 64), nn.ReLU(), nn.Linear(64, 10)),
        "attention": vision,
    }


def trained(make: Callable[[], nn.Module], data: Data, seed: int) -> tuple[nn.Module, float]:
    torch.manual_seed(seed)
    model, (inputs, classes) = make(), data.train
    descent = torch.optim.AdamW(model.parameters(), 3e-3, weight_decay=0.01)
    steps = data.epochs * -(-len(inputs) // 64)
    pace = torch.optim.lr_scheduler.OneCycleLR(descent, 3e-3, total_steps=steps)
    for _ in range(data.epochs):
        for batch in torch.randperm(len(inputs)).split(64):
            descent.zero_grad()
            nn.functional.cross_entropy(model(inputs[batch]), classes[batch]).backward()
            descent.step()
            pace.step()
    model.eval()
    with torch.no_grad():
        right = model(data.test[0]).argmax(1) == data.test[1]
    return model, float(right.float().mean())


def edges(subject: Subject) -> np.ndarray:
    """Sizes of differences between neighbours: a map that never asks the model."""
    pixels = subject.points[:, 0]
    down, right = torch.zeros_like(pixels), torch.zeros_like(pixels)
    down[:, 1:], right[:, :, 1:] = pixels[:, 1:] - pixels[:, :-1], pixels[:, :, 1:] - pixels[:, :, :-1]
    return (down.abs() + right.abs()).double().numpy()


def cells(model: nn.Module, data: Data, images: int, seed: int, only: Collection[str]) -> Iterator[Cell]:
    """Every method that fits (and is asked for), and the control, on the first test images."""
    subject = subject_of(model, data.test[0][:images], kind="image", reference=data.train[0].mean(0))
    random = {}
    for name in (*(m for m in methods_for(model, "image", subject.inputs) if not only or m in only), EDGES):
        if name == EDGES:
            found = AttributionMap(EDGES, edges(subject), signed=False)
        else:
            found = attribution_map(subject, name, seed=seed)
        key = b"" if found.groups is None else found.groups.tobytes()
        if key not in random:
            random[key] = random_areas(subject, found.groups, seed=seed)
        own = curve_areas(subject, found.values, signed=found.signed, seed=seed)

        def make(other: Subject, name: str = name) -> np.ndarray:
            return edges(other) if name == EDGES else attribution_map(other, name, seed=seed).values

        yield Cell(
            name,
            random[key].deletion.mean(0) - own.deletion,
            own.insertion - random[key].insertion.mean(0),
            gain_over(own.deletion, random[key].deletion, lower=True).is_shown,
            *(float(part.mean()) for part in weight_randomisation(subject, make, found.values, seed=seed)),
        )


def interval(differences: np.ndarray) -> str:
    from scipy.stats import t

    mean, count = differences.mean(), len(differences)
    half = t.ppf(0.975, count - 1) * differences.std(ddof=1) / count**0.5
    return f"{mean:+.3f} ({mean - half:+.3f} to {mean + half:+.3f})"


def rows(found: list[Cell]) -> Iterator[str]:
    names = dict.fromkeys(cell.method for cell in found)
    for name in (*(name for name in names if name != EDGES), EDGES):
        own = [cell for cell in found if cell.method == name]
        deletion, insertion = (np.mean([getattr(c, what) for c in own], axis=0) for what in ("deletion", "insertion"))
        changed = sum(cell.unchanged <= CHANGED for cell in own)
        shown, sizes = sum(cell.shown for cell in own), np.mean([cell.sizes for cell in own])
        yield (
            f"{name:<24} {interval(deletion):>27} {shown:>3}/{len(own):<3} {interval(insertion):>27} "
            f"{max(cell.unchanged for cell in own):>10.3f} {changed:>5}/{len(own):<3} {sizes:>10.2f}"
        )


def tasks(folder: Path, only: str | None) -> Iterator[Data]:
    if only in (None, "digits"):
        yield read(sa.task("digits"), 2, 30, 2000)
    if only in (None, "fashion_mnist") and (folder / "fashion_mnist").is_dir():
        task = sa.task(str(folder / "fashion_mnist"))
        yield replace(read(task, 7, 8, 6000), name="fashion_mnist")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("SEARCHITECT_DATA", "../shared")))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--images", type=int, default=96)
    parser.add_argument("--only", choices=["digits", "fashion_mnist"])
    parser.add_argument("--methods", nargs="*", default=[], help="only these")
    parser.add_argument(
        "--kinds", nargs="*", default=[], help="only these kinds of models: pooled flat dense attention"
    )
    options = parser.parse_args()
    torch.set_num_threads(1)
    heads = ("deletion, better by (95 %)", "cells", "insertion, better by (95 %)", "largest ρ", "changed", "ρ of sizes")
    for data in tasks(options.data / "datasets", options.only):
        start, found, right = time.process_time(), [], []
        chosen = {kind: make for kind, make in models(data).items() if not options.kinds or kind in options.kinds}
        for kind, make in chosen.items():
            for seed in range(options.seeds):
                model, accuracy = trained(make, data, seed)
                right.append(f"{kind} {accuracy:.3f}")
                found += [
                    replace(cell, method=_told(cell.method, kind))
                    for cell in cells(model, data, options.images, seed, options.methods)
                ]
        print(f"\n{data.name}: {options.images} test images; test accuracy of the models: {', '.join(right)}")
        print(f"{'method':<24} {heads[0]:>27} {heads[1]:>7} {heads[2]:>27} {heads[3]:>10} {heads[4]:>8} {heads[5]:>10}")
        for line in rows(found):
            print(line)
        print(f"{time.process_time() - start:.0f} s of processor time, training included", flush=True)


def _told(method: str, kind: str) -> str:
    """Grad-CAM is for models that pool, HiResCAM for all with convolutions: theirs are told apart by the model."""
    return f"{method} ({kind})" if method.endswith("_cam") else method


if __name__ == "__main__":
    main()
