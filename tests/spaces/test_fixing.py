"""A decision that is made stays a decision, of one value."""

import random

import pytest

import searchitect as sa
from searchitect import catalog
from searchitect.errors import SpaceError
from searchitect.spaces import SearchSpace
from searchitect.spaces.fixing import fix, training_defaults


@sa.space
class Part:
    size: int = sa.choice(1, 2)


@sa.space
class Net:
    width: int = sa.choice(16, 32)
    parts: tuple[Part, ...] = sa.repeat(Part, 1, 2)
    learning_rate: float = sa.real(1e-3, 1e-1, log=True, role="training")
    augmentation: str = sa.choice("none", "flip", role="training")

    def build(self):
        return self.width, self.learning_rate


def test_what_is_fixed_has_one_value_and_its_role():
    fixed = SearchSpace.of(fix(Net, {"learning_rate": 0.02, "augmentation": "flip"}))
    drawn = [fixed.sample(random.Random(seed)) for seed in range(20)]
    assert {a["learning_rate"] for a in drawn} == {0.02}
    assert {a["width"] for a in drawn} == {16, 32}
    assert fixed.recipe(drawn[0]) == sa.Recipe(learning_rate=0.02, augmentation="flip")
    assert fixed.size() == SearchSpace.of(Net).size() // 2


def test_its_architectures_are_architectures_of_the_whole_space():
    fixed, whole = SearchSpace.of(fix(Net, {"learning_rate": 0.02})), SearchSpace.of(Net)
    architecture = fixed.sample(random.Random(1))
    again = sa.Architecture(whole.digest, architecture.decisions)
    assert whole.contains(again)
    assert whole.build(again) == fixed.build(architecture)
    assert fixed.digest != whole.digest


def test_nothing_to_fix_gives_the_class_itself():
    assert fix(Net, {}) is Net
    assert training_defaults(Part) == {}


def test_training_defaults_are_those_of_the_default_architecture():
    assert training_defaults(Net) == {"learning_rate": pytest.approx(0.01), "augmentation": "none"}
    assert fix(Net, training_defaults(Net)) is not Net


def test_a_fixed_catalogue_space_is_still_one():
    space = catalog.get("plain_cnn")
    assert catalog.reference(fix(space, training_defaults(space))) == catalog.reference(space)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"widht": 16}, "not 'widht'"),
        ({"parts": 1}, "not 'parts'"),
        ({"width": 17}, "cannot be 17"),
        ({"learning_rate": 1.0}, "cannot be 1.0"),
    ],
)
def test_what_cannot_be_fixed_is_refused(values, told):
    with pytest.raises(SpaceError, match=told):
        fix(Net, values)
