"""Bad declarations are refused when the class is made, naming the class and the field."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

import searchitect as sa
from searchitect.errors import SpaceError
from searchitect.spaces import make_space
from tests.spaces.families import Average, Max


class Plain:
    """A class that is no space."""


NAN, INF = float("nan"), float("inf")

BAD = {
    "no options": (sa.choice(), "at least one option"),
    "equal numbers": (sa.choice(1, True), "stands twice"),
    "equal spellings": (sa.choice(1, 2, 1.0), r"option 1\.0 stands twice"),
    "equal labels": (sa.choice(Max, "Max"), "'Max' stands twice"),
    "infinite option": (sa.choice(1.0, INF), "cannot be an option"),
    "list as option": (sa.choice([1, 2], [3]), "cannot be an option"),
    "nested tuple": (sa.choice(((1, 2), 3)), "plain values only"),
    "lambda as option": (sa.choice(lambda x: x, 1), "cannot be an option"),
    "bare declaration as option": (sa.choice(sa.integer(1, 2), 3), "bare integer"),
    "too few weights": (sa.choice(1, 2, weights=[1.0]), r"one weight per option \(2\), got 1"),
    "negative weight": (sa.choice(1, 2, weights=[-1, 2]), "not negative"),
    "all weights zero": (sa.choice(1, 2, weights=[0, 0]), "not all zero"),
    "low above high": (sa.integer(5, 1), "low is above high"),
    "float bounds": (sa.integer(1.5, 3), "finite integer bounds"),  # type: ignore[arg-type]
    "boolean bounds": (sa.integer(False, True), "finite integer bounds"),
    "no step": (sa.integer(1, 5, step=0), "step is a positive integer"),
    "log and step": (sa.integer(1, 5, step=2, log=True), "cannot be combined"),
    "integer log from 0": (sa.integer(0, 5, log=True), "starts above 0"),
    "too many integers": (sa.integer(0, 2**60), r"at most 2\*\*48 values"),
    "nan": (sa.real(NAN, 1.0), "finite real bounds, got nan"),
    "infinity": (sa.real(0.0, INF), "finite real bounds, got inf"),
    "real log from 0": (sa.real(0.0, 1.0, log=True), "starts above 0"),
    "too wide": (sa.real(-1.7e308, 1.7e308), "too wide"),
    "text as bound": (sa.real("0", 1.0), "finite real bounds"),  # type: ignore[arg-type]
    "empty repeat": (sa.repeat(Max, 0, 0), "lengths"),
    "negative repeat": (sa.repeat(Max, -1, 2), "lengths"),
    "endless repeat": (sa.repeat(Max, 0, 10**6), "lengths"),
    "repeat of a class": (sa.repeat(Plain, 1, 2), "got Plain"),
    "repeat of a value": (sa.repeat(3, 1, 2), "expected a space or a declaration"),
    "repeat of a bad item": (sa.repeat(sa.choice(), 1, 2), "at least one option"),
    "optional of an optional": (sa.optional(sa.optional(Max)), "itself be None"),
    "optional of none": (sa.optional(sa.choice(None, 1)), "itself be None"),
    "nested value": (sa.nested(3), "nested takes a space"),  # type: ignore[arg-type,misc,var-annotated]
    "large subset": (sa.subset(range(3), 1, 4), "0 <= low <= high <= 3"),
    "subset of spaces": (sa.subset([Max, Average], 1, 2), "plain values"),
    "subset of tuples": (sa.subset([(1, 2)], 0, 1), "single values"),
    "no depth": (sa.choice(1, sa.recursive("Net", 0)), "depth of at least 1"),
    "recursion to a class": (sa.choice(1, sa.recursive(Max, 2)), "name of a space or a lambda"),
    "unknown role": (sa.choice(1, 2, role="recipe"), "'architecture' or 'training'"),  # type: ignore[call-overload]
    "impossible before": (sa.choice(1, 2, before=3), "before=3 is not one of its values"),
    "training inside": (sa.repeat(sa.real(0.0, 1.0, role="training"), 1, 2), "inside another"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_declaration_names_class_field_and_reason(name: str) -> None:
    declaration, reason = BAD[name]
    with pytest.raises(SpaceError, match=rf"(?s)Net\.field: .*{reason}"):
        make_space("Net", {"field": declaration})


@pytest.mark.parametrize("name", ["length", "some", "build", "recipe", "canonical", "_private"])
def test_names_that_mean_something_else_are_refused(name: str) -> None:
    with pytest.raises(SpaceError, match=rf"Net\.{name}: a decision cannot have this name"):
        make_space("Net", {name: sa.choice(1, 2)})


def test_a_decision_without_annotation_is_refused() -> None:
    with pytest.raises(SpaceError, match=r"Net\.width is a decision without an annotation"):

        @sa.space
        class Net:
            width = sa.choice(1, 2)


def test_an_annotation_without_decision_is_refused() -> None:
    with pytest.raises(SpaceError, match=r"(?s)Net\.width is annotated but is no decision.*ClassVar"):

        @sa.space
        class Net:
            width: int = 3


def test_class_variables_and_methods_are_left_alone() -> None:
    @sa.space
    class Net:
        STRIDE: ClassVar[int] = 2
        plain = 5
        width: int = sa.choice(1, 2)

        def twice(self) -> int:
            return self.width * self.STRIDE

    assert Net(2).twice() == 4
    assert Net.plain == 5


def test_an_unknown_training_decision_names_the_nearest_field_of_the_recipe() -> None:
    with pytest.raises(SpaceError, match=r"(?s)Net\.learning_rat: .*did you mean 'learning_rate'"):
        make_space("Net", {"learning_rat": sa.real(0.1, 1.0, role="training")})


def test_a_training_option_that_the_recipe_does_not_know_is_refused() -> None:
    with pytest.raises(SpaceError, match=r"(?s)Net\.optimizer: .*no optimizer 'adan'.*did you mean"):
        make_space("Net", {"optimizer": sa.choice("sgd", "adan", role="training")})


def test_a_training_decision_among_spaces_needs_a_recipe_method() -> None:
    with pytest.raises(SpaceError, match="define `def recipe"):
        make_space("Net", {"optimizer": sa.choice(Max, Average, role="training")})


def test_any_training_name_is_allowed_beside_a_recipe_method() -> None:
    @sa.space
    class Net:
        exponent: int = sa.integer(1, 4, role="training")

        def recipe(self) -> sa.Recipe:
            return sa.Recipe(learning_rate=10.0**-self.exponent)

    space = sa.SearchSpace.of(Net)
    assert space.recipe(sa.Architecture.of(Net(3))).learning_rate == pytest.approx(1e-3)


def test_a_training_decision_inside_a_repeat_is_refused() -> None:
    @sa.space
    class Part:
        learning_rate: float = sa.real(0.1, 1.0, role="training")

    @sa.space
    class Net:
        parts: tuple[Part, ...] = sa.repeat(Part, 1, 2)

    with pytest.raises(SpaceError, match=r"Part\.learning_rate is a training decision inside a repeat"):
        sa.SearchSpace.of(Net)


def test_a_plain_class_is_no_space_and_the_hint_says_what_to_type() -> None:
    with pytest.raises(SpaceError, match=r"(?s)expected a search space, got Plain.*@sa\.space before class Plain"):
        sa.SearchSpace.of(Plain)
    with pytest.raises(SpaceError, match="expected a class marked"):
        sa.SearchSpace.of(Max())


def test_decorating_something_else_than_a_class_is_refused() -> None:
    thing: Any = 3
    with pytest.raises(SpaceError, match="stands before a class"):
        sa.space(thing)
