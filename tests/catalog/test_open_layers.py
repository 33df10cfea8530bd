"""Spaces made of names and dictionaries become supernets, whatever is chosen and however it is wired."""

import random

import pytest
import torch

import searchitect as sa
from searchitect.errors import EvaluationError, SpaceError
from searchitect.supernet import open_build
from tests.catalog.test_open_families import largest_difference, shaken

DIGITS = sa.TaskSpec((1, 8, 8), 10)
TABLE = sa.TaskSpec((9,), 3, domain="tabular")
SEQUENCE = sa.TaskSpec((2, 16), 3, domain="series")
CONV = {"type": "conv", "filters": [4, 6, 8]}
FC = {"type": "fc", "units": [5, 7]}
EVERY = ["full", "residual", "dense", "sparse"]

DECLARED = {
    "fields": (
        [
            CONV | {"kernel": [3, 4], "convolution": ["plain", "separable", "depthwise"], "groups": [1, 2]},
            CONV | {"normalisation": ["batch", "none", "layer"], "stride": [1, 2], "dilation": [1, 2]},
            {"type": "pool", "size": [2, 3]},
            "dropout",
            FC,
        ],
        DIGITS,
    ),
    "flattened": ([CONV | {"filters": {"low": 4, "high": 9}}, "flatten", FC], SEQUENCE),
    "length": ({"layers": [CONV, "pool", FC], "length": (1, 5)}, DIGITS),
    "length dense": ({"layers": [CONV, "norm", "dropout", FC], "length": (1, 4), "connections": "dense"}, DIGITS),
    "length residual": (
        {"layers": [CONV, "prelu", "pool", FC, "flatten"], "length": (0, 3), "connections": "residual"},
        DIGITS,
    ),
    "length sparse": ({"layers": [CONV, FC, "global_pool"], "length": (0, 4), "connections": "sparse"}, DIGITS),
    "length any": ({"layers": [FC, "dropout", "LayerNorm"], "length": (1, 4), "connections": EVERY}, TABLE),
    "optional": (
        {
            "layers": [
                CONV | {"repeat": [0, 2], "optional": True},
                {"type": "norm", "optional": True, "how": ["batch", "layer"]},
                {"type": "pool", "optional": True, "size": [2, 3]},
                {"type": "activation", "function": ["prelu", "relu"]},
                FC | {"optional": True},
            ],
            "connections": EVERY,
        },
        DIGITS,
    ),
}


@pytest.mark.parametrize("name", DECLARED)
def test_declared_layers_become_one_supernet(name):
    declared, spec = DECLARED[name]
    supernet = shaken(open_build(sa.layers(declared), spec))
    assert largest_difference(supernet, spec, samples=25) < 1e-5


def test_gradients_of_a_path_reach_what_is_chosen_only():
    supernet = open_build(sa.layers(CONV, FC, length=(2, 2)), DIGITS)
    wanted = {"layers.0": "Conv", "layers.1": "FC"}
    rng = random.Random(0)
    architecture = next(
        a for a in (supernet.space.sample(rng) for _ in range(200)) if all(a[p] == v for p, v in wanted.items())
    )
    subnet = supernet.extract(architecture)
    supernet.activate(architecture)
    supernet(torch.randn(4, 1, 8, 8)).sum().backward()
    reached = [p for p in supernet.parameters() if p.grad is not None]
    assert len(reached) == len(list(subnet.parameters()))


def test_a_layer_for_maps_is_refused_for_tables_in_the_same_words():
    with pytest.raises(EvaluationError, match="conv reads maps of"):
        open_build(sa.layers(CONV, FC, length=(1, 2)), TABLE)


def test_an_adapter_that_no_machine_holds_is_refused_with_a_remedy():
    space = sa.layers("conv", "flatten", length=(2, 3), connections="residual")
    with pytest.raises(SpaceError, match="adapting any of 65,536 channels.*\n.*pool before flattening"):
        open_build(space, sa.TaskSpec((3, 32, 32), 10))
