"""An architecture is a value."""

from __future__ import annotations

import pickle

import pytest

import searchitect as sa
from searchitect.errors import SpaceError
from tests.spaces.families import Block, Classifier

GOOD = sa.Architecture("abc", {"width": 3, "wires": (1, 2), "name": None})


def test_it_cannot_be_changed() -> None:
    with pytest.raises(SpaceError, match="cannot be changed"):
        GOOD.space = "other"
    GOOD.decisions["width"] = 4  # type: ignore[index]
    assert GOOD["width"] == 3


def test_equality_and_hash_follow_space_decisions_and_types() -> None:
    assert sa.Architecture("abc", {"width": 3, "wires": (1, 2), "name": None}) == GOOD
    assert hash(GOOD) == hash(sa.Architecture("abc", {"width": 3, "wires": (1, 2), "name": None}))
    others = [
        sa.Architecture("abd", GOOD.decisions),
        sa.Architecture("abc", {"width": 3.0, "wires": (1, 2), "name": None}),
        sa.Architecture("abc", {"width": 3, "wires": (1, 2), "name": False}),
        sa.Architecture("abc", {"width": True}),
        sa.Architecture("abc", {"width": 1}),
        "abc",
    ]
    assert len({GOOD, *others}) == 7


def test_it_reads_like_a_mapping() -> None:
    assert list(GOOD) == ["width", "wires", "name"]
    assert len(GOOD) == 3
    assert "wires" in GOOD
    assert (GOOD.get("wires"), GOOD.get("depth", 7)) == ((1, 2), 7)
    assert dict(GOOD.items()) == GOOD.decisions
    assert repr(GOOD) == 'Architecture({"width":3,"wires":[1,2],"name":null})'
    with pytest.raises(SpaceError, match=r"(?s)no active decision 'depth'.*active: width, wires, name"):
        GOOD["depth"]


def test_json_and_pickle_both_ways() -> None:
    assert sa.Architecture.from_json(GOOD.to_json()) == GOOD
    assert pickle.loads(pickle.dumps(GOOD)) == GOOD  # noqa: S301
    assert GOOD.digest() == sa.Architecture("other", GOOD.decisions).digest()


@pytest.mark.parametrize(
    "document", [None, 3, {}, {"decisions": 3}, {"decisions": {"a": {"b": 1}}}, {"decisions": {"a": [[1]]}}]
)
def test_what_is_none_is_refused(document: object) -> None:
    with pytest.raises(SpaceError, match="expected a plain value|an architecture is"):
        sa.Architecture.from_json(document)


def test_it_is_made_of_a_typed_instance() -> None:
    block = Block(32, 5, "gelu")
    assert sa.Architecture.of(block).decisions == {"width": 32, "kernel": 5, "activation": "gelu"}
    assert sa.SearchSpace.of(Block).instance(sa.Architecture.of(block)) == block
    with pytest.raises(SpaceError, match="expected a search space, got int"):
        sa.Architecture.of(3)
    assert sa.Architecture.of(block).space == sa.SearchSpace.of(Block).digest != sa.SearchSpace.of(Classifier).digest
