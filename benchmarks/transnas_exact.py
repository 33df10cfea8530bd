"""Compare the families `transnas_micro` and `transnas_macro` with the published parameters and FLOPs, as far as known.

python benchmarks/transnas_exact.py FOLDER [--every 1]

FOLDER holds the table of TransNAS-Bench-101 as table.parquet; 2,475 micro cells and 662 macro networks have figures,
for scene classification (63 classes, 256×256 pixels). The FLOPs there are multiply-adds of convolutions and
classifier, two for every value that batch norm gives, one for every value that ReLU gives, and (side + 1)² per channel
for the pooling of the last map. Ends with status 1 where any figure differs.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import torch
from torch import nn

from searchitect import catalog, hardware
from searchitect.spaces import SearchSpace, TaskSpec

SCENES = TaskSpec((3, 256, 256), 63)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--every", type=int, default=1, help="take every n-th row only")
    options = parser.parse_args()
    torch.set_num_threads(1)
    wrong = sum(compare(options.folder, kind, options.every) for kind in ("micro", "macro"))
    raise SystemExit(1 if wrong else 0)


def compare(folder: Path, kind: str, every: int) -> int:
    """Print and return how many networks differ."""
    import pyarrow.parquet as parquet

    figures = ["class_scene_params_million", "class_scene_flops_million"]
    table = parquet.read_table(folder / "table.parquet", columns=["arch", "space", *figures]).to_pylist()
    rows = [row for row in table if row["space"] == kind and row[figures[0]] is not None][::every]
    space = SearchSpace.of(catalog.get(f"transnas_{kind}"))
    wrong, start = 0, time.process_time()
    for row in rows:
        with torch.device("meta"):
            model = space.build(space.read({"decisions": catalog.from_transnas_string(row["arch"])}), SCENES)
        found = (hardware.count_parameters(model), published_flops(model))
        if found != tuple(round(row[figure] * 1e6) for figure in figures):
            wrong += 1
            print(f"{row}: built {found}", flush=True)
    seconds = time.process_time() - start
    print(f"{kind}: {len(rows):,} networks, {wrong:,} differ ({seconds:.0f} s of processor time)", flush=True)
    return wrong


def published_flops(model: nn.Module) -> int:
    """Count as the table does."""
    flops = hardware.count_flops(model, SCENES.inputs) // 2
    extra = [0]

    def count(module: nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        if isinstance(module, nn.BatchNorm2d | nn.ReLU):
            extra[0] += output.numel() * (2 if isinstance(module, nn.BatchNorm2d) else 1)
        elif type(module).__name__ == "GlobalPool":
            extra[0] += output.numel() * (inputs[0].shape[-1] + 1) ** 2

    for module in model.modules():
        module.register_forward_hook(count)
    model.eval()(torch.zeros((1, *SCENES.inputs), device="meta"))
    return flops + extra[0]


if __name__ == "__main__":
    main()
