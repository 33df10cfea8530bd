"""What the decorator makes of a class, wherever the class stands."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
import typing
from typing import Any

import cloudpickle
import pytest

import searchitect as sa
from searchitect.errors import SpaceError
from searchitect.spaces import make_space
from tests.spaces.families import Average, Block, Classifier, Max


def test_an_instance_is_a_frozen_comparable_dataclass() -> None:
    block = Block(16, 3, "relu")
    assert block == Block(width=16, kernel=3, activation="relu")
    assert hash(block) == hash(Block(16, 3, "relu"))
    with pytest.raises(dataclasses.FrozenInstanceError):
        block.width = 32  # type: ignore[misc]


def test_every_field_must_be_given() -> None:
    with pytest.raises(TypeError, match="activation"):
        Block(16, 3)  # type: ignore[call-arg]


def test_annotations_are_kept_as_written_and_never_evaluated() -> None:
    assert Block.__annotations__["width"] == "int"
    assert "STRIDE" in Block.__annotations__

    @sa.space
    class Odd:
        width: NoSuchName = sa.choice(1, 2)  # type: ignore[name-defined]  # noqa: F821

    assert sa.SearchSpace.of(Odd).size() == 2
    assert typing.get_type_hints(Average) == {"size": int}


def test_classes_inside_functions_work() -> None:
    @sa.space
    class Inner:
        width: int = sa.choice(1, 2)

    @sa.space
    class Outer:
        inner: Inner = sa.nested(Inner)
        width: int = sa.choice(1, 2)

    space = sa.SearchSpace.of(Outer)
    assert list(space.default().items()) == [("inner.width", 1), ("width", 1)]
    assert space.instance(space.default()) == Outer(Inner(1), 1)


def test_a_space_may_extend_another() -> None:
    @sa.space
    class Wide(Block):
        width: int = sa.choice(128, 256)
        groups: int = sa.choice(1, 2)

    space = sa.SearchSpace.of(Wide)
    assert list(space.default().items()) == [("width", 128), ("kernel", 3), ("activation", "relu"), ("groups", 1)]
    assert space.size() == 2 * 2 * 2 * 2
    assert sa.SearchSpace.of(Block).size() == 12


def test_a_subclass_must_be_decorated_too() -> None:
    class Wide(Block):
        pass

    with pytest.raises(SpaceError, match="expected a search space, got Wide"):
        sa.SearchSpace.of(Wide)

    class Undecorated:
        width: int = sa.choice(1, 2)

    with pytest.raises(SpaceError, match="extends Undecorated, whose decision 'width'"):

        @sa.space
        class Net(Undecorated):
            pass


def test_a_constraint_is_inherited_and_can_be_lifted() -> None:
    @sa.space
    class Strict:
        width: int = sa.integer(1, 4)

        @sa.constraint
        def even(self) -> bool:
            return self.width % 2 == 0

    @sa.space
    class Child(Strict):
        depth: int = sa.integer(1, 2)

    @sa.space
    class Lifted(Strict):
        def even(self) -> bool:
            return True

    assert [sa.SearchSpace.of(s).size() for s in (Strict, Child, Lifted)] == [2, 4, 4]


def test_a_constraint_that_names_no_field_is_refused() -> None:
    with pytest.raises(SpaceError, match=r"(?s)Net\.small: .*'widht', which is no field.*did you mean 'width'"):

        @sa.space
        class Net:
            width: int = sa.integer(1, 4)

            @sa.constraint("widht")
            def small(self) -> bool:
                return True


def test_make_space_equals_the_class_statement() -> None:
    declared: dict[str, Any] = {
        "width": sa.choice(16, 32, 64),
        "kernel": sa.choice(3, 5),
        "activation": sa.choice("relu", "gelu"),
    }
    made = make_space("Block", declared, {"build": lambda self: self.width}, doc="Made.")
    assert sa.SearchSpace.of(made).digest == sa.SearchSpace.of(Block).digest
    assert sa.SearchSpace.of(made).build(sa.SearchSpace.of(made).default()) == 16
    assert made.__doc__ == "Made."


def test_a_space_is_compiled_once_per_class() -> None:
    assert sa.SearchSpace.of(Block) is sa.SearchSpace.of(Block)
    assert sa.SearchSpace.of(sa.SearchSpace.of(Block)) is sa.SearchSpace.of(Block)


SCRIPT = """
import sys
import searchitect as sa

@sa.space
class Leaf:
    value: int = sa.choice(1, 2)

@sa.space
class Net:
    width: int = sa.choice(16, 32)
    part: object = sa.choice(Leaf, sa.recursive("Net", depth=2))

    @sa.constraint("width")
    def wide(self) -> bool:
        return self.width > 16

space = sa.SearchSpace.of(Net)
import cloudpickle
sys.stdout.buffer.write(cloudpickle.dumps((Net, space, space.default(), space.instance(space.default()))))
"""


def test_a_space_from_a_script_without_file_travels_to_another_process() -> None:
    written = subprocess.run([sys.executable, "-"], input=SCRIPT.encode(), capture_output=True, check=True).stdout
    net, space, architecture, instance = cloudpickle.loads(written)
    assert sa.SearchSpace.of(net) is space
    assert architecture == space.default()
    assert space.architecture(instance) == architecture
    assert instance == net(32, instance.part)
    assert space.size() == 2 + 2


def test_architectures_and_instances_of_a_module_travel() -> None:
    space = sa.SearchSpace.of(Classifier)
    moved = cloudpickle.loads(cloudpickle.dumps((space, space.default(), Max())))
    assert moved == (space, space.default(), Max())
