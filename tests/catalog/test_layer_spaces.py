from __future__ import annotations

import json
import random

import pytest
import torch
from hypothesis import given, settings, strategies as st

import searchitect as sa
from searchitect import catalog
from searchitect.errors import EvaluationError, SpaceError
from searchitect.spaces import SearchSpace, TaskSpec
from searchitect.testing.models import check_family

DIGITS = TaskSpec((1, 8, 8), 10)
SEQUENCE = TaskSpec((2, 16), 3, domain="series")
TABLE = TaskSpec((30,), 2, domain="tabular")
KERAS = [
    {"type": "Conv2D", "filters": [32, 64], "kernel_size": [3, 5]},
    {"type": "MaxPooling2D"},
    {"type": "Dense", "units": [64, 128]},
]


def paths(space: type) -> set[str]:
    return set(SearchSpace.of(space).default())


def test_a_list_is_those_layers_in_this_order_and_lists_in_it_are_choices():
    space = SearchSpace.of(sa.layers(KERAS, training={}))
    assert space.size() == 8
    assert dict(space.default().items()) == {"conv_1.width": 32, "conv_1.kernel": 3, "fc_3.width": 64}


def test_a_length_makes_each_place_a_choice_among_the_layers():
    space = SearchSpace.of(sa.layers("conv", "pool", "fc", length=(2, 6), training={}))
    each = 3 * 2 + 2 + 3
    assert space.size() == sum(each**n for n in range(2, 7))


@pytest.mark.parametrize(
    ("declared", "specs"),
    [
        ({"layers": ["conv", "pool", "fc"], "length": (2, 6)}, [DIGITS, SEQUENCE]),
        ({"layers": KERAS}, [DIGITS]),
        ({"layers": ["conv", "BatchNorm2d", "dropout", "fc"], "length": (1, 8), "connections": "dense"}, [DIGITS]),
        ({"layers": ["SeparableConv2D", "global_pool"], "length": 5, "connections": "residual"}, [DIGITS]),
        ({"layers": ["conv", "fc", "flatten"], "length": (0, 5), "connections": ["sparse", "full"]}, [DIGITS]),
        ({"layers": ["fc", "dropout", "LayerNorm"], "length": (1, 4), "connections": "sparse"}, [TABLE, DIGITS]),
        ({"layers": [{"type": "conv", "repeat": [1, 3]}, {"type": "pool", "optional": True}, "flatten"]}, [DIGITS]),
    ],
    ids=["strings", "keras", "dense", "residual", "sparse", "table", "repeat"],
)
def test_declared_spaces_keep_the_contract_of_models(declared, specs):
    check_family(sa.layers(declared), specs, samples=5)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_written_order_does_not_matter_once_maps_come_before_vectors(seed):
    space = SearchSpace.of(sa.layers("conv", "dropout", "fc", "pool", length=(2, 5), connections="sparse"))
    architecture = space.sample(random.Random(seed))
    joined = space.canonical(architecture)
    assert space.contains(joined)
    assert space.canonical(joined) == joined
    assert space.key(joined) == space.key(architecture)
    with torch.device("meta"):
        models = [space.build(a, DIGITS) for a in (architecture, joined)]
    shapes = [[p.shape for p in model.parameters()] for model in models]
    assert shapes[0] == shapes[1]


def test_a_space_is_made_again_of_its_declaration():
    made = sa.layers(*KERAS, connections=["full", "sparse"], training={"weight_decay": {"low": 1e-3, "high": 0.1}})
    words = json.loads(json.dumps(catalog.reference(made)))
    assert SearchSpace.of(catalog.resolve(words)).digest == SearchSpace.of(made).digest
    json.dumps(SearchSpace.of(made).describe())


def test_the_digest_knows_fixed_values_too():
    spaces = [sa.layers({"type": "fc", "units": units}, training={}) for units in (8, 16)]
    assert len({SearchSpace.of(space).digest for space in spaces}) == 2


def test_other_spellings_declare_the_same_space():
    torch_like = [
        {"type": "nn.Conv2d", "out_channels": (32, 64), "kernel": [3, 5]},
        {"type": "MaxPool2d", "kernel_size": 2},
        {"type": "Linear", "out_features": [64, 128]},
    ]
    assert SearchSpace.of(sa.layers(torch_like)).digest == SearchSpace.of(sa.layers(KERAS)).digest


def test_training_fields_fill_the_recipe():
    space = SearchSpace.of(sa.layers("fc", training={"optimizer": "sgd", "batch_size": [32, 64], "weight_decay": 0.1}))
    recipe = space.recipe(space.default(), sa.Recipe())
    assert (recipe.optimizer, recipe.batch_size, recipe.weight_decay) == ("sgd", 32, 0.1)


def test_the_learning_rate_is_searched_where_nothing_is_said():
    assert "learning_rate" in paths(sa.layers("fc"))
    assert "learning_rate" not in paths(sa.layers("fc", training={}))


def test_a_list_with_its_own_activations_gets_none_added():
    def activations(*names: str) -> list[str]:
        space = SearchSpace.of(sa.layers(*names))
        kinds = [type(m).__name__ for m in space.build(space.default(), DIGITS).modules()]
        return [kind for kind in kinds if kind in {"ReLU", "Tanh", "BatchNorm2d", "GroupNorm"}]

    assert activations("conv") == ["BatchNorm2d", "ReLU"]
    assert activations("conv", "tanh") == ["BatchNorm2d", "Tanh"]
    assert activations("conv", "LayerNorm", "tanh") == ["GroupNorm", "Tanh"]


def test_pooling_windows_never_exceed_the_map():
    space = SearchSpace.of(sa.layers("conv", *["MaxPooling2D"] * 6))
    assert space.build(space.default(), DIGITS).eval()(torch.randn(2, 1, 8, 8)).shape == (2, 10)


def test_a_convolution_on_a_table_is_refused_when_it_is_built():
    space = SearchSpace.of(sa.layers("conv"))
    with pytest.raises(EvaluationError, match="conv reads maps .* got a vector of 30 values"):
        space.build(space.default(), TABLE)


@pytest.mark.parametrize(
    ("declare", "words"),
    [
        (lambda: sa.layers("conw"), "did you mean 'conv'"),
        (lambda: sa.layers({"type": "Conv2D", "filtres": 3}), r"layer 1 \(conv\): no field 'filtres'[\s\S]*'filters'"),
        (lambda: sa.layers("conv", {"filters": 3}), "layer 2: expected a name or a dictionary with a 'type'"),
        (lambda: sa.layers({"type": "fc", "activation": "softmax"}), "classifier at the end is added by itself"),
        (lambda: sa.layers({"type": "fc", "activation": "rellu"}), "did you mean 'relu'"),
        (lambda: sa.layers({"type": "conv", "padding": 1}), "sizes are always kept"),
        (lambda: sa.layers({"type": "conv", "filters": 8, "width": 9}), "given twice"),
        (lambda: sa.layers("fc", "conv"), r"layer 2 \(conv\) reads a map, but layer 1 \(fc\)"),
        (lambda: sa.layers("fc", length=(3, 2)), "fewest ≤ most"),
        (lambda: sa.layers("fc", length="many"), "two numbers"),
        (lambda: sa.layers({"type": "fc", "repeat": 101}), "≤ 100"),
        (lambda: sa.layers(*["fc"] * 99, {"type": "fc", "repeat": 2}), "at most 100 layers"),
        (lambda: sa.layers({"type": "fc", "repeat": 2}, length=3), "belong to a list without a length"),
        (lambda: sa.layers("fc", connections="resdual"), "did you mean 'residual'"),
        (lambda: sa.layers("fc", training={"learning_rat": 1}), "did you mean 'learning_rate'"),
        (lambda: sa.layers("fc", name="not a name"), "identifier"),
        (lambda: sa.layers({"layers": ["fc"], "lenght": 3}), "did you mean 'length'"),
        (lambda: sa.layers({"layers": ["fc"]}, length=3), "says everything itself"),
        (sa.layers, "1 to 100 layers"),
    ],
)
def test_mistakes_are_named_with_what_to_type(declare, words):
    with pytest.raises(SpaceError, match=words):
        declare()
