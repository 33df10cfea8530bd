"""A recipe is a frozen value with known names."""

from __future__ import annotations

import json

import pytest

import searchitect as sa
from searchitect.errors import ConfigError


def test_fields_are_replaced_in_a_copy() -> None:
    base = sa.Recipe()
    assert base.updated({"epochs": 3}).epochs == 3
    assert base.updated({}) == base == sa.Recipe()


def test_an_unknown_field_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"(?s)no field 'epoch'.*did you mean 'epochs'"):
        sa.Recipe().updated({"epoch": 3})


def test_it_is_plain_json() -> None:
    document = json.loads(json.dumps(sa.Recipe(optimizer="sgd").to_json()))
    assert sa.Recipe().updated(document) == sa.Recipe(optimizer="sgd")
    assert tuple(document) == sa.Recipe.names()[:-1]  # as older studies have it
    assert tuple(sa.Recipe(averaging="ema").to_json()) == sa.Recipe.names()
