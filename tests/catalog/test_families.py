from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
import torch

from searchitect import catalog, hardware
from searchitect.errors import EvaluationError, SpaceError
from searchitect.spaces import SearchSpace, TaskSpec
from searchitect.testing.models import check_export, check_family

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "catalog.json").read_text())

DIGITS = TaskSpec((1, 8, 8), 10)
CLOTHES = TaskSpec((1, 28, 28), 10)
CIFAR = TaskSpec((3, 32, 32), 10)
TABLE = TaskSpec((30,), 2, domain="tabular")
SEQUENCE = TaskSpec((12, 5), 3, domain="sequence")
ODD = TaskSpec((3, 1, 5), 3)
SPECS = {
    "mlp": [TABLE, TaskSpec((4,), 1, "regression", "tabular"), DIGITS],
    "plain_cnn": [DIGITS, CLOTHES, TaskSpec((3, 1, 5), 3)],
    "resnet": [DIGITS, CLOTHES, TaskSpec((3, 1, 5), 3)],
} | {name: [DIGITS, SEQUENCE, TABLE, ODD] for name in ("rnn", "enas_rnn", "transformer_encoder", "autoformer")}
IMAGES = [DIGITS, CIFAR, TaskSpec((3, 1, 5), 3)]
SMALL = {  # published networks are large; the contract is tried on the smallest that have every kind of part
    "mbconv": {"width_multiplier": 0.25, "depth_multiplier": 0.3},
    "mobilenet_v3": {"width_multiplier": 0.25, "depths": (1, 2)},
    "nasbench201": {"cells": 1, "channels": 4},
    "nasbench101": {"cells": 1, "channels": 8},
    "nasbench1shot1": {"cells": 1, "channels": 8},
    "darts": {"cells": 3, "channels": 4},
    "darts_edges": {"cells": 3, "channels": 4},
    "nasnet": {"layers": 3, "nodes": 3, "filters": 4},
    "transnas_micro": {"cells": 1, "channels": 4},
    "transnas_macro": {"blocks": 1, "channels": 4},
    "enas_rnn": {"nodes": 4, "hidden": 8},
}
QUICK_EXPORTS = ("autoformer", "mlp", "nasbench201", "plain_cnn")
EXPORTED = SMALL | {  # the exporter takes its time for each layer, and a separable convolution has eight
    "darts": SMALL["darts"] | {"operations": ("skip_connect", "avg_pool_3x3")},
    "darts_edges": SMALL["darts_edges"] | {"operations": ("skip_connect", "avg_pool_3x3", "none")},
    "nasnet": SMALL["nasnet"] | {"operations": ("dil_conv_3x3", "max_pool_3x3"), "nodes": 2},
}


@pytest.mark.parametrize("family", sorted(catalog.FAMILIES))
def test_every_family_keeps_the_contract_of_models(family):
    check_family(catalog.get(family, **SMALL.get(family, {})), SPECS.get(family, IMAGES), samples=5)


@pytest.mark.parametrize(
    "family",
    [
        name if name in QUICK_EXPORTS else pytest.param(name, marks=pytest.mark.slow)
        for name in sorted(catalog.FAMILIES)
    ],
)
def test_the_default_of_every_family_exports_to_onnx(family):
    pytest.importorskip("onnxscript", reason="the extra 'onnx' is not installed")
    check_export(catalog.get(family, **EXPORTED.get(family, {})), SPECS.get(family, IMAGES)[0])


def golden_row(row):
    """EfficientNets from B5 on take seconds each."""
    marks = (pytest.mark.slow,) if row["inputs"][-1] > 400 else ()
    return pytest.param(row, id=f"{row['family']}-{'x'.join(map(str, row['inputs']))}", marks=marks)


@pytest.mark.parametrize("row", [golden_row(row) for row in GOLDEN])
def test_golden_rows_do_not_drift(row):
    space = SearchSpace.of(catalog.get(row["family"], **row["parameters"]))
    spec = TaskSpec(tuple(row["inputs"]), row["outputs"], domain=row["domain"])
    with torch.device("meta"):
        model = space.build(space.default(), spec)
    found = {
        "model_parameters": hardware.count_parameters(model),
        "flops": hardware.count_flops(model, spec.inputs),
        "size": space.size() if row["size"] is not None else None,  # None: more than can be counted
    }
    assert found == {key: row[key] for key in found}


def resnet_20(shortcut: str) -> SearchSpace:
    return SearchSpace.of(
        catalog.get(
            "resnet",
            stages=(3, 3),
            depths=(3,),
            widths=(16,),
            blocks=("basic",),
            shortcuts=(shortcut,),
            early_halving=None,
        )
    )


@pytest.mark.parametrize(("shortcut", "parameters"), [("padding", 269_722), ("projection", 272_474)])
def test_resnet_20_has_the_parameters_of_the_paper(shortcut, parameters):
    space = resnet_20(shortcut)
    model = space.build(space.default(), CIFAR)
    assert hardware.count_parameters(model) == parameters
    weights = [m.weight for m in model.modules() if isinstance(m, torch.nn.Conv2d | torch.nn.Linear)]
    assert len([w for w in weights if w.shape[-1] != 1]) == 20  # 1×1 projections do not count


def test_resnet_20_lies_in_a_space_that_never_halves_early():
    space = SearchSpace.of(catalog.get("resnet", early_halving=None))
    wanted = {"width": 16, "stages.length": 3, "block": "basic", "shortcut": "padding", "drop_path": 0.0}
    wanted |= {f"stages.{i}.depth": 3 for i in range(3)}
    rest = {"activation": "relu", "learning_rate": 0.01, "weight_decay": 1e-4, "label_smoothing": 0.0}
    document = {"space": space.digest, "decisions": wanted | rest | {"augmentation": "none"}}
    architecture = space.read(document)
    assert hardware.count_parameters(space.build(architecture, CIFAR)) == 269_722


def test_no_image_is_too_small_for_a_convolutional_family():
    rng = random.Random(0)
    for family in ("plain_cnn", "resnet"):
        space = SearchSpace.of(catalog.get(family))
        for size in [(1, 1), (2, 2), (3, 9), (7, 7), (25, 24)]:
            model = space.build(space.sample(rng), TaskSpec((3, *size), 4)).eval()
            assert model(torch.randn(2, 3, *size)).shape == (2, 4)


@pytest.mark.parametrize("family", ["plain_cnn", "resnet"])
def test_a_table_is_refused_by_a_convolutional_family_with_its_shape(family):
    space = SearchSpace.of(catalog.get(family))
    with pytest.raises(EvaluationError, match=r"got inputs of \(30,\)[\s\S]*'mlp'"):
        space.build(space.default(), TABLE)


def test_large_images_are_halved_until_they_cost_little():
    space = SearchSpace.of(catalog.get("plain_cnn"))
    with torch.device("meta"):
        small = hardware.count_flops(space.build(space.default(), CIFAR), CIFAR.inputs)
        large_spec = TaskSpec((3, 128, 128), 10)
        large = hardware.count_flops(space.build(space.default(), large_spec), large_spec.inputs)
    assert large < 3 * small


@pytest.mark.parametrize("reduction", ["max", "average", "stride"])
def test_stages_halve_the_map_in_every_way_alike(reduction):
    space = SearchSpace.of(catalog.get("plain_cnn", reductions=(reduction,), stages=(2, 2)))
    sizes = []
    model = space.build(space.default(), CIFAR)
    for part in model:
        part.register_forward_hook(lambda m, i, out: sizes.append(out.shape[2:]) if out.dim() == 4 else None)
    model(torch.randn(2, 3, 32, 32))
    assert [tuple(s) for s in dict.fromkeys(sizes)][-2:] == [(16, 16), (8, 8)]


def test_growth_widens_every_stage_beyond_what_its_width_says():
    space = SearchSpace.of(catalog.get("plain_cnn", growth=1.5, stages=(3, 3), depths=(2,), widths=(32,), stems=(8,)))
    layers = [m for m in space.build(space.default(), CIFAR).modules() if isinstance(m, torch.nn.Conv2d)]
    assert [layer.out_channels for layer in layers] == [8, 32, 32, 48, 48, 72, 72]


def test_a_map_is_halved_while_the_smallest_side_is_left():
    space = SearchSpace.of(catalog.get("plain_cnn", stages=(3, 3), smallest=3))
    kept = SearchSpace.of(catalog.get("plain_cnn", stages=(3, 3)))
    spec, sides = TaskSpec((1, 28, 28), 10), []
    for one in (space, kept):
        model = one.build(one.default(), spec)
        model[-1].register_forward_pre_hook(lambda m, i: sides.append(i[0].shape[-1]))
        model(torch.randn(2, 1, 28, 28))
    assert sides == [3, 7]


def test_growth_and_the_smallest_side_must_be_possible():
    with pytest.raises(SpaceError, match="growth above 0"):
        catalog.get("plain_cnn", growth=0.0)


def test_parameters_that_make_no_space_are_refused_by_family():
    with pytest.raises(SpaceError):
        catalog.get("plain_cnn", stages=(3, 2))
    with pytest.raises(SpaceError, match="mlp"):
        catalog.get("mlp", layers=3)
