"""Keys, canonical forms, recipes, building: what a study asks of a space."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from typing import Any

import pytest

import searchitect as sa
from searchitect.errors import SpaceError
from searchitect.spaces import make_space
from searchitect.spaces.graphs import edges_as_nodes, graph_key
from searchitect.testing.spaces import check_space
from tests.spaces.families import Average, Block, Classifier, Leaf, Max, NasBench201, Tree

# A key that changes makes every finished study forget what it knows: these may never change.
GOLDEN_KEYS = {
    Block: "add7ccca31bba559075a3553db619004",
    Classifier: "111b4b448078e18e9fbc8f4a4415ec8f",
    Tree: "499629724e0fbc54cb3e5ec4df33c025",
    NasBench201: "64a6718b73aaa5ba6f908fa3dd5a3793",
}
GOLDEN_DIGESTS = {
    Block: "6ad35c09068e89f8",
    Classifier: "51671115cec27570",
}


@pytest.mark.parametrize("family", GOLDEN_KEYS, ids=lambda family: family.__name__)
def test_keys_never_change(family: type) -> None:
    space = sa.SearchSpace.of(family)
    assert space.key(space.default()) == GOLDEN_KEYS[family]


@pytest.mark.parametrize("family", GOLDEN_DIGESTS, ids=lambda family: family.__name__)
def test_digests_never_change(family: type) -> None:
    assert sa.SearchSpace.of(family).digest == GOLDEN_DIGESTS[family]


def test_a_key_depends_on_the_decisions_alone() -> None:
    small = sa.SearchSpace.of(make_space("Net", {"width": sa.choice(1, 2)}))
    grown = sa.SearchSpace.of(make_space("Other", {"width": sa.integer(1, 9)}))
    assert small.digest != grown.digest
    assert small.key(small.default()) == grown.key(grown.default())


def test_samples_are_the_same_in_another_process() -> None:
    script = (
        "import random, searchitect as sa; from tests.spaces.families import Classifier;"
        "print(sa.SearchSpace.of(Classifier).sample(random.Random(3)).text)"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True)
    assert run.stdout.strip() == sa.SearchSpace.of(Classifier).sample(random.Random(3)).text


@sa.space
class Cell:
    """A three-node cell; which operation stands on which edge matters up to isomorphism only."""

    first: str = sa.choice("none", "conv", "pool")
    second: str = sa.choice("none", "conv", "pool")

    def canonical(self) -> Cell:
        return Cell(*sorted((self.first, self.second)))


def test_isomorphic_architectures_share_one_key() -> None:
    space = sa.SearchSpace.of(Cell)
    assert space.key(sa.Architecture.of(Cell("pool", "conv"))) == space.key(sa.Architecture.of(Cell("conv", "pool")))
    assert space.size() == 9
    assert len({space.key(a) for a in space.enumerate()}) == 6
    check_space(Cell)


def test_canonical_may_be_a_static_method_on_architectures() -> None:
    @sa.space
    class Net:
        first: int = sa.choice(1, 2)
        second: int = sa.choice(1, 2)

        @staticmethod
        def canonical(architecture: sa.Architecture) -> sa.Architecture:
            low, high = sorted((architecture["first"], architecture["second"]))  # type: ignore[type-var]
            return sa.Architecture(architecture.space, {"first": low, "second": high})

    @sa.space
    class Child(Net):
        @classmethod
        def canonical(cls, architecture: sa.Architecture) -> sa.Architecture:  # type: ignore[override]
            return sa.Architecture(architecture.space, {"first": 1, "second": 1})

    assert len({sa.SearchSpace.of(Net).key(a) for a in sa.SearchSpace.of(Net).enumerate()}) == 3
    assert len({sa.SearchSpace.of(Child).key(a) for a in sa.SearchSpace.of(Child).enumerate()}) == 1


def test_nas_bench_201_falls_into_fewer_graphs_than_strings() -> None:
    """Cells that differ in dead edges, or in the numbering of nodes, are one graph."""
    order = [(0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3)]

    def key(architecture: sa.Architecture) -> str:
        edges = {e: str(architecture[f"edges.{i}"]) for i, e in enumerate(order)}
        return graph_key(*edges_as_nodes({e: op for e, op in edges.items() if op != "none"}, nodes=4))

    space = sa.SearchSpace.of(NasBench201)
    rng = random.Random(0)
    some = [space.sample(rng) for _ in range(300)]
    assert len({key(a) for a in some}) < len({a.text for a in some})


def test_a_recipe_takes_the_training_decisions() -> None:
    @sa.space
    class Sgd:
        momentum: float = sa.choice(0.5, 0.9, role="training")

    @sa.space
    class Net:
        width: int = sa.choice(1, 2)
        learning_rate: float = sa.real(1e-4, 1e-1, log=True, role="training")
        optimizer: str = sa.choice("sgd", "adam", role="training")
        more: Sgd = sa.nested(Sgd)

    space = sa.SearchSpace.of(Net)
    shown = Net(1, 0.02, "adam", Sgd(0.5))
    recipe = space.recipe(sa.Architecture.of(shown), sa.Recipe(epochs=3))
    assert recipe == sa.Recipe(epochs=3, learning_rate=0.02, optimizer="adam", momentum=0.5)
    assert space.recipe(space.default()).epochs == sa.Recipe().epochs


def test_two_decisions_for_one_field_of_the_recipe_are_refused() -> None:
    @sa.space
    class Part:
        momentum: float = sa.choice(0.5, 0.9, role="training")

    @sa.space
    class Net:
        first: Part = sa.nested(Part)
        second: Part = sa.nested(Part)

    space = sa.SearchSpace.of(Net)
    with pytest.raises(SpaceError, match=r"two active decisions fill the recipe's 'momentum'"):
        space.recipe(space.default())


def test_a_recipe_method_may_start_from_the_given_recipe_and_must_return_one() -> None:
    @sa.space
    class Net:
        slow: bool = sa.choice(False, True)

        def recipe(self, base: sa.Recipe) -> sa.Recipe:
            return base.updated({"epochs": base.epochs * 2}) if self.slow else base

    @sa.space
    class Wrong:
        slow: bool = sa.choice(False, True)

        def recipe(self) -> Any:
            return {"epochs": 3}

    space = sa.SearchSpace.of(Net)
    assert space.recipe(sa.Architecture.of(Net(True)), sa.Recipe(epochs=5)).epochs == 10
    with pytest.raises(SpaceError, match="returned dict, expected a"):
        sa.SearchSpace.of(Wrong).recipe(sa.SearchSpace.of(Wrong).default())


def test_build_gets_concrete_values_and_the_task_where_it_wants_one() -> None:
    @sa.space
    class Net:
        width: int = sa.choice(4, 8)

        def build(self, task: sa.TaskSpec) -> Any:
            return (self.width, task.outputs)

    @sa.space
    class Alone:
        width: int = sa.choice(4, 8)

        def build(self) -> Any:
            return self.width

    spec = sa.TaskSpec((3, 8, 8), 10)
    space, alone = sa.SearchSpace.of(Net), sa.SearchSpace.of(Alone)
    assert space.build(space.default(), spec) == (4, 10)
    assert alone.build(alone.default(), spec) == alone.build(alone.default()) == 4
    with pytest.raises(SpaceError, match=r"Net\.build wants the shapes of a task"):
        space.build(space.default())
    with pytest.raises(SpaceError, match="Average has no build method"):
        sa.SearchSpace.of(Average).build(sa.SearchSpace.of(Average).default(), spec)


def test_the_default_is_the_first_option_everywhere() -> None:
    space = sa.SearchSpace.of(Classifier)
    shown = Classifier((Block(16, 3, "relu"),), Max(), (0,), None, 0.00316227766017)
    assert space.instance(space.default()) == shown
    assert sa.SearchSpace.of(Tree).instance(sa.SearchSpace.of(Tree).default()) == Tree(Leaf(1), Leaf(1))


def test_a_study_loop_of_a_thousand_trials_takes_a_fraction_of_a_second() -> None:
    """4,000 trials/s leave 250 µs a trial; a mutation, a key and a check take far less."""
    space = sa.SearchSpace.of(Classifier)
    rng = random.Random(0)
    here = space.sample(rng)
    started = time.process_time()
    for _ in range(1_000):
        here = space.mutate(here, rng)
        space.key(here)
        space.contains(here)
    assert time.process_time() - started < 0.5
