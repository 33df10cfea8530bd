"""Transformer spaces: published networks with their sizes, and supernets that hold every member."""

import random

import pytest
import torch

from searchitect import catalog, hardware
from searchitect.errors import EvaluationError, SpaceError
from searchitect.spaces import SearchSpace, TaskSpec
from searchitect.supernet import open_build

IMAGENET = TaskSpec((3, 224, 224), 1000)
DIGITS = TaskSpec((1, 8, 8), 10)
SEQUENCE = TaskSpec((9, 4), 3, domain="sequence")
VECTOR = TaskSpec((11,), 1, "regression", "tabular")

# Chen et al. 2021, table 4: parameters and multiply-adds. Decisions: `experiments/subnet` of the authors' code.
PUBLISHED = {
    "tiny": (5.7e6, 1.3e9, 192, "3333333333433", (3.5, 3.5, 3.0, 3.5, 3.0, 3.0, 4.0, 4.0, 3.5, 4.0, 3.5, 4.0, 3.5)),
    "small": (22.9e6, 5.1e9, 384, "6657555667767", (3.0, 3.5, 3.0, 3.5, *[4.0] * 7, 3.5, 4.0)),
    "base": (
        *(54e6, 11e9, 576),
        *("9 9 9 9 9 10 9 9 10 9 10 9 9 10", (3.5, 3.5, 4.0, 3.5, 4.0, 3.5, 3.5, 3.0, 4.0, 4.0, 3.0, 4.0, 3.0, 3.5)),
    ),
}


def abstract(space, architecture, spec):
    with torch.device("meta"):
        return space.build(architecture, spec)


@pytest.mark.parametrize(
    ("width", "heads", "parameters", "flops"),
    [(192, 3, 5_717_416, 1.3e9), (384, 6, 22_050_664, 4.6e9), (768, 12, 86_567_656, 17.6e9)],
)
def test_deit_has_the_parameters_and_flops_of_its_paper(width, heads, parameters, flops):
    space = SearchSpace.of(
        catalog.get(
            "transformer_encoder",
            depths=(12,),
            widths=(width,),
            head_counts=(heads,),
            ratios=(4.0,),
            patch=16,
            poolings=("first",),
            normalisations=("layer",),
            dropouts=(0.0,),
        )
    )
    model = abstract(space, space.default(), IMAGENET)
    assert hardware.count_parameters(model) == parameters
    assert hardware.count_flops(model, IMAGENET.inputs) / 2 == pytest.approx(flops, rel=0.04)


@pytest.mark.parametrize("scale", PUBLISHED)
def test_a_published_autoformer_is_in_its_space_and_has_its_size(scale):
    parameters, flops, width, heads, ratios = PUBLISHED[scale]
    counts = [int(n) for n in (heads.split() if " " in heads else heads)]
    space = SearchSpace.of(catalog.get("autoformer", scale=scale, patch=16))
    default = space.default()
    decisions = {name: default[name] for name in ("learning_rate", "weight_decay")}
    decisions |= {"width": width, "blocks.length": len(ratios)}
    decisions |= {f"blocks.{i}.heads": n for i, n in enumerate(counts)}
    decisions |= {f"blocks.{i}.ratio": r for i, r in enumerate(ratios)}
    model = abstract(space, space.read({"decisions": decisions}), IMAGENET)
    assert hardware.count_parameters(model) == pytest.approx(parameters, rel=0.02)
    assert hardware.count_flops(model, IMAGENET.inputs) / 2 == pytest.approx(flops, rel=0.07)


@pytest.mark.parametrize("family", ["transformer_encoder", "autoformer"])
@pytest.mark.parametrize("spec", [DIGITS, SEQUENCE, VECTOR], ids=["image", "sequence", "vector"])
def test_the_space_becomes_one_supernet(family, spec):
    supernet = open_build(catalog.get(family), spec).eval()
    rng, x = random.Random(0), torch.randn(4, *spec.inputs)
    for _ in range(10):
        subnet = supernet.extract(supernet.space.sample(rng))
        with torch.no_grad():
            expected, got = subnet(x), supernet(x)
        assert float((got - expected).abs().max()) <= 1e-5 * float(expected.abs().max())


def test_one_supernet_of_autoformers_costs_about_what_its_largest_member_costs():
    supernet = open_build(catalog.get("autoformer"), DIGITS, check=False)
    space = supernet.space
    largest = space.build(space.decide(lambda path, decision: max(decision.domain.values())), DIGITS)
    assert hardware.count_parameters(supernet) == hardware.count_parameters(largest)


def test_heads_that_do_not_divide_a_width_are_refused_with_those_that_do():
    with pytest.raises(SpaceError, match="8 heads do not divide a width of 60\n.*1, 2, 4; or give head_width"):
        catalog.get("transformer_encoder", widths=(64, 60), head_counts=(4, 8))
    catalog.get("transformer_encoder", widths=(64, 60), head_counts=(4, 8), head_width=16)


@pytest.mark.parametrize(
    ("size", "patches"), [((8, 8), 16), ((28, 28), 49), ((32, 32), 64), ((64, 64), 64), ((1, 5), 3)]
)
def test_patches_are_doubled_until_there_are_at_most_64(size, patches):
    space = SearchSpace.of(catalog.get("transformer_encoder", poolings=("mean",)))
    model = space.build(space.default(), TaskSpec((1, *size), 3))
    assert model[0](torch.randn(2, 1, *size)).shape == (2, patches, 64)


def test_a_class_token_stands_there_only_where_it_may_be_read():
    sizes = {}
    for poolings in (("mean",), ("mean", "first")):
        space = SearchSpace.of(catalog.get("transformer_encoder", poolings=poolings))
        sizes[poolings] = hardware.count_parameters(space.build(space.default(), DIGITS))
    assert sizes["mean", "first"] - sizes["mean",] == 2 * 64  # the token and its place


def test_a_long_vector_is_refused_with_its_length():
    space = SearchSpace.of(catalog.get("transformer_encoder"))
    with pytest.raises(EvaluationError, match="sequence of 5,000 places, at most 1,024 fit\n.*'mlp'"):
        space.build(space.default(), TaskSpec((5000,), 2, domain="tabular"))


def test_an_unknown_scale_is_refused_with_the_nearest():
    with pytest.raises(SpaceError, match="did you mean 'tiny'"):
        catalog.get("autoformer", scale="tinny")
