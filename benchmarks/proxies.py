"""Zero-cost proxies on NAS-Bench-201: the vote of published scores, and our own scores of rebuilt networks.

First table: Spearman's ρ of each published score, and of the vote by log-rank of the default four (nwot, synflow,
FLOPs, jacov), with 200-epoch test accuracy on the cells that have all scores. The table has no CIFAR-100 scores but
zen: for CIFAR-100 the CIFAR-10 scores are used (the same cells, the same image size). The four were chosen by others
with hindsight on this very table: they are "default", not "best".

Second table (`--cells N`): our proxies on rebuilt networks (16 channels, 5 cells per stage, one initialisation as
published) with images of cifar10_jpeg, against the published scores of the same cells. Scores are appended to `--out`
as they are found, so a run that is cut off goes on where it stopped.

    python benchmarks/proxies.py [--cells 500] [--out scores.csv] [--data FOLDER] [--images FILE.npz]
"""

from __future__ import annotations

import argparse
import csv
import io
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import kendalltau, spearmanr

from searchitect.predictors.proxy_votes import log_ranks, score_matrix, votes
from searchitect.seeding import stream

SHARED = Path(__file__).parents[2] / "shared"
DEFAULT = ("nwot", "synflow", "flops", "jacov")
PUBLISHED = {
    **{name: f"{{}}_{name}_score" for name in ("nwot", "synflow", "jacov", "snip", "grad_norm", "zen")},
    "flops": "{}_naslib_flops_million",
    "parameters": "{}_naslib_params_million",
}
WANTED = {"cifar10": 0.90, "cifar100": 0.89, "imagenet16_120": 0.85}
OWN = ("parameters", "flops", "synflow", "nwot", "jacov", "snip", "grad_norm", "zen", "zico")
AZ = ("az_expressivity", "az_progressivity", "az_trainability")


def read(folder: Path) -> dict[str, dict[str, Any]]:
    """Return columns by architecture string, the tables joined."""
    import pyarrow.parquet as parquet

    joined: dict[str, dict[str, Any]] = {}
    for table in ("nas_bench_201", "zero_cost_proxies_nb201"):
        for row in parquet.read_table(folder / table / "table.parquet").to_pylist():
            joined.setdefault(row["arch"], {}).update(row)
    return joined


def published(row: Mapping[str, Any], dataset: str) -> dict[str, float]:
    """The published scores of a cell by our names; CIFAR-10's stand in where a data set has none."""
    source = "cifar10" if dataset == "cifar100" else dataset
    found = {name: row[column.format(source)] for name, column in PUBLISHED.items()}
    return {name: float(value) for name, value in found.items() if value is not None}


def the_vote(rows: Mapping[str, Mapping[str, Any]]) -> None:
    """Print ρ of each published score and of the vote, for each data set."""
    whole = {arch: row for arch, row in rows.items() if len(published(row, "cifar10")) == len(PUBLISHED)}
    print(
        f"published scores, {len(whole):,} cells; Spearman's ρ with 200-epoch test accuracy (Kendall's τ of the vote)"
    )
    print(f"{'proxy':<14}" + "".join(f"{dataset:>16}" for dataset in WANTED))
    lines: dict[str, list[str]] = {}
    for dataset, wanted in WANTED.items():
        accuracy = [row[f"{dataset}_test_accuracy_percent"] for row in whole.values()]
        scores = [published(row, dataset) for row in whole.values()]
        for name in PUBLISHED:
            lines.setdefault(name, []).append(f"{spearmanr([one[name] for one in scores], accuracy)[0]:.3f}")
        vote = votes(log_ranks(score_matrix(scores, DEFAULT)))
        rho, tau = spearmanr(vote, accuracy)[0], kendalltau(vote, accuracy)[0]
        lines.setdefault("log-rank vote", []).append(f"{rho:.3f} ({tau:.3f})")
        lines.setdefault("wanted", []).append(f"{wanted:.2f}{'' if rho >= wanted - 0.005 else ' !'}")
    for name, cells in lines.items():
        print(f"{name:<14}" + "".join(f"{cell:>16}" for cell in cells))


def sample(rows: Mapping[str, Mapping[str, Any]], count: int) -> list[str]:
    """The cells that are rebuilt: drawn from those with published scores."""
    whole = sorted(arch for arch, row in rows.items() if len(published(row, "cifar10")) == len(PUBLISHED))
    return stream(0, "benchmark", "proxies").sample(whole, min(count, len(whole)))


def batch(path: Path, count: int = 64) -> Any:
    """A probe of the first images of cifar10_jpeg (any prefix is a random subset), standardised by channel."""
    import torch
    from PIL import Image

    import searchitect as sa
    from searchitect.evaluators.proxies import Probe

    file = np.load(path, allow_pickle=False)
    data, offsets = file["jpeg"], file["offsets"]
    images = [
        np.asarray(Image.open(io.BytesIO(data[start:end].tobytes()))) for start, end in pairwise(offsets[: count + 1])
    ]
    pixels = torch.tensor(np.stack(images)).permute(0, 3, 1, 2).float() / 255.0
    mean, deviation = (torch.tensor(v).view(1, 3, 1, 1) for v in ((0.491, 0.482, 0.447), (0.245, 0.243, 0.261)))
    labels = torch.tensor(file["label"][:count].astype(np.int64))
    return Probe((pixels - mean) / deviation, labels, sa.TaskSpec((3, 32, 32), 10))


def scored(cells: Sequence[str], images: Path, out: Path) -> Iterator[tuple[str, dict[str, float]]]:
    """Yield the scores of each cell: those of an earlier run from its file, the others as they are found."""
    import torch

    import searchitect as sa
    from searchitect.catalog.cell_strings import from_nats_string
    from searchitect.evaluators.proxies import ProxyScorer

    torch.set_num_threads(1)
    names = (*OWN, *AZ)
    known = {}
    if out.exists():
        with out.open() as file:
            known = {row["arch"]: {n: float(row[n]) for n in names if row[n]} for row in csv.DictReader(file)}
    yield from ((arch, known[arch]) for arch in cells if arch in known)
    space = sa.SearchSpace.of(sa.catalog.nasbench201())
    scorer = ProxyScorer(space, batch(images), names, initialisations=1)
    with out.open("a", newline="") as file:
        writer = csv.DictWriter(file, ["arch", *names, "seconds"])
        if not known:
            writer.writeheader()
        for arch in cells:
            if arch in known:
                continue
            began = time.process_time()
            found = dict(scorer(sa.Architecture(space.digest, from_nats_string(arch))).values)
            writer.writerow({"arch": arch, **found, "seconds": round(time.process_time() - began, 3)})
            file.flush()
            yield arch, found


def our_own(rows: Mapping[str, Mapping[str, Any]], cells: Sequence[str], images: Path, out: Path) -> None:
    """Print ρ of our scores beside the published ones on the same cells."""
    found = dict(scored(cells, images, out))
    accuracy = np.array([rows[arch]["cifar10_test_accuracy_percent"] for arch in cells])
    theirs = [published(rows[arch], "cifar10") for arch in cells]
    ours = [found[arch] for arch in cells]
    print(f"\nrebuilt networks, {len(cells)} cells, CIFAR-10: Spearman's ρ with 200-epoch test accuracy")
    print(f"{'proxy':<18}{'ours':>8}{'table':>8}{'|Δ|':>7}{'ours × table':>14}{'failed':>8}")
    for name in (*OWN, *AZ):
        held = [place for place, one in enumerate(ours) if name in one]
        own = spearmanr([ours[p][name] for p in held], accuracy[held])[0]
        line = f"{name:<18}{own:>8.3f}"
        if name in PUBLISHED:
            table = spearmanr([theirs[p][name] for p in held], accuracy[held])[0]
            agree = spearmanr([ours[p][name] for p in held], [theirs[p][name] for p in held])[0]
            line += f"{table:>8.3f}{abs(own - table):>7.3f}{agree:>14.3f}"
        else:
            line += " " * 29
        print(line + f"{len(cells) - len(held):>8}" + (" !" if name in PUBLISHED and abs(own - table) > 0.05 else ""))
    for label, names in (("vote, default", DEFAULT), ("vote, AZ-NAS", (*AZ, "flops"))):
        vote = votes(log_ranks(score_matrix(ours, names)))
        print(f"{label:<18}{spearmanr(vote, accuracy)[0]:>8.3f}")


def main() -> None:
    """Print the tables."""
    data = Path(os.environ.get("SEARCHITECT_DATA", SHARED))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, default=data / "benchmarks")
    parser.add_argument("--images", type=Path, default=data / "datasets" / "cifar10_jpeg" / "cifar10_train.npz")
    parser.add_argument("--cells", type=int, default=0, help="rebuilt networks; 0 leaves them out")
    parser.add_argument("--out", type=Path, default=Path("runs/proxy_scores.csv"), help="where their scores are kept")
    options = parser.parse_args()
    rows = read(options.data)
    the_vote(rows)
    if options.cells:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        our_own(rows, sample(rows, options.cells), options.images, options.out)


if __name__ == "__main__":
    main()
