from __future__ import annotations

import json
import subprocess
import sys

import pytest
from torch import nn

import searchitect as sa
from searchitect import catalog
from searchitect.errors import SpaceError
from searchitect.spaces import SearchSpace, TaskSpec, choice, space


def test_equal_words_give_the_same_class():
    assert catalog.get("plain_cnn") is catalog.get("plain_cnn")
    assert catalog.get("mlp", widths=[8, 16]) is sa.catalog.mlp(widths=(8, 16))
    assert catalog.get("mlp") is not catalog.get("mlp", widths=(8, 16))


def test_a_parameter_equal_to_its_default_changes_nothing():
    assert catalog.get("mlp", layers=(1, 3)) is catalog.get("mlp")


@pytest.mark.parametrize("family", sorted(catalog.FAMILIES))
def test_a_space_is_made_again_of_the_words_it_recorded(family):
    words = json.loads(json.dumps(catalog.reference(catalog.get(family))))
    assert words == {"family": family, "parameters": {}}
    assert catalog.resolve(words) is catalog.get(family)


def test_parameters_travel_with_the_words():
    made = catalog.get("plain_cnn", widths=(8, 16), stages=(1, 2))
    words = catalog.reference(made)
    assert words == {"family": "plain_cnn", "parameters": {"stages": [1, 2], "widths": [8, 16]}}
    assert SearchSpace.of(catalog.resolve(words)).digest == SearchSpace.of(made).digest


def test_a_users_own_class_has_no_words():
    @space
    class Mine:
        width: int = choice(1, 2)

    assert catalog.reference(Mine) is None


def test_the_digest_knows_parameters_that_are_no_decisions():
    spaces = [catalog.get("plain_cnn"), catalog.get("plain_cnn", normalisation="group")]
    assert len({SearchSpace.of(space).digest for space in spaces}) == 2


def test_digests_are_the_same_in_another_process():
    code = (
        "from searchitect import catalog; from searchitect.spaces import SearchSpace\n"
        "digests = [SearchSpace.of(catalog.get(name)).digest for name in catalog.FAMILIES]\n"
        "import sys; print(digests, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    digests = [SearchSpace.of(catalog.get(name)).digest for name in catalog.FAMILIES]
    assert done.stdout.strip() == f"{digests} False"


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: catalog.get("plain_cmm"), "did you mean 'plain_cnn'"),
        (lambda: catalog.get("mlp", width=(1, 2)), "did you mean 'widths'"),
        (lambda: catalog.get("mlp", widths=object()), "mlp: widths: expected a plain value"),
        (lambda: catalog.get("mlp", widths=list(range(2000))), "a list of up to 1000"),
        (lambda: catalog.resolve({"family": "mlp", "parameters": 3}), "are a dictionary"),
        (lambda: catalog.resolve({"nothing": 1}), "expected"),
    ],
)
def test_unknown_words_are_refused_with_the_nearest(call, words):
    with pytest.raises(SpaceError, match=words):
        call()


def test_the_catalogue_lists_its_families_where_an_attribute_is_unknown():
    with pytest.raises(AttributeError, match="families: mlp, plain_cnn, resnet"):
        sa.catalog.resnot


def test_a_new_line_in_the_registry_is_a_new_family(monkeypatch):
    monkeypatch.setitem(catalog.FAMILIES, "small", "searchitect.catalog.families.mlp:mlp")
    made = catalog.get("small", widths=(4, 8))
    assert catalog.reference(made) == {"family": "small", "parameters": {"widths": [4, 8]}}


@pytest.mark.parametrize(
    ("spec", "family"),
    [
        (TaskSpec((1, 8, 8), 10), "plain_cnn"),
        (TaskSpec((3, 2, 2), 10), "mlp"),
        (TaskSpec((30,), 2, domain="tabular"), "mlp"),
        (TaskSpec((10,), 1, "regression", "tabular"), "mlp"),
    ],
)
def test_images_start_with_convolutions_and_tables_with_a_perceptron(spec, family):
    assert catalog.reference(catalog.default_for(spec))["family"] == family


def test_larger_images_start_with_thin_layers_on_large_maps_and_wide_ones_on_small_maps():
    space = SearchSpace.of(catalog.default_for(TaskSpec((1, 28, 28), 10)))
    model = space.build(space.default(), TaskSpec((1, 28, 28), 10))
    widths = [layer.out_channels for layer in model.modules() if isinstance(layer, nn.Conv2d)]
    assert widths == [16, 32, 64, 128]
