"""The space of small edits of a plain model: its default is the model, and candidates start from its weights."""

import random

import pytest
import torch
from torch import nn

import searchitect as sa
from searchitect.errors import SpaceError
from searchitect.supernet import mutate_around, open_build
from tests.supernet.plain_models import MODELS, make


def relative(first, second):
    return float((first - second).abs().max() / second.abs().max().clamp_min(1e-12))


def run(model, batch):
    with torch.no_grad():
        return model.eval()(batch)


def edited(edits, **values):
    return edits.space.compose(dict(edits.space.default().decisions) | values)


def edited_model(edits, **values):
    return edits.with_weights(edited(edits, **values))


@pytest.mark.parametrize("name", MODELS)
def test_the_default_is_the_model(name):
    model, batch = make(name)
    edits = mutate_around(model, batch)
    same = edits.with_weights(edits.space.default())
    assert relative(run(same, batch), run(model, batch)) < 1e-6
    assert type(same) is type(model)
    plain = edits.space.build(edits.space.default(), edits.spec)
    assert {k: v.shape for k, v in plain.state_dict().items()} == {k: v.shape for k, v in model.state_dict().items()}


@pytest.mark.parametrize("name", MODELS)
def test_every_edit_and_many_together_can_be_built_and_run(name):
    model, batch = make(name)
    edits = mutate_around(model, batch)
    near = list(edits.space.neighbours(edits.space.default()))
    rng = random.Random(0)
    for architecture in (*near, *(edits.space.sample(rng) for _ in range(4))):
        assert run(edits.space.build(architecture, edits.spec), batch).shape == run(model, batch).shape
    moved = edits.space.mutate(near[0], rng)
    assert run(edits.with_weights(moved), batch).isfinite().all()


GROWING = {
    "vgg": {"layer_4_width": 15, "layer_12_width": 25, "layer_7_kernel": 5, "layer_9_extra": True},
    "resnet": {"conv1_width": 10, "layer2_0_conv1_width": 20, "conv1_kernel": 9, "layer1_1_copies": 2},
    "mlp": {"first_width": 20},
    "transformer": {"encoder_layers_1_linear1_width": 30},
    "conv1d": {"short_width": 8, "long_width": 12, "pointwise_width": 15, "gate_width": 24, "grouped_kernel": 5},
}


@pytest.mark.parametrize("name", MODELS)
def test_what_grows_computes_what_it_did(name):
    model, batch = make(name)
    edits = mutate_around(model, batch)
    for path, value in GROWING[name].items():
        grown = edited_model(edits, **{path: value})
        assert sum(p.numel() for p in grown.parameters()) > sum(p.numel() for p in model.parameters()), path
        assert relative(run(grown, batch), run(model, batch)) < 1e-5, path


def test_copies_of_a_channel_can_part_in_training():
    model, batch = make("conv1d")
    grown = edited_model(mutate_around(model, batch), pointwise_width=15)
    grown.train()(batch).square().sum().backward()
    gradient = grown.pointwise.weight.grad
    assert not torch.allclose(gradient[:3], gradient[12:])
    assert torch.equal(grown.pointwise.weight[:3], grown.pointwise.weight[12:])


def test_a_block_leaves_or_is_doubled():
    model, batch = make("resnet")
    edits = mutate_around(model, batch)
    without = edited_model(edits, layer1_0_copies=0)
    shorter = make("resnet")[0]
    shorter.layer1 = shorter.layer1[1:]
    assert relative(run(without, batch), run(shorter, batch)) < 1e-5
    assert len(list(edited_model(edits, layer2_1_copies=2).layer2[1])) == 2


def test_edits_of_what_was_left_out_make_no_other_architecture():
    model, batch = make("resnet")
    edits = mutate_around(model, batch)
    one = edited(edits, layer1_1_copies=0)
    other = edited(edits, layer1_1_copies=0, layer1_1_conv1_width=6, layer1_1_conv2_kernel=5)
    assert edits.space.key(one) == edits.space.key(other) != edits.space.key(edits.space.default())


def test_activations_and_dropout_change_and_nothing_else_does():
    model, batch = make("vgg")
    edits = mutate_around(model, batch)
    changed = edited_model(edits, layer_2_activation="gelu", layer_14_rate=0.6)
    assert isinstance(changed[2], nn.GELU)
    assert changed[14].p == 0.6
    assert isinstance(changed[6], nn.ReLU)
    assert changed[6].inplace
    assert torch.equal(changed[0].weight, model[0].weight)


def test_any_strategy_searches_it():
    model, batch = make("mlp")
    edits = mutate_around(model, batch)

    def evaluate(candidate, context):
        return {"loss": float(sum(p.numel() for p in candidate.parameters()))}

    result = sa.search(
        space=edits.space, evaluate=evaluate, objectives="loss", strategy="local_search", trials=9, store="memory:",
        workers=0, confirm_seeds=1,
    )  # fmt: skip
    assert result.best.architecture == edited(edits, first_width=12, second_width=9)


def test_edits_are_explained():
    model, batch = make("resnet")
    told = mutate_around(model, batch, keep=["layer2"], kernels=False).explain()
    assert "layer1_0_copies: 1, 0, 2  (layer1.0)" in told
    assert "layer2.0.conv1: kept by request" in told
    assert "layer2_1_copies" not in told


def test_edits_are_not_opened():
    model, batch = make("mlp")
    edits = mutate_around(model, batch)
    with pytest.raises(SpaceError, match="do not share weights in a supernet\n.*make_elastic"):
        open_build(edits.space, edits.spec)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"widths": [0.0]}, r"a share of the channels in \(0, 2\], got 0.0"),
        ({"widths": [3.0]}, r"a share of the channels in \(0, 2\], got 3.0"),
        ({"activations": ["rulu"]}, "no activation 'rulu'\n.*did you mean 'relu'"),
        ({"keep": ["frist"]}, "no module 'frist' to keep\n.*did you mean 'first'"),
        ({"widths": []}, "there is nothing to edit in Perceptron"),
    ],
)
def test_bad_input_is_told_apart(change, told):
    model, batch = make("mlp")
    with pytest.raises(SpaceError, match=told):
        mutate_around(model, batch, **change)
