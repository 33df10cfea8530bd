"""Compare all 15,625 networks of the family `nasbench201` with the published table: parameters and FLOPs, exactly.

python benchmarks/nasbench201_exact.py FOLDER [--data cifar10 cifar100 imagenet16_120] [--every 1]

FOLDER holds the table of NAS-Bench-201 as table.parquet. The table's FLOPs are the multiply-adds of convolutions and of
the classifier, and one addition per class for the classifier's bias; nothing else counts (no normalisation,
activation, pooling or sum). `count_flops` counts two per multiply-add and no bias, so that

    published = count_flops / 2 + classes.

To save time multiply-adds are read off the weights and the size of the maps; every hundredth cell also asks
`count_flops`, which runs the model.
Ends with status 1 where any figure differs.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import torch
from torch import nn

from searchitect import catalog, hardware
from searchitect.nn import Residual
from searchitect.spaces import SearchSpace, TaskSpec

SPECS = {
    "cifar10": TaskSpec((3, 32, 32), 10),
    "cifar100": TaskSpec((3, 32, 32), 100),
    "imagenet16_120": TaskSpec((3, 16, 16), 120),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--data", nargs="+", default=["cifar10"], choices=list(SPECS))
    parser.add_argument("--every", type=int, default=1, help="take every n-th cell only")
    options = parser.parse_args()
    torch.set_num_threads(1)
    wrong = sum(compare(options.folder, data, options.every) for data in options.data)
    raise SystemExit(1 if wrong else 0)


def compare(folder: Path, data: str, every: int) -> int:
    """Print and return how many cells differ."""
    import pyarrow.parquet as parquet

    columns = ["arch", f"params_million_{data}", f"flops_million_{data}"]
    rows = parquet.read_table(folder / "table.parquet", columns=columns).to_pylist()[::every]
    space, spec = SearchSpace.of(catalog.get("nasbench201")), SPECS[data]
    wrong, start = 0, time.process_time()
    for number, row in enumerate(rows):
        decisions = catalog.from_nats_string(row["arch"])
        with torch.device("meta"):
            model = space.build(space.read({"decisions": decisions}), spec)
        if number % 100 == 0:
            flops = hardware.count_flops(model, spec.inputs)
            assert 2 * multiply_adds(model, spec) == flops, "the library counts otherwise"
        found = (hardware.count_parameters(model), multiply_adds(model, spec) + spec.outputs)
        published = tuple(round(row[column] * 1e6) for column in columns[1:])
        if found != published:
            wrong += 1
            print(f"{row['arch']}: built {found}, published {published}", flush=True)
    seconds = time.process_time() - start
    print(f"{data}: {len(rows):,} cells, {wrong:,} differ ({seconds:.0f} s of processor time)", flush=True)
    return wrong


def multiply_adds(model: nn.Sequential, spec: TaskSpec) -> int:
    """Add up the weights of convolutions and of the classifier, each times the places of the map that it gives."""
    total, places = 0, spec.inputs[1] * spec.inputs[2]
    for part in model:
        places //= 4 if isinstance(part, Residual) else 1
        for module in part.modules():
            if isinstance(module, nn.Conv2d):
                total += module.weight.numel() * places
            elif isinstance(module, nn.Linear):
                total += module.weight.numel()
    return total


if __name__ == "__main__":
    main()
