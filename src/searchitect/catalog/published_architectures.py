"""Architectures that papers ended with, by name: members of the spaces of the catalogue.

Facts only: which space, which decisions, for which data, and what the publication says about their size. Cells are
written node by node, as "operation node read + operation node read"; nodes 0 and 1 are the two cells before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from searchitect.catalog.darts_strings import from_darts_string
from searchitect.catalog.registry import get
from searchitect.errors import SpaceError, did_you_mean
from searchitect.spaces import SearchSpace, TaskSpec, Value

__all__ = ["PUBLISHED", "Published", "published"]

CIFAR_10 = TaskSpec((3, 32, 32), 10)
IMAGENET = TaskSpec((3, 224, 224), 1000)


@dataclass(frozen=True)
class Published:
    """One published architecture.

    Attributes:
        source: publication, and where its architecture is written.
        family: of the catalogue.
        words: parameters of the family.
        decisions: path to value; empty for the default of the space.
        spec: the data that the published figures belong to.
        parameters: as published, auxiliary heads left out; rounded where the publication rounds.
        multiply_adds: for one example, as published; None where it says nothing.
        note: what a reader who compares must know.
    """

    source: str
    family: str
    words: Mapping[str, Any]
    decisions: Mapping[str, Value]
    spec: TaskSpec
    parameters: float
    multiply_adds: float | None = None
    note: str = field(default="", compare=False)


def published(name: str) -> Any:
    """Return a published architecture as an instance of its space: `published("PC-DARTS").build(task)`.

    `type(result)` is the space and `Architecture.of(result)` the value that strategies and journals hold.

    Raises:
        SpaceError: no architecture of the catalogue has this name; the message names the nearest.
    """
    if name not in PUBLISHED:
        raise SpaceError(f"no published architecture {name!r} in the catalogue", hint=did_you_mean(name, PUBLISHED))
    found = PUBLISHED[name]
    space = SearchSpace.of(get(found.family, **found.words))
    architecture = space.read({"decisions": dict(found.decisions)}) if found.decisions else space.default()
    return space.instance(architecture)


def _pairs(cell: Sequence[str]) -> list[tuple[str, int]]:
    terms = [term.split() for node in cell for term in node.split(" + ")]
    return [(operation, int(read)) for operation, read in terms]


def _darts(source: str, parameters: float, normal: Sequence[str], reduce: Sequence[str], note: str = "") -> Published:
    decisions = from_darts_string(f"Genotype(normal={_pairs(normal)}, reduce={_pairs(reduce)})")
    return Published(source, "darts", {}, decisions, CIFAR_10, parameters, note=note)


def _nasnet(
    source: str,
    parameters: float,
    filters: int,
    normal: Sequence[str],
    reduce: Sequence[str],
    words: Mapping[str, Any],
    note: str = "",
) -> Published:
    decisions: dict[str, Value] = {}
    for name, cell in (("normal", normal), ("reduce", reduce)):
        pairs = _pairs(cell)
        for place, (operation, read) in enumerate(pairs):
            path, side = f"{name}.node_{2 + place // 2}", ("left", "right")[place % 2]
            decisions |= {f"{path}.{side}": read, f"{path}.{side}_operation": operation}
    setting = {"layers": 20, "nodes": len(normal), "filters": filters, **words}
    return Published(source, "nasnet", setting, decisions, CIFAR_10, parameters, note=note)


def _efficientnet(
    width: float, depth: float, resolution: int, dropout: float, parameters: int, multiply_adds: float
) -> Published:
    words = {"width_multiplier": width, "depth_multiplier": depth, "resolution": resolution, "dropout": dropout}
    spec = TaskSpec((3, resolution, resolution), 1000)
    return Published("Tan & Le 2019, table 2", "mbconv", words, {}, spec, parameters, multiply_adds)


def _mobilenet_v3() -> Published:
    """Howard et al. 2019, table 1: (kernel, expansion) of the blocks of each stage."""
    stages: Sequence[Sequence[tuple[int, float]]] = (
        ((3, 4), (3, 3)),
        ((5, 3), (5, 3), (5, 3)),
        ((3, 6), (3, 2.5), (3, 2.3), (3, 2.3)),
        ((3, 6), (3, 6)),
        ((5, 6), (5, 6), (5, 6)),
    )
    decisions: dict[str, Value] = {}
    for number, blocks in enumerate(stages, 1):
        path = f"stage_{number}.blocks"
        decisions[f"{path}.length"] = len(blocks)
        for index, (kernel, expansion) in enumerate(blocks):
            decisions |= {f"{path}.{index}.kernel": kernel, f"{path}.{index}.expansion": expansion}
    words = {"width_multiplier": 1.0, "expansions": (3, 4, 6, 2.5, 2.3), "dropout": 0.2}
    return Published(
        "Howard et al. 2019, tables 1 and 3", "mobilenet_v3", words, decisions, IMAGENET, 5.4e6, multiply_adds=219e6
    )


NASNET_WORDS = ("sep_conv_3x3", "skip_connect", "avg_pool_3x3", "max_pool_3x3", "sep_conv_5x5", "sep_conv_7x7")

PUBLISHED: dict[str, Published] = {
    "NASNet-A": _nasnet(
        "Zoph et al. 2018, table 1: NASNet-A (6 @ 768); nasnet.py of tensorflow/models",
        3.3e6,
        32,
        (
            "sep_conv_5x5 1 + sep_conv_3x3 0",
            "sep_conv_5x5 0 + sep_conv_3x3 0",
            "avg_pool_3x3 1 + skip_connect 0",
            "avg_pool_3x3 0 + avg_pool_3x3 0",
            "sep_conv_3x3 1 + skip_connect 1",
        ),
        (
            "sep_conv_5x5 1 + sep_conv_7x7 0",
            "max_pool_3x3 1 + sep_conv_7x7 0",
            "avg_pool_3x3 1 + sep_conv_5x5 0",
            "skip_connect 3 + avg_pool_3x3 2",
            "sep_conv_3x3 2 + max_pool_3x3 1",
        ),
        {"operations": NASNET_WORDS, "normal_keeps": (0,), "reduce_keeps": (3,)},
        "quark0/darts writes the same cells without the two nodes kept: 3,061,738, the 3.1 M of its table 1",
    ),
    "AmoebaNet-A": _nasnet(
        "Real et al. 2019, table 1: AmoebaNet-A (N=6, F=36); genotypes.py of quark0/darts",
        3.2e6,
        36,
        (
            "avg_pool_3x3 0 + max_pool_3x3 1",
            "sep_conv_3x3 0 + sep_conv_5x5 2",
            "sep_conv_3x3 0 + avg_pool_3x3 3",
            "sep_conv_3x3 1 + skip_connect 1",
            "skip_connect 0 + avg_pool_3x3 1",
        ),
        (
            "avg_pool_3x3 0 + sep_conv_3x3 1",
            "max_pool_3x3 0 + sep_conv_7x7 2",
            "sep_conv_7x7 0 + avg_pool_3x3 1",
            "max_pool_3x3 0 + max_pool_3x3 1",
            "conv_7x1_1x7 0 + sep_conv_3x3 5",
        ),
        {"operations": (*NASNET_WORDS, "conv_7x1_1x7")},
    ),
    "ENAS": _nasnet(
        "Pham et al. 2018, table 2: micro search; scripts/cifar10_micro_final.sh of melodyguan/enas",
        4.6e6,
        36,
        (
            "avg_pool_3x3 0 + sep_conv_3x3 0",
            "skip_connect 0 + sep_conv_5x5 0",
            "skip_connect 0 + sep_conv_5x5 1",
            "sep_conv_3x3 1 + sep_conv_5x5 0",
            "avg_pool_3x3 0 + sep_conv_5x5 1",
        ),
        (
            "sep_conv_3x3 1 + sep_conv_3x3 1",
            "max_pool_3x3 0 + avg_pool_3x3 0",
            "sep_conv_5x5 1 + sep_conv_5x5 3",
            "sep_conv_3x3 1 + skip_connect 0",
            "max_pool_3x3 0 + sep_conv_5x5 1",
        ),
        {"operations": NASNET_WORDS, "entry_units": 2},
        "the paper does not say how many cells: six normal ones per stage give its figure, the script's five 3.89 M",
    ),
    "DARTS-V1": _darts(
        "Liu et al. 2019, table 1, first order; cnn/genotypes.py of quark0/darts",
        3.3e6,
        (
            "sep_conv_3x3 1 + sep_conv_3x3 0",
            "skip_connect 0 + sep_conv_3x3 1",
            "skip_connect 0 + sep_conv_3x3 1",
            "sep_conv_3x3 0 + skip_connect 2",
        ),
        (
            "max_pool_3x3 0 + max_pool_3x3 1",
            "skip_connect 2 + max_pool_3x3 0",
            "max_pool_3x3 0 + skip_connect 2",
            "skip_connect 2 + avg_pool_3x3 0",
        ),
        "the paper prints 3.3 M for both orders; this cell has 3,169,414, 4 % less: DARTS-V2, whose 3,349,342 its "
        "authors print, without one dilated convolution in each of 18 cells",
    ),
    "DARTS-V2": _darts(
        "Liu et al. 2019, table 1, second order; cnn/genotypes.py of quark0/darts, whose README says 3.349 MB",
        3_349_000,
        (
            "sep_conv_3x3 0 + sep_conv_3x3 1",
            "sep_conv_3x3 0 + sep_conv_3x3 1",
            "sep_conv_3x3 1 + skip_connect 0",
            "skip_connect 0 + dil_conv_3x3 2",
        ),
        (
            "max_pool_3x3 0 + max_pool_3x3 1",
            "skip_connect 2 + max_pool_3x3 1",
            "max_pool_3x3 0 + skip_connect 2",
            "skip_connect 2 + max_pool_3x3 1",
        ),
    ),
    "P-DARTS": _darts(
        "Chen et al. 2019, table 1; genotypes.py of chenxin061/pdarts, counted in its issue 7",
        3_433_798,
        (
            "skip_connect 0 + dil_conv_3x3 1",
            "skip_connect 0 + sep_conv_3x3 1",
            "sep_conv_3x3 1 + sep_conv_3x3 3",
            "sep_conv_3x3 0 + dil_conv_5x5 4",
        ),
        (
            "avg_pool_3x3 0 + sep_conv_5x5 1",
            "sep_conv_3x3 0 + dil_conv_5x5 2",
            "max_pool_3x3 0 + dil_conv_3x3 1",
            "dil_conv_3x3 1 + dil_conv_5x5 3",
        ),
    ),
    "PC-DARTS": _darts(
        "Xu et al. 2020, table 1; PC_DARTS_cifar in genotypes.py of yuhuixu1993/PC-DARTS",
        3.6e6,
        (
            "sep_conv_3x3 1 + skip_connect 0",
            "sep_conv_3x3 0 + dil_conv_3x3 1",
            "sep_conv_5x5 0 + sep_conv_3x3 1",
            "avg_pool_3x3 0 + dil_conv_3x3 1",
        ),
        (
            "sep_conv_5x5 1 + max_pool_3x3 0",
            "sep_conv_5x5 1 + sep_conv_5x5 2",
            "sep_conv_3x3 0 + sep_conv_3x3 3",
            "sep_conv_3x3 1 + sep_conv_3x3 2",
        ),
    ),
    "GDAS": _darts(
        "Dong & Yang 2019, table 1; GDAS_V1 in genotypes.py of D-X-Y/AutoDL-Projects",
        3.4e6,
        (
            "skip_connect 0 + skip_connect 1",
            "skip_connect 0 + sep_conv_5x5 2",
            "sep_conv_3x3 3 + skip_connect 0",
            "sep_conv_5x5 4 + sep_conv_3x3 3",
        ),
        (
            "sep_conv_5x5 0 + sep_conv_3x3 1",
            "sep_conv_5x5 2 + sep_conv_5x5 1",
            "dil_conv_5x5 2 + sep_conv_3x3 1",
            "sep_conv_5x5 0 + sep_conv_5x5 1",
        ),
        "the paper's other network, GDAS (FRC) with 2.5 M, has a fixed reducing block that is no cell of this space",
    ),
    "MobileNetV3-Large": _mobilenet_v3(),
    # parameters are those that the reference implementations print; the paper rounds them to 5.3 M … 66 M
    "EfficientNet-B0": _efficientnet(1.0, 1.0, 224, 0.2, 5_288_548, 0.39e9),
    "EfficientNet-B1": _efficientnet(1.0, 1.1, 240, 0.2, 7_794_184, 0.70e9),
    "EfficientNet-B2": _efficientnet(1.1, 1.2, 260, 0.3, 9_109_994, 1.0e9),
    "EfficientNet-B3": _efficientnet(1.2, 1.4, 300, 0.3, 12_233_232, 1.8e9),
    "EfficientNet-B4": _efficientnet(1.4, 1.8, 380, 0.4, 19_341_616, 4.2e9),
    "EfficientNet-B5": _efficientnet(1.6, 2.2, 456, 0.4, 30_389_784, 9.9e9),
    "EfficientNet-B6": _efficientnet(1.8, 2.6, 528, 0.5, 43_040_704, 19e9),
    "EfficientNet-B7": _efficientnet(2.0, 3.1, 600, 0.5, 66_347_960, 37e9),
}
"""Every published architecture by the name of its paper."""
