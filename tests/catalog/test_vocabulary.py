from __future__ import annotations

import pytest

from searchitect import nn
from searchitect.catalog.layer_modules import BUILD
from searchitect.catalog.vocabulary import ACTIVATION_NAMES, ALIASES, LAYERS, NORM_NAMES, find
from searchitect.errors import SpaceError


@pytest.mark.parametrize(
    ("name", "short", "fixed"),
    [
        ("Conv2D", "conv", {}),
        ("conv", "conv", {}),
        ("nn.Conv1d", "conv", {}),
        ("SeparableConv2D", "conv", {"convolution": "separable"}),
        ("DepthwiseConv2D", "conv", {"convolution": "depthwise"}),
        ("MaxPooling2D", "pool", {"how": "max"}),
        ("MaxPool2d", "pool", {"how": "max"}),
        ("AveragePooling2D", "pool", {"how": "average"}),
        ("AvgPool2d", "pool", {"how": "average"}),
        ("GlobalAveragePooling2D", "global_pool", {"how": "average"}),
        ("AdaptiveAvgPool2d", "global_pool", {"how": "average"}),
        ("Dense", "fc", {}),
        ("Linear", "fc", {}),
        ("Flatten", "flatten", {}),
        ("Dropout", "dropout", {}),
        ("BatchNormalization", "norm", {"how": "batch"}),
        ("BatchNorm2d", "norm", {"how": "batch"}),
        ("LeakyReLU", "activation", {"function": "leaky_relu"}),
        ("Activation", "activation", {}),
    ],
)
def test_names_of_other_libraries_are_understood(name, short, fixed):
    kind, found = find(name)
    assert (kind.name, found) == (short, fixed)


def test_an_unknown_layer_names_the_nearest():
    with pytest.raises(SpaceError, match="no layer is called 'MaxPolling2D'[\\s\\S]*did you mean 'MaxPooling2D'"):
        find("MaxPolling2D")


def test_the_names_written_here_are_those_of_the_modules():
    assert set(ACTIVATION_NAMES) == set(nn.ACTIVATIONS)
    assert set(NORM_NAMES) == set(nn.NORMS)
    assert set(BUILD) == set(LAYERS)


def test_aliases_lead_to_layers_and_fields_that_exist():
    for short, fixed in ALIASES.values():
        names = {field.name: field for field in LAYERS[short].fields}
        assert all(value in names[name].names for name, value in fixed.items())
